package mapping_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/casetest"
	"github.com/crflink/crflink/mapping/manual"
)

const guide = "../docs/mapping.md"

// block is one fenced example of the guide.
type block struct{ heading, kind, text string }

func blocks(t *testing.T) []block {
	t.Helper()
	page, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	var open *block
	heading := ""
	for line := range strings.Lines(string(page)) {
		kind, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &block{heading: heading, kind: strings.TrimPrefix(kind, "yaml ")}
		case fence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line
		case strings.HasPrefix(line, "## "), strings.HasPrefix(line, "### "):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	return all
}

// write lays a study of the rule and a test file out in a folder.
func write(t *testing.T, rule, tests string) string {
	t.Helper()
	dir := t.TempDir()
	forms, err := os.ReadFile("testdata/guide/dictionary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"dictionary.yaml": string(forms), "tests.yaml": tests, "mapping.yaml": "study: guide\nversion: '1'\n" + rule,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by) + "\n"
}

func TestTheExamplesOfTheGuideWorkAsTheyStand(t *testing.T) {
	all := blocks(t)
	examples := 0
	for i, b := range all {
		if b.kind != "test" {
			continue
		}
		if i == 0 || all[i-1].kind != "rule" {
			t.Fatalf("%s: a test without a rule before it", b.heading)
		}
		examples++
		t.Run(b.heading, func(t *testing.T) {
			tests := "as-of: 2026-09-01\ntests:\n  - name: example\n" + indent(b.text, "    ")
			runAll(t, write(t, all[i-1].text, tests))
		})
	}
	if examples < 8 {
		t.Errorf("%d examples", examples)
	}
}

func TestTheTestFileOfTheGuideRuns(t *testing.T) {
	all := blocks(t)
	for _, b := range all {
		if b.kind == "file" {
			runAll(t, write(t, all[0].text, b.text))
			return
		}
	}
	t.Error("the guide shows no test file")
}

func runAll(t *testing.T, dir string) {
	t.Helper()
	s := study(t, dir)
	files, findings := casetest.Load(os.DirFS(dir), []string{"tests.yaml"}, s)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	for _, f := range files {
		for _, c := range f.Cases {
			runCase(t, s, f.Name, c)
		}
	}
}

// marks surround what is written from the table of package manual.
const marks, end = "<!-- reference: begin -->\n", "<!-- reference: end -->"

func TestTheReferenceOfTheGuideIsThatOfTheTable(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), marks)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("the guide has no place for the reference")
	}
	golden.Equal(t, guide, before+marks+"\n"+manual.Page()+end+after)
}

func TestTheTableHasEveryWordOfTheLanguageAndNoOther(t *testing.T) {
	for place, known := range mapping.Language {
		var words []string
		for _, w := range manual.Of(place) {
			words = append(words, w.Name)
		}
		slices.Sort(words)
		want := slices.Sorted(slices.Values(known))
		if !slices.Equal(words, want) {
			t.Errorf("%s: the manual has %v, the reader knows %v", place, words, want)
		}
	}
	for _, p := range manual.Places() {
		if mapping.Language[p] == nil {
			t.Errorf("%s is no place of the language", p)
		}
	}
}

func TestTheGuideExplainsEveryReason(t *testing.T) {
	page, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ecrf.MissingReasons() {
		if w := strings.TrimPrefix(string(r), ecrf.AbsentPrefix); !strings.Contains(string(page), "`"+w) {
			t.Errorf("%s is not explained", w)
		}
	}
}
