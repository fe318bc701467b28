package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// season is a study whose hospital, files and configuration change from night to night.
type season struct {
	*job
	r        *rand.Rand
	hospital string
	asOf     time.Time
	unit     int // of what was added
}

// TestANightEndsAsIfEverythingHadBeenDoneAnew has seeded nights in which something changes, or nothing: a run that leaves alone
// what is as it was left has to end like one with --full.
func TestANightEndsAsIfEverythingHadBeenDoneAnew(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			folder := hospital(t, seed, 25)
			n := &season{
				job: newJob(t, "files: ["+folder+"]", "  - name: odm\n", "  - {name: database, kind: sqlite, file: out/tables.db}\n  - name: odm\n",
					"outputs: [tables, odm, imaging]", "outputs: [tables, odm, database, imaging]"),
				r: rand.New(rand.NewPCG(seed, 7)), hospital: folder, asOf: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC), // #nosec G404 -- a test has to be repeatable
			}
			n.enrol(t)
			for range 12 {
				what := n.something(t)
				n.night(t, what)
			}
		})
	}
}

// lastYear is one in which the example study is still authorised.
const lastYear = 2034

// enrol lets everybody be found who is permitted now or some years from now: who is enrolled gets secrets of their own, so that two
// runs that enrol somebody differ.
func (n *season) enrol(t *testing.T) {
	t.Helper()
	now := n.asOf
	for ; n.asOf.Year() <= lastYear; n.asOf = n.asOf.AddDate(2, 0, 0) {
		if s := n.sync(t); s.code != exitDone && s.code != exitIncomplete {
			t.Fatalf("exit code %d: %s", s.code, s.err)
		}
	}
	n.asOf = now
	n.sync(t)
}

func (n *season) sync(t *testing.T) said {
	t.Helper()
	return n.run(t, n.args()...)
}

func (n *season) args() []string {
	return []string{"sync", "study.yaml", "--replay", "--json", "--as-of", n.asOf.Format(time.RFC3339)}
}

// night does the night in the study, and with --full in a copy of it.
func (n *season) night(t *testing.T, what string) {
	t.Helper()
	twin := &job{dir: t.TempDir(), env: n.env}
	must(t, os.CopyFS(twin.dir, os.DirFS(n.dir)))
	for _, name := range files(t, twin.dir) { // a copy is open to others
		must(t, os.Chmod(twin.path(name), 0o600))
	}
	ours := n.sync(t)
	theirs := twin.run(t, append(n.args(), "--full")...)
	if ours.code != theirs.code {
		t.Fatalf("%s: exit code %d, with --full %d: %s%s", what, ours.code, theirs.code, ours.err, theirs.err)
	}
	if d := cmp.Diff(told(t, theirs), told(t, ours)); d != "" {
		t.Errorf("%s: the reports differ:\n%s", what, d)
	}
	if n.dump(t) != twin.dump(t) {
		t.Errorf("%s: the ledgers differ", what)
	}
	a, b := twin.delivered(t), n.delivered(t)
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s: %s differs", what, name)
		}
	}
	if len(a) != len(b) {
		t.Errorf("%s: %d files, with --full %d", what, len(b), len(a))
	}
	s := n.run(t, "audit", "verify", "study.yaml")
	if s.code != exitDone {
		t.Errorf("%s: the audit does not verify: %s%s", what, s.out, s.err)
	}
}

// told is what a report says of the study, without what is counted of the work.
func told(t *testing.T, s said) map[string]any {
	t.Helper()
	all := map[string]any{}
	if s.out == "" {
		return all
	}
	must(t, json.Unmarshal([]byte(s.out), &all))
	few := map[string]any{}
	for _, name := range []string{"verdict", "patients", "rejected", "forms", "targets", "imaging", "warnings"} {
		few[name] = all[name]
	}
	return few
}

// something changes something, or nothing, and says what.
func (n *season) something(t *testing.T) string {
	deeds := []struct {
		what string
		do   func(t *testing.T)
	}{
		{"nothing", func(*testing.T) {}},
		{"the next day", func(*testing.T) { n.asOf = n.asOf.AddDate(0, 0, 1) }},
		{"two years later", func(*testing.T) {
			if n.asOf.Year()+2 <= lastYear {
				n.asOf = n.asOf.AddDate(2, 0, 0)
			}
		}},
		{"a new observation", n.observe},
		{"another value", func(t *testing.T) { n.edit(t, "Observation", `"value":`, `"value":1`) }},
		{"an inactive consent", func(t *testing.T) { n.edit(t, "Consent", `"status":"active"`, `"status":"inactive"`) }},
		{"a refusal", func(t *testing.T) { n.edit(t, "Consent", `"type":"permit"`, `"type":"deny"`) }},
		{"a resource less", func(t *testing.T) { n.drop(t, "Condition") }},
		{"a consent less", func(t *testing.T) { n.drop(t, "Consent") }},
		{"a damaged line", func(t *testing.T) { n.edit(t, "Procedure", `"resourceType"`, `"resourceType`) }},
		{"a damaged delivery", func(t *testing.T) { n.append(t, "out/tables/cells.csv", "x") }},
		{"a lost delivery", func(t *testing.T) { must(t, os.Remove(n.path("out/imaging/sessions.csv"))) }},
		{"an edited delivery", func(t *testing.T) { n.swap(t, "out/psma-registry.odm.xml", "ClinicalData", "ClinicalDate") }},
		{"half a delivery", func(t *testing.T) { n.write(t, "out/tables/.cells.csv.partial", "half") }},
		{"a word in the mapping", func(t *testing.T) { n.append(t, "mapping.yaml", "\n# a note\n") }},
		{"another version of ODM", func(t *testing.T) { n.swap(t, "study.yaml", "kind: odm\n", "kind: odm\n    version: \"2.0\"\n") }},
	}
	d := deeds[n.r.IntN(len(deeds))]
	d.do(t)
	return d.what
}

func (n *season) append(t *testing.T, name, text string) { n.write(t, name, n.read(t, name)+text) }

// swap replaces a text, or, when the other is there already, that one.
func (n *season) swap(t *testing.T, name, a, b string) {
	text := n.read(t, name)
	if strings.Contains(text, b) {
		a, b = b, a
	}
	n.write(t, name, strings.ReplaceAll(text, a, b))
}

// lines are the resources of a type; put writes them back.
func (n *season) lines(t *testing.T, typ string) (lines []string, put func([]string)) {
	t.Helper()
	path := filepath.Join(n.hospital, typ+".ndjson")
	text, err := os.ReadFile(path)
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), func(lines []string) {
		must(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	}
}

// edit changes one resource that has a text.
func (n *season) edit(t *testing.T, typ, old, text string) {
	t.Helper()
	lines, put := n.lines(t, typ)
	for at, i := range n.r.Perm(len(lines)) {
		if strings.Contains(lines[i], old) {
			lines[i] = strings.ReplaceAll(lines[i], old, text)
			break
		}
		if at == len(lines)-1 {
			t.Logf("no %s has %s", typ, old)
		}
	}
	put(lines)
}

// drop takes one resource out.
func (n *season) drop(t *testing.T, typ string) {
	t.Helper()
	lines, put := n.lines(t, typ)
	i := n.r.IntN(len(lines))
	put(append(lines[:i:i], lines[i+1:]...))
}

// observe adds an observation like another one.
func (n *season) observe(t *testing.T) {
	t.Helper()
	lines, put := n.lines(t, "Observation")
	n.unit++
	put(append(lines, strings.Replace(lines[n.r.IntN(len(lines))], `"id":"`, fmt.Sprintf(`"id":"n%d-`, n.unit), 1)))
}
