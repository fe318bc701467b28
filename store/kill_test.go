package store_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
)

const (
	envChild      = "CRFLINK_TEST_LEDGER" // folder of the ledger that the child fills
	shards        = 40
	shardSubjects = 25
)

// TestMain lets the test binary be its own child: a process that fills a ledger until it is killed.
func TestMain(m *testing.M) {
	if os.Getenv(envChild) != "" {
		os.Args = append(os.Args, "-test.run=^TestFillUntilKilled$")
	}
	os.Exit(m.Run())
}

func TestFillUntilKilled(t *testing.T) {
	dir := os.Getenv(envChild)
	if dir == "" {
		t.Skip("runs as a child of TestALedgerKilledAtAnyInstantEndsInTheSameBytes only")
	}
	fill(t, dir, func(shard string) { fmt.Println("done", shard) })
}

// fill does what a run does: each shard that has no checkpoint, whole.
func fill(t *testing.T, dir string, progress func(string)) {
	d := ledgertest.Dictionary(t)
	l := openLedger(t, dir, d)
	run, err := l.Begin(t.Context(), ecrf.Run{AsOf: time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)})
	check(t, err)
	done, err := l.Checkpoints(t.Context(), run)
	check(t, err)
	for shard := range shards {
		name := fmt.Sprintf("%03d", shard)
		if strings.Contains(strings.Join(done, " "), name) {
			continue
		}
		check(t, l.Apply(t.Context(), run, ecrf.Batch{Subjects: shardOf(t, l, d, shard), Checkpoint: name}))
		progress(name)
	}
	check(t, l.Close())
}

func shardOf(t *testing.T, l ecrf.Ledger, d *ecrf.Dictionary, shard int) []*ecrf.SubjectChange {
	var changes []*ecrf.SubjectChange
	for i := range shardSubjects {
		n := shard + i*shards
		book := ledgertest.Book{Sex: "1", Weight: "80.0", Labs: []ledgertest.Lab{{Key: "k", Date: "2024-01-01", PSA: "1.000"}}}
		stored, err := l.Subject(t.Context(), ledgertest.Number(n))
		check(t, err)
		computed := book.Casebook(t, d, newSubject(t, ledgertest.Number(n)))
		changes = append(changes, ecrf.Reconcile(stored, computed, "permitted", "", "d"))
	}
	return changes
}

func TestALedgerKilledAtAnyInstantEndsInTheSameBytes(t *testing.T) {
	calm := t.TempDir()
	fill(t, calm, func(string) {})
	want := dumpOf(t, calm)
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 12 {
		dir := t.TempDir()
		kills := 0
		for ; kills < 3; kills++ {
			killOnce(t, dir, random.IntN(shards/2), time.Duration(random.IntN(4000))*time.Microsecond)
			consistent(t, dir)
		}
		fill(t, dir, func(string) {})
		if got := dumpOf(t, dir); got != want {
			t.Fatalf("round %d: after %d kills the dump differs", round, kills)
		}
	}
}

// killOnce starts a child and kills it a moment after it has finished some shards.
func killOnce(t *testing.T, dir string, after int, moment time.Duration) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), envChild+"="+dir)
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	lines := bufio.NewScanner(out)
	for range after {
		if !lines.Scan() {
			break
		}
	}
	<-time.After(moment)
	_ = child.Process.Kill() // it may have ended by itself
	_ = child.Wait()         // killed: that is the point
}

// consistent checks that each shard is there as a whole, with its checkpoint, or not at all.
func consistent(t *testing.T, dir string) {
	l := openLedger(t, dir, ledgertest.Dictionary(t))
	defer func() { check(t, l.Close()) }()
	runs, err := l.Runs(t.Context())
	check(t, err)
	if len(runs) == 0 {
		return // killed before it began
	}
	done, err := l.Checkpoints(t.Context(), runs[0].ID)
	check(t, err)
	subjects := 0
	for book, err := range l.Casebooks(t.Context()) {
		check(t, err)
		if subjects++; len(book.Cells) != 4 || len(book.Instances) != 1 {
			t.Fatalf("a subject has %d cells and %d instances", len(book.Cells), len(book.Instances))
		}
	}
	t.Logf("%d of %d shards when killed", len(done), shards)
	if subjects != len(done)*shardSubjects {
		t.Fatalf("%d subjects, %d shards finished", subjects, len(done))
	}
}

func dumpOf(t *testing.T, dir string) string {
	l := openLedger(t, dir, ledgertest.Dictionary(t))
	defer func() { check(t, l.Close()) }()
	path := filepath.Join(t.TempDir(), "dump")
	f, err := os.Create(path)
	check(t, err)
	check(t, ecrf.Dump(t.Context(), f, l))
	check(t, f.Close())
	text, err := os.ReadFile(path)
	check(t, err)
	return string(text)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
