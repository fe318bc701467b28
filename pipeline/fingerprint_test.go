package pipeline_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
)

// export writes what the hospital has into files, a type each, in an order that differs from night to night.
func (l *living) export(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{}
	for k, text := range l.texts {
		files[k.Type] = append(files[k.Type], text)
	}
	for typ, lines := range files {
		slices.Sort(lines)
		l.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		if err := os.WriteFile(filepath.Join(dir, typ+".ndjson"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// runFiles does a run over files. It returns what is in the ledger, and how many resources were read of the patients that were
// computed.
func (l *living) runFiles(t *testing.T, dir, state string, full bool) (book string, read int) {
	t.Helper()
	n := l.runFrom(t, state, full, func() (fhir.Source, error) { return ndjson.Open([]string{dir}, ndjson.Options{Name: "hospital"}) })
	for _, of := range n.tally.Read {
		read += of
	}
	return n.book, read
}

// TestFilesAreComputedAgainOnlyWhereTheyChanged lets a hospital live that hands over everything as files each night, and does every
// run twice from the same state: once as every night, once with everything computed.
func TestFilesAreComputedAgainOnlyWhereTheyChanged(t *testing.T) {
	seeds, nights := 4, 6
	if testing.Short() {
		seeds, nights = 1, 3
	}
	little, everything := 0, 0
	for seed := range seeds {
		l := newLiving(t, uint64(seed)+70, 12)
		dir := t.TempDir()
		files, state, copied := filepath.Join(dir, "files"), filepath.Join(dir, "state"), filepath.Join(dir, "copy")
		if err := os.Mkdir(state, 0o700); err != nil {
			t.Fatal(err)
		}
		l.export(t, files)
		l.runFiles(t, files, state, false)
		for range nights {
			var did []string
			for range l.IntN(4) {
				did = append(did, l.change(t))
			}
			if err := os.RemoveAll(files); err != nil {
				t.Fatal(err)
			}
			l.export(t, files)
			copyState(t, state, copied)
			a, fewer := l.runFiles(t, files, state, false)
			b, all := l.runFiles(t, files, copied, true)
			if a != b {
				t.Fatalf("seed %d, after %v: %s", seed, did, firstDifference(b, a))
			}
			if len(did) == 0 && fewer != 0 {
				t.Errorf("seed %d: nothing has changed, and %d resources were read", seed, fewer)
			}
			little, everything = little+fewer, everything+all
		}
	}
	t.Logf("%d resources read instead of %d", little, everything)
	if little*2 > everything {
		t.Errorf("%d resources read, %d when everything is: little is saved", little, everything)
	}
}

// TestAMedicationOfNobodyCountsForAllWhoMayReferToIt changes a shared resource only.
func TestAMedicationOfNobodyCountsForAllWhoMayReferToIt(t *testing.T) {
	l := newLiving(t, 5, 8)
	dir := t.TempDir()
	files, state := filepath.Join(dir, "files"), filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	l.export(t, files)
	if _, read := l.runFiles(t, files, state, false); read == 0 {
		t.Fatal("nothing was read by the first run")
	}
	if _, read := l.runFiles(t, files, state, false); read != 0 {
		t.Fatalf("%d resources were read although nothing has changed", read)
	}
	medication := l.pick("Medication")
	if medication == (fhir.Key{}) {
		t.Fatal("the hospital has no medication")
	}
	l.edit(t, medication, func(m map[string]any) { m["status"] = "inactive" })
	l.export(t, files)
	if _, read := l.runFiles(t, files, state, false); read == 0 {
		t.Error("a medication has changed, and nobody was computed again")
	}
}
