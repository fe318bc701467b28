package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/pipeline"
)

// delivered subjects of a job, in order.
func (j *job) subjects(t *testing.T) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(j.read(t, "out/tables/cells.csv")) {
		number, _, _ := strings.Cut(line, ",")
		if number != "subject" && !slices.Contains(all, number) {
			all = append(all, number)
		}
	}
	return all
}

// refuse adds refusals of delivered subjects to a hospital.
func refuse(t *testing.T, folder string, numbers ...string) {
	t.Helper()
	enrolled, err := os.ReadFile(filepath.Join(folder, "ResearchSubject.ndjson"))
	must(t, err)
	patient := regexp.MustCompile(`"reference":"Patient/([^"]+)"`)
	var lines []string
	for line := range strings.Lines(string(enrolled)) {
		for _, number := range numbers {
			if strings.Contains(line, `"`+number+`"`) {
				id := patient.FindStringSubmatch(line)[1]
				lines = append(lines, fmt.Sprintf(`{"resourceType":"Consent","id":"no-%s","status":"active","category":[{"coding":[{"system":"http://loinc.org","code":"57016-8"}]}],"patient":{"reference":"Patient/%s"},"dateTime":"2026-06-01","policy":[{"uri":"urn:oid:2.16.840.1.113883.3.1937.777.24.2.2720"}],"provision":{"type":"deny","period":{"start":"2026-06-01"}}}`, id, id))
			}
		}
	}
	if len(lines) != len(numbers) {
		t.Fatalf("%d of %d subjects are enrolled", len(lines), len(numbers))
	}
	must(t, os.WriteFile(filepath.Join(folder, "refusals.ndjson"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// sameState gives a job what another one has written.
func (j *job) sameState(t *testing.T, from *job) {
	t.Helper()
	must(t, os.RemoveAll(j.path("out")))
	must(t, os.CopyFS(j.path("out"), os.DirFS(from.path("out"))))
	for _, name := range files(t, j.path("out")) {
		must(t, os.Chmod(j.path("out/"+name), 0o600))
	}
}

func (j *job) withdrawals(t *testing.T) pipeline.Withdrawals {
	t.Helper()
	s := j.run(t, "withdraw", "list", "study.yaml", "--json")
	var list pipeline.Withdrawals
	if err := json.Unmarshal([]byte(s.out), &list); err != nil || s.code != exitDone {
		t.Fatalf("list ends with %d: %v %s", s.code, err, s.err)
	}
	return list
}

// killedWithdrawing starts a sync and kills it some time after it has begun the first withdrawal. It reports false when the
// child was faster.
func (j *job) killedWithdrawing(t *testing.T, after time.Duration) bool {
	t.Helper()
	c := j.command(t.Context(), j.syncArgs()...)
	must(t, c.Start())
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
		if text, err := os.ReadFile(j.path("out/state/withdrawals.journal")); err == nil && strings.Contains(string(text), `"began"`) {
			break
		}
	}
	<-time.After(after)
	_ = c.Process.Kill() // it may have ended by itself
	_ = c.Wait()         // killed: that is the point
	return c.ProcessState.ExitCode() == -1
}

// TestAWithdrawalThatIsKilledAtAnyInstantIsFinishedByTheNextRun kills runs that withdraw, and compares with one that nobody
// interrupted.
func TestAWithdrawalThatIsKilledAtAnyInstantIsFinishedByTheNextRun(t *testing.T) {
	t.Parallel()
	folder := hospital(t, 31, 60)
	before := newJob(t, "files: ["+folder+"]")
	before.sync(t)
	victims := before.subjects(t)[3:7]
	refuse(t, folder, victims...)
	calm := newJob(t, "files: ["+folder+"]")
	calm.sameState(t, before)
	begin := time.Now()
	calm.sync(t)
	usual := time.Since(begin)
	dump, delivered := calm.dump(t), calm.delivered(t)
	for _, v := range victims {
		if strings.Contains(dump, v) {
			t.Fatalf("%s is in the ledger of the calm run", v)
		}
	}
	random := rand.New(rand.NewPCG(17, 19))
	kills, goal, begun := 0, 24, 0
	if testing.Short() {
		goal = 6
	}
	for round := 0; kills < goal || begun < goal/4; round++ {
		j := newJob(t, "files: ["+folder+"]")
		j.sameState(t, before)
		for range random.IntN(2) {
			if j.killed(t, random, usual) {
				kills++
			}
		}
		if j.killedWithdrawing(t, time.Duration(random.Int64N(int64(usual/8)))) {
			kills++
		}
		if text := j.read(t, "out/state/withdrawals.journal"); strings.Contains(text, `"began"`) && strings.Count(text, `"done"`) < len(victims) {
			begun++
		}
		j.sync(t)
		j.sameAs(t, "after kills", dump, delivered)
		list := j.withdrawals(t)
		if len(list.Withdrawals) != len(victims) || len(list.Tasks) != len(victims) {
			t.Errorf("%d withdrawals and %d tasks of %d subjects", len(list.Withdrawals), len(list.Tasks), len(victims))
		}
		for _, w := range list.Withdrawals {
			if w.State != pipeline.StateDone {
				t.Errorf("after kills a withdrawal is %s", w.State)
			}
		}
		if s := j.run(t, "audit", "verify", "study.yaml"); s.code != exitDone {
			t.Errorf("after kills the audit is not sound: %s%s", s.out, s.err)
		}
		if round > 6*goal {
			t.Fatal("the children end before they can be killed")
		}
	}
	t.Logf("%d kills, %d of them in the middle of withdrawals; a run takes %v", kills, begun, usual)
}

// TestARestoredBackupWithdrawsFirst puts databases of before a withdrawal back, and lets the hospital lose the refusals.
func TestARestoredBackupWithdrawsFirst(t *testing.T) {
	t.Parallel()
	for name, restored := range map[string][]string{"ledger": {"ledger.db"}, "vault": {"vault.db"}, "both": {"ledger.db", "vault.db"}} {
		for _, command := range [][]string{{"withdraw", "run", "study.yaml"}, {"sync", "study.yaml", "--as-of", asOf, "--replay"}} {
			t.Run(name+" "+command[0], func(t *testing.T) {
				folder := hospital(t, 32, 40)
				j := newJob(t, "files: ["+folder+"]")
				j.sync(t)
				victims := j.subjects(t)[2:4]
				backup := map[string]string{}
				for _, file := range restored {
					backup[file] = j.read(t, "out/state/"+file)
				}
				refuse(t, folder, victims...)
				j.sync(t)
				after := j.delivered(t)
				must(t, os.Remove(filepath.Join(folder, "refusals.ndjson")))
				for file, content := range backup {
					for _, side := range []string{"-wal", "-shm"} {
						must(t, os.RemoveAll(j.path("out/state/"+file+side)))
					}
					j.write(t, "out/state/"+file, content)
				}
				if s := j.run(t, command...); s.code != exitDone && s.code != exitIncomplete {
					t.Fatalf("%v ends with %d: %s", command, s.code, s.err)
				}
				for _, v := range victims {
					if strings.Contains(j.dump(t), v) {
						t.Errorf("%s is in the ledger again", v)
					}
					s := j.run(t, "withdraw", "confirm", "study.yaml", "--subject", v, "--by", "a tester", "--reason", "is it known")
					if !strings.Contains(s.err, "nobody has this subject number") {
						t.Errorf("%s is in the vault again: %s", v, s.err)
					}
				}
				if got := j.delivered(t); fmt.Sprint(got) != fmt.Sprint(after) {
					t.Error("what is delivered changed")
				}
				if list := j.withdrawals(t); len(list.Withdrawals) != 2 || len(list.Tasks) != 2 {
					t.Errorf("%+v", list)
				}
			})
		}
	}
}

// TestNoTokenIsInWhatAWithdrawalLeaves withdraws subjects of patients whose every text that must not leave is a token.
func TestNoTokenIsInWhatAWithdrawalLeaves(t *testing.T) {
	t.Parallel()
	s := newSpoiler(t)
	folder := spoiltHospital(t, s, shared.Dir(t, "data", "mii-kds-testdata", "resources"))
	j := newJob(t, "files: ["+folder+"]", issuedByPatientID...).keyWithToken()
	j.sync(t)
	numbers := j.subjects(t)
	if len(numbers) < 2 {
		t.Fatalf("only %d subjects", len(numbers))
	}
	j.leaks(t, "confirm", j.run(t, "withdraw", "confirm", "study.yaml", "--subject", numbers[0], "--by", "a tester", "--reason", "letter"))
	j.leaks(t, "list", j.run(t, "withdraw", "list", "study.yaml"))
	j.leaks(t, "run", j.run(t, "withdraw", "run", "study.yaml"))
	j.leaks(t, "list --json", j.run(t, "withdraw", "list", "study.yaml", "--json"))
	j.leaks(t, "the next sync", j.sync(t, "--json", "--html", "out/report.html"))
	list := j.withdrawals(t)
	if len(list.Withdrawals) != 1 || list.Withdrawals[0].State != pipeline.StateDone || slices.Contains(j.subjects(t), numbers[0]) {
		t.Errorf("%+v", list)
	}
	journal := j.read(t, "out/state/withdrawals.journal")
	if strings.Contains(journal, numbers[0]) || !strings.Contains(journal, `"done"`) {
		t.Errorf("the journal is %s", journal)
	}
}
