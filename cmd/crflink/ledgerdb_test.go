package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/store/postgres"
)

// databaseCommand is the command of scripts that makes an empty database of PostgreSQL, and puts its address into $DATABASE and its password
// into $DATABASE_PASSWORD.
func databaseCommand(t *testing.T) func(*testscript.TestScript, bool, []string) {
	cluster := sync.OnceValue(func() *shared.Cluster { return shared.Postgres(t) })
	return func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) != 1 {
			ts.Fatalf("usage: database NAME")
		}
		ts.Setenv("DATABASE", cluster().Database(t, args[0]))
		ts.Setenv("DATABASE_PASSWORD", cluster().Password)
	}
}

// inPostgres says in the study file that the ledger is in a database, which it returns.
func (j *job) inPostgres(t *testing.T, cluster *shared.Cluster, name string) store.Place {
	t.Helper()
	p := store.Place{Address: postgres.Address{URL: cluster.Database(t, name), Password: cluster.Password}, Schema: "ledger_psma_registry"}
	j.env = append(j.env, "LEDGER_PASSWORD="+cluster.Password)
	j.nameLedger(t, p)
	return p
}

func (j *job) nameLedger(t *testing.T, p store.Place) {
	t.Helper()
	j.write(t, "study.yaml", strings.Replace(j.read(t, "study.yaml"), "\nstate:", "\nledger: {postgres: \""+p.URL+"\", password-env: LEDGER_PASSWORD}\nstate:", 1))
}

func (j *job) migrateArgs(p store.Place) []string {
	return []string{"migrate", "study.yaml", "--to", p.URL, "--password-env", "LEDGER_PASSWORD"}
}

// ledgerIn opens the job's ledger in PostgreSQL.
func (j *job) ledgerIn(t *testing.T, p store.Place) *store.Postgres {
	t.Helper()
	study, _, err := pipeline.LoadStudy(j.path("study.yaml"))
	must(t, err)
	l, err := store.OpenPostgres(t.Context(), p, study.Dictionary)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func dumpIn(t *testing.T, l ecrf.Ledger) string {
	t.Helper()
	var b bytes.Buffer
	must(t, ecrf.Dump(t.Context(), &b, l))
	return b.String()
}

// TestAStudyKeepsItsLedgerInPostgreSQL: the same vault and source give the same ledger and the same files, wherever the ledger is, and a second
// run writes nothing.
func TestAStudyKeepsItsLedgerInPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster := shared.Postgres(t)
	source := "files: [" + hospital(t, 4, 60) + "]"
	file := newJob(t, source)
	file.sync(t)
	must(t, os.Remove(file.path("out/state/ledger.db")))
	file.sync(t) // on a vault that is filled, as the other one below
	j := newJob(t, source)
	j.write(t, "out/state/vault.db", file.read(t, "out/state/vault.db"))
	place := j.inPostgres(t, cluster, "study_ledger")
	if s := j.run(t, "audit", "verify", "study.yaml"); s.code != exitNothing || !strings.Contains(s.err, "run crflink sync first") {
		t.Errorf("before the first run: %d %s", s.code, s.err)
	}
	first := jsonReport(t, j.sync(t, "--json"))
	l := j.ledgerIn(t, place)
	dump := dumpIn(t, l)
	if dump != file.dump(t) || len(dump) < 100000 {
		t.Error("the ledgers differ")
	}
	same(t, file.delivered(t), j.delivered(t))
	for _, more := range [][]string{{"--json"}, {"--json", "--full"}} {
		again := jsonReport(t, j.sync(t, more...))
		if c := again.Cells; c.New != 0 || c.Changed != 0 || c.Filled != first.Cells.Filled || first.Cells.New < 1000 {
			t.Errorf("sync %v writes %+v, after %+v", more, c, first.Cells)
		}
	}
	if dumpIn(t, l) != dump {
		t.Error("a second run changed the ledger")
	}
	if _, err := os.Stat(j.path("out/state/ledger.db")); err == nil {
		t.Error("there is a ledger in the state folder")
	}
	if s := j.run(t, "audit", "verify", "study.yaml"); !strings.Contains(s.out, "gap 1") || strings.Contains(s.out, "altered") { // the vault's anchor is of the file
		t.Errorf("audit verify: %d %s%s", s.code, s.out, s.err)
	}
	if s := j.run(t, "doctor", "study.yaml"); s.code != exitDone || !strings.Contains(s.out, "PostgreSQL 1") || strings.Contains(s.out+s.err, cluster.Password) {
		t.Errorf("doctor: %d %s%s", s.code, s.out, s.err)
	}
	must(t, l.HoldRun(t.Context())) // as a run on another machine does
	if s := j.run(t, j.syncArgs()...); s.code != exitServer || !strings.Contains(s.err, "another run of this study is under way, on another machine") {
		t.Errorf("beside another run: %d %s", s.code, s.err)
	}
	if s := j.run(t, "explain", "study.yaml", "--subject", "nobody", "--item", "demographics.sex"); strings.Contains(s.err, "under way") {
		t.Errorf("a reader beside a run: %d %s", s.code, s.err)
	}
	must(t, l.Close())
	subject := subjectsIn(t, j)[0]
	for _, args := range [][]string{{"confirm", "study.yaml", "--subject", subject, "--by", "A. Person", "--reason", "a test"}, {"run", "study.yaml"}} {
		if s := j.run(t, append([]string{"withdraw"}, args...)...); s.code != exitDone && s.code != exitIncomplete {
			t.Fatalf("withdraw: %d %s", s.code, s.err)
		}
	}
	l = j.ledgerIn(t, place)
	if left := dumpIn(t, l); strings.Contains(left, `"`+subject+`"`) || len(left) < len(dump)/2 {
		t.Error("a withdrawn subject is left, or all are gone")
	}
	j.write(t, "out/state/ledger.db.moved", "as a migration leaves it")
	if s := j.run(t, "retire", "study.yaml", "--by", "A. Officer", "--reason", "the study ended", "--confirm", "psma-registry"); s.code != exitDone {
		t.Errorf("retire: %d %s", s.code, s.err)
	}
	if left := dumpIn(t, l); left != "" {
		t.Errorf("after the study's end there is %s", left)
	}
	if _, err := os.Stat(j.path("out/state/ledger.db.moved")); err == nil {
		t.Error("after the study's end the old ledger is left")
	}
	must(t, l.Close())
	other := newJob(t, source, "id: psma-registry\n", "id: psma-registry-2\n")
	other.env = append(other.env, "LEDGER_PASSWORD="+cluster.Password)
	other.nameLedger(t, place)
	other.write(t, "study.yaml", strings.Replace(other.read(t, "study.yaml"), "password-env: LEDGER", "schema: ledger_psma_registry, password-env: LEDGER", 1))
	if s := other.run(t, other.syncArgs()...); s.code != exitUsage || strings.Contains(s.err, cluster.Password) {
		t.Errorf("another study in the same schema: %d %s", s.code, s.err)
	}
	other.env = append(other.env, "LEDGER_PASSWORD=wrong-canary")
	if s := other.run(t, other.syncArgs()...); s.code != exitServer || !strings.Contains(s.err, "password authentication failed") || strings.Contains(s.err, "canary") {
		t.Errorf("a wrong password: %d %s", s.code, s.err)
	}
}

// TestALedgerThatIsMigratedGoesOn moves a study's ledger into PostgreSQL between two nights, with kills on the way: nothing is written twice,
// and the audit's chain is whole.
func TestALedgerThatIsMigratedGoesOn(t *testing.T) {
	t.Parallel()
	cluster := shared.Postgres(t)
	j := newJob(t, "files: ["+hospital(t, 5, 60)+"]")
	place := store.Place{Address: postgres.Address{URL: cluster.Database(t, "moved"), Password: cluster.Password}, Schema: "ledger_psma_registry"}
	j.env = append(j.env, "LEDGER_PASSWORD="+cluster.Password)
	first := jsonReport(t, j.sync(t, "--json"))
	dump, files := j.dump(t), j.delivered(t)
	random := rand.New(rand.NewPCG(3, 7))
	kills := 0
	for range 8 { // a migration takes some 300 ms
		c := j.command(t.Context(), j.migrateArgs(place)...)
		must(t, c.Start())
		timer := time.AfterFunc(time.Duration(random.IntN(250))*time.Millisecond, func() { _ = c.Process.Kill() })
		if c.Wait() != nil {
			kills++
		}
		timer.Stop()
	}
	if s := j.run(t, j.migrateArgs(place)...); s.code != exitDone || !strings.Contains(s.out, `schema: "ledger_psma_registry"`) {
		t.Fatalf("migrate: %d %s%s", s.code, s.out, s.err)
	}
	t.Logf("%d kills", kills)
	if s := j.run(t, j.syncArgs()...); s.code != exitUsage || !strings.Contains(s.err, "was moved to PostgreSQL") {
		t.Errorf("without the ledger in the study file: %d %s", s.code, s.err)
	}
	if s := j.run(t, "completeness", "study.yaml"); s.code == exitDone || !strings.Contains(s.err, "was moved to PostgreSQL") {
		t.Errorf("a reader without the ledger in the study file: %d %s", s.code, s.err)
	}
	j.nameLedger(t, place)
	l := j.ledgerIn(t, place)
	if dumpIn(t, l) != dump {
		t.Error("the ledgers differ")
	}
	again := jsonReport(t, j.sync(t, "--json", "--full"))
	if c := again.Cells; c.New != 0 || c.Changed != 0 || c.Filled != first.Cells.Filled {
		t.Errorf("after the migration %+v is written, before it was %+v", c, first.Cells)
	}
	same(t, files, j.delivered(t))
	if s := j.run(t, "audit", "verify", "study.yaml"); s.code != exitDone {
		t.Errorf("audit verify: %d %s%s", s.code, s.out, s.err)
	}
	if s := j.run(t, "audit", "show", "study.yaml", "--kind", string(audit.LedgerMoved)); strings.Count(s.out, string(audit.LedgerMoved)) != 1 {
		t.Errorf("the audit does not tell it once: %s", s.out)
	}
	must(t, os.Rename(j.path("out/state/ledger.db.moved"), j.path("out/state/ledger.db"))) // somebody brings it back
	if s := j.run(t, j.syncArgs()...); s.code != exitUsage || !strings.Contains(s.err, "there still is one in") {
		t.Errorf("two ledgers: %d %s", s.code, s.err)
	}
	if s := j.run(t, j.migrateArgs(place)...); s.code != exitUsage || !strings.Contains(s.err, "holds something else already") {
		t.Errorf("over a ledger that went on: %d %s", s.code, s.err)
	}
}

// TestAMigrationThatEndedBetweenItsStepsIsFinished: the rows are there and the file is not yet put aside; the file is put aside and the audit does not
// tell of it yet.
func TestAMigrationThatEndedBetweenItsStepsIsFinished(t *testing.T) {
	t.Parallel()
	cluster := shared.Postgres(t)
	j := newJob(t, "files: ["+hospital(t, 4, 10)+"]")
	j.env = append(j.env, "LEDGER_PASSWORD="+cluster.Password)
	j.sync(t)
	study, _, err := pipeline.LoadStudy(j.path("study.yaml"))
	must(t, err)
	for i, aside := range []bool{false, true} {
		path := j.path("out/state/ledger.db")
		place := store.Place{Address: postgres.Address{URL: cluster.Database(t, []string{"one", "two"}[i]), Password: cluster.Password}, Schema: "ledger_psma_registry"}
		from, err := store.OpenLedger(t.Context(), path, study.Dictionary)
		must(t, err)
		_, err = store.Move(t.Context(), from, place)
		must(t, err)
		must(t, from.Close())
		if aside {
			must(t, os.Rename(path, path+".moved"))
			elsewhere := place
			elsewhere.URL = cluster.Database(t, "elsewhere")
			if s := j.run(t, j.migrateArgs(elsewhere)...); s.code != exitUsage || !strings.Contains(s.err, "was moved before") {
				t.Errorf("elsewhere: %d %s", s.code, s.err)
			}
		}
		for range 2 {
			if s := j.run(t, j.migrateArgs(place)...); s.code != exitDone {
				t.Fatalf("aside %v: %d %s", aside, s.code, s.err)
			}
		}
		told := 0
		for e, err := range j.ledgerIn(t, place).Audit().Entries(t.Context(), 0) {
			if must(t, err); e.Kind == audit.LedgerMoved {
				told++
			}
		}
		if told != 1 {
			t.Errorf("aside %v: the audit tells of it %d times", aside, told)
		}
		must(t, os.Rename(path+".moved", path))
	}
}
