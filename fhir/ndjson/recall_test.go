package ndjson_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
)

// memory is a Memory that counts.
type memory struct {
	text  []byte
	kept  int
	anew  bool
	under string // program
}

func (m *memory) Recall() ([]byte, error) { return m.text, nil }

func (m *memory) Keep(text []byte) error {
	m.text, m.kept = text, m.kept+1
	return nil
}

// learnt is all that a source tells before it is asked for more than facts.
type learnt struct {
	Records  []string
	Rejected []string
	Stats    ndjson.Stats
}

var clinical = fhir.WantTypes("Observation", "Condition")

// learn reads what a source tells, with a memory.
func learn(t *testing.T, m *memory, o ndjson.Options, operands ...string) learnt {
	t.Helper()
	s, err := ndjson.Open(operands, o)
	if err != nil {
		t.Fatal(err)
	}
	s.Remember(m, m.under, m.anew)
	var l learnt
	rej := func(r fhir.Rejected) { l.Rejected = append(l.Rejected, fmt.Sprint(r)) }
	for facts, err := range s.Subjects(t.Context(), rej) {
		if err != nil {
			t.Fatal(err)
		}
		print, err := s.Fingerprint(t.Context(), facts.Key(), clinical)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Fetch(t.Context(), facts.Key(), fhir.Wanted{}, rej)
		if err != nil {
			t.Fatal(err)
		}
		l.Records = append(l.Records, print, written(facts), written(again))
	}
	if _, err := s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "stranger"}, fhir.Wanted{}, rej); err == nil {
		t.Error("a stranger was found")
	}
	l.Stats = s.Stats()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return l
}

// written is all of a record.
func written(r *fhir.Record) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Key(), r.LinkedFrom())
	var aliases []string
	for reference, k := range r.Aliases() {
		aliases = append(aliases, reference+" "+k.String())
	}
	slices.Sort(aliases)
	fmt.Fprintln(&b, aliases)
	for res := range r.Resources() {
		fmt.Fprintln(&b, res.Type, res.ID, res.Origin, res.Raw())
	}
	return b.String()
}

// recalled compares what a source tells that recalls its files with what it told when it read them.
func recalled(t *testing.T, o ndjson.Options, operands ...string) {
	t.Helper()
	m := &memory{}
	first := learn(t, m, o, operands...)
	kept := m.kept
	if d := cmp.Diff(first, learn(t, m, o, operands...)); d != "" {
		t.Errorf("what was recalled is another:\n%s", d)
	}
	if m.kept != kept && kept > 0 {
		t.Error("what was recalled is learnt again")
	}
}

func TestFilesAreRecalledAsLongAsEveryByteIsTheSame(t *testing.T) {
	text := alice + "\n" + obs("o1", "Patient/a") + "\n" + obs("o2", "Patient/nobody") + "\n{\n"
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string, m *memory)
		reads  bool
	}{
		"nothing":          {func(*testing.T, string, *memory) {}, false},
		"a new time":       {func(t *testing.T, dir string, _ *memory) { write(t, dir, "a.ndjson", text) }, false},
		"one byte":         {func(t *testing.T, dir string, _ *memory) { spoil(t, filepath.Join(dir, "a.ndjson")) }, true},
		"a file more":      {func(t *testing.T, dir string, _ *memory) { write(t, dir, "b.ndjson", obs("o3", "Patient/a")) }, true},
		"a file less":      {func(t *testing.T, dir string, _ *memory) { remove(t, filepath.Join(dir, "c.ndjson")) }, true},
		"another name":     {func(t *testing.T, dir string, _ *memory) { rename(t, dir, "c.ndjson", "d.ndjson") }, true},
		"another program":  {func(_ *testing.T, _ string, m *memory) { m.under = "2" }, true},
		"a damaged memory": {func(_ *testing.T, _ string, m *memory) { m.text = m.text[:len(m.text)/2] }, true},
		"asked for anew":   {func(_ *testing.T, _ string, m *memory) { m.anew = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"a.ndjson": text, "c.ndjson": obs("o9", "Patient/a")})
			m := &memory{under: "1"}
			learn(t, m, ndjson.Options{}, dir)
			c.change(t, dir, m)
			now := learn(t, m, ndjson.Options{}, dir)
			if m.kept == 2 != c.reads {
				t.Errorf("learnt %d times", m.kept)
			}
			if d := cmp.Diff(learn(t, &memory{}, ndjson.Options{}, dir), now); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestWhoIsAskedForMoreThanFactsIsReadFromTheFiles, and nothing is told twice.
func TestWhoIsAskedForMoreThanFactsIsReadFromTheFiles(t *testing.T) {
	dir := folder(t, map[string]string{"a.ndjson": alice + "\n" + obs("o1", "Patient/a") + "\n{\n", "b.ndjson.part": "x"})
	m := &memory{}
	first := learn(t, m, ndjson.Options{}, dir)
	s, err := ndjson.Open([]string{dir}, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Remember(m, "", false)
	rejected := 0
	rej := func(fhir.Rejected) { rejected++ }
	for facts, err := range s.Subjects(t.Context(), rej) {
		if err != nil {
			t.Fatal(err)
		}
		record, err := s.Fetch(t.Context(), facts.Key(), clinical, rej)
		if err != nil || record.Find(fhir.Key{Type: "Observation", ID: "o1"}) == nil {
			t.Errorf("%v", err)
		}
	}
	if err := s.Close(); err != nil || rejected != len(first.Rejected) || rejected != 2 {
		t.Errorf("%d were rejected, %d before; %v", rejected, len(first.Rejected), err)
	}
}

// TestAFileThatChangesBehindWhatWasRecalledIsFoundOut, whatever is read of it.
func TestAFileThatChangesBehindWhatWasRecalledIsFoundOut(t *testing.T) {
	dir := folder(t, map[string]string{"a.ndjson": alice + "\n" + obs("o1", "Patient/a") + "\n"})
	m := &memory{}
	learn(t, m, ndjson.Options{}, dir)
	s, err := ndjson.Open([]string{dir}, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Remember(m, "", false)
	for facts, err := range s.Subjects(t.Context(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "a.ndjson", alice+"\n"+obs("o2", "Patient/a")+"\n\n")
		if _, err := s.Fetch(t.Context(), facts.Key(), clinical, func(fhir.Rejected) {}); err == nil {
			t.Error("a file that was changed meanwhile was read")
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

// spoil changes a letter, and leaves the file's size and time as they are.
func spoil(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	check(t, err)
	text, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, []byte(strings.Replace(string(text), `"o1"`, `"o7"`, 1)), 0o600))
	check(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
}

func remove(t *testing.T, path string) {
	t.Helper()
	check(t, os.Remove(path))
}

func rename(t *testing.T, dir, from, to string) {
	t.Helper()
	check(t, os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsNotNeededOfFactsIsNotRecalled, and all of it is when everything is needed.
func TestWhatIsNotNeededOfFactsIsNotRecalled(t *testing.T) {
	ward := `{"resourceType":"Encounter","id":"e1","subject":{"reference":"Patient/a"}}`
	stay := `{"resourceType":"Encounter","id":"e2","subject":{"reference":"Patient/a"}}`
	dir := folder(t, map[string]string{"a.ndjson": alice + "\n" + ward + "\n" + stay + "\n"})
	some := ndjson.Options{Needed: func(*fhir.Record) func(*fhir.Resource) bool {
		return func(r *fhir.Resource) bool { return r.ID != "e1" }
	}}
	m := &memory{}
	for night, c := range []struct {
		options ndjson.Options
		ward    bool
		kept    int
	}{{some, true, 1}, {some, false, 1}, {ndjson.Options{}, true, 2}, {ndjson.Options{}, true, 2}, {some, true, 3}, {some, false, 3}} {
		told := learn(t, m, c.options, dir)
		if has := strings.Contains(told.Records[1], `"e1"`); has != c.ward || !strings.Contains(told.Records[1], `"e2"`) || m.kept != c.kept {
			t.Errorf("night %d: learnt %d times\n%s", night, m.kept, told.Records[1])
		}
	}
}

// TestFilesWhoseIndexIsOnDiskAreRecalledToo, up to a number of resources.
func TestFilesWhoseIndexIsOnDiskAreRecalledToo(t *testing.T) {
	dir := folder(t, map[string]string{"a.ndjson": alice + "\n" + obs("o1", "Patient/a") + "\n", "b.ndjson": obs("o2", "Patient/a") + "\n"})
	inMemory, onDisk := &memory{}, &memory{}
	want := learn(t, inMemory, ndjson.Options{}, dir)
	for range 2 {
		if d := cmp.Diff(want, learn(t, onDisk, ndjson.Options{Budget: 1}, dir)); d != "" {
			t.Error(d)
		}
	}
	if onDisk.kept != 1 {
		t.Errorf("learnt %d times", onDisk.kept)
	}
	many := &memory{}
	for range 2 {
		if print := learn(t, many, ndjson.Options{Remembers: 2}, dir).Records[0]; print != "" {
			t.Errorf("fingerprint %q of too many resources", print)
		}
	}
	if many.kept != 0 {
		t.Error("what is too much was kept")
	}
}
