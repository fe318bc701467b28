package main

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// killed starts a sync and kills it at a random instant of a run's usual time. It reports false when the child was
// faster.
func (j *job) killed(t *testing.T, random *rand.Rand, usual time.Duration) bool {
	t.Helper()
	c := j.command(t.Context(), j.syncArgs()...)
	must(t, c.Start())
	timer := time.NewTimer(time.Duration(random.Int64N(int64(usual))))
	<-timer.C
	_ = c.Process.Kill() // it may have ended by itself
	_ = c.Wait()         // killed: that is the point
	return c.ProcessState.ExitCode() == -1
}

// sameAs compares ledger and delivered files with those of an uninterrupted run.
func (j *job) sameAs(t *testing.T, what, dump string, files map[string]string) {
	t.Helper()
	if j.dump(t) != dump {
		t.Errorf("%s: the ledger differs", what)
	}
	got := j.delivered(t)
	for name, content := range files {
		if got[name] != content {
			t.Errorf("%s: %s differs", what, name)
		}
	}
	for name := range got {
		if _, ok := files[name]; !ok {
			t.Errorf("%s: %s is there, which an uninterrupted run does not write", what, name)
		}
	}
	if left := leftovers(t, j); left > 0 {
		t.Logf("%s: %d files of killed runs are left in the temporary folder", what, left)
	}
}

func leftovers(t *testing.T, j *job) int { return len(files(t, j.path("tmp"))) }

// TestARunThatIsKilledAtAnyInstantEndsInTheSameBytes kills runs on a vault that is filled, and compares with an
// uninterrupted run on a copy of the same vault.
func TestARunThatIsKilledAtAnyInstantEndsInTheSameBytes(t *testing.T) {
	t.Parallel()
	source := "files: [" + hospital(t, 2, 100) + "]"
	calm := newJob(t, source)
	calm.sync(t)
	begin := time.Now()
	must(t, os.Remove(calm.path("out/state/ledger.db")))
	calm.sync(t)
	usual := time.Since(begin)
	dump, files := calm.dump(t), calm.delivered(t)
	random := rand.New(rand.NewPCG(3, 5))
	kills, goal := 0, 30
	if testing.Short() {
		goal = 6
	}
	for round := 0; kills < goal; round++ {
		j := newJob(t, source)
		j.write(t, "out/state/vault.db", calm.read(t, "out/state/vault.db"))
		for range 1 + random.IntN(4) {
			if j.killed(t, random, usual) {
				kills++
			}
		}
		j.sync(t)
		j.sameAs(t, "after kills", dump, files)
		if round > 4*goal {
			t.Fatal("the children end before they can be killed")
		}
	}
	t.Logf("%d kills, a run takes %v, %d bytes of dump, %d files", kills, usual, len(dump), len(files))
}

// TestARunThatIsKilledWhileTheVaultIsFilledLosesNoSubject kills first runs, also such as issue numbers. What they come
// to must be what an uninterrupted run makes of their vault.
func TestARunThatIsKilledWhileTheVaultIsFilledLosesNoSubject(t *testing.T) {
	t.Parallel()
	source := "files: [" + hospital(t, 3, 100) + "]"
	issued := []string{"from: research-subject\n    system: https://psma-registry.example/fhir/sid/subject", "from: issued"}
	begin := time.Now()
	newJob(t, source).sync(t)
	usual := time.Since(begin)
	random := rand.New(rand.NewPCG(7, 11))
	kills, goal := 0, 22
	if testing.Short() {
		goal = 4
	}
	for round := 0; kills < goal; round++ {
		j := newJob(t, source, issued[:2*(round%2)]...)
		for range 1 + random.IntN(3) {
			if j.killed(t, random, usual) {
				kills++
			}
		}
		j.sync(t)
		if s := j.run(t, "audit", "verify", "study.yaml"); s.code != exitDone {
			t.Errorf("after kills the audit is not sound: %s%s", s.out, s.err)
		}
		dump, files := j.dump(t), maps.Clone(j.delivered(t))
		for _, old := range []string{"out/state/ledger.db", "out/state/ledger.db-wal", "out/state/ledger.db-shm", "out/tables", "out/imaging", "out/psma-registry.odm.xml"} {
			must(t, os.RemoveAll(filepath.Join(j.dir, old)))
		}
		j.sync(t)
		j.sameAs(t, "on the same vault", dump, files)
		if round > 4*goal {
			t.Fatal("the children end before they can be killed")
		}
	}
	t.Logf("%d kills, a run takes %v", kills, usual)
}
