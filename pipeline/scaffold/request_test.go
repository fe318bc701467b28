package scaffold_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/crtdl"
	"github.com/crflink/crflink/pipeline/scaffold"
)

// scaffolded writes the scaffold of a draft with a request and returns the folder and the text of its mapping.
func scaffolded(t *testing.T, d *ecrf.Draft, request *scaffold.Request) (dir, text string) {
	t.Helper()
	dictionary, comments, report, err := d.Dictionary("some-study")
	if err != nil {
		t.Fatal(err)
	}
	files, err := scaffold.Files(scaffold.Study{Dictionary: dictionary, Comments: comments, Report: report, Title: d.Title, Source: "forms.csv", Request: request})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := scaffold.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(dir, "mapping.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, string(written)
}

func request(t *testing.T) *scaffold.Request {
	t.Helper()
	f, err := os.Open("../../mapping/crtdl/testdata/request.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read, err := crtdl.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return &scaffold.Request{Request: read, Source: "request\n.json"}
}

// uncommented takes the comment signs away from lines that match.
func uncommented(text string, line *regexp.Regexp) (string, int) {
	lines, n := strings.Split(text, "\n"), 0
	for i, l := range lines {
		if line.MatchString(l) {
			lines[i] = strings.TrimPrefix(l, "# ")
			n++
		}
	}
	return strings.Join(lines, "\n"), n
}

func mustCompile(t *testing.T, dir, text string, d *ecrf.Dictionary) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "mapping.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, findings := mapping.Load(os.DirFS(dir), "mapping.yaml", d); m == nil {
		t.Fatalf("%v\n%s", findings, text)
	}
}

var (
	askedPart = regexp.MustCompile(`^# (parameters|lists|expressions|maps|forms):$|^#   (psa_labor|diagnose|kontakt|medicationadministration)[a-z_]*: |^#   list: \{`)
	askedRule = regexp.MustCompile(`^#     (\S+)(, must)?(?:; [^(]*)? \(([a-z, -]+)\)\n#     ITEM: (\{.*\})$`)
)

// Each rule of a request, put to an item of each type that it is said to fit, gives a mapping without an error.
func TestTheRulesOfARequestCompileForTheItemsThatTheyFit(t *testing.T) {
	dir, text := scaffolded(t, draft(), request(t))
	study := lint(t, dir)
	head, parts := uncommented(strings.ReplaceAll(strings.ReplaceAll(text, "…: \"1\"", "a: \"1\""), "…: \"it's", "b: \"it's"), askedPart)
	if parts < 13 {
		t.Fatalf("only %d parts\n%s", parts, text)
	}
	rules := 0
	lines := strings.Split(text, "\n")
	for i := range lines[1:] {
		m := askedRule.FindStringSubmatch(lines[i] + "\n" + lines[i+1])
		if m == nil {
			continue
		}
		for _, kind := range strings.Split(m[3], ", ") {
			rule := m[4]
			if kind == string(ecrf.Choice) {
				rule = strings.TrimSuffix(rule, "}") + ", map: list}"
			}
			mustCompile(t, dir, head+"\n  single:\n    s_"+strings.ReplaceAll(kind, "-", "_")+": "+rule+"\n", study.Dictionary)
			rules++
		}
	}
	if rules < 60 {
		t.Errorf("only %d rules", rules)
	}
}

func TestARequestIsACommentAndStaysOne(t *testing.T) {
	_, plain := scaffolded(t, draft(), nil)
	_, text := scaffolded(t, draft(), request(t))
	if !strings.Contains(text, "What request .json asks for") {
		t.Error("the request is not named")
	}
	var left []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			left = append(left, line)
		}
	}
	for line := range strings.Lines(plain) {
		if !strings.HasPrefix(line, "#") {
			if len(left) == 0 || left[0] != line && strings.TrimSpace(line) != "" {
				t.Fatalf("the request changes what the mapping says at %q", line)
			}
			left = left[1:]
		}
	}
}

func TestAFormOfSeveralEventsGetsVisits(t *testing.T) {
	d := &ecrf.Draft{
		Events: []ecrf.DraftEvent{{Name: "baseline", Forms: []string{"lab"}}, {Name: "month3", Forms: []string{"lab"}}},
		Forms:  []ecrf.DraftForm{{Name: "lab", Items: []ecrf.DraftItem{{Name: "psa", Type: ecrf.Decimal, Unit: "ng/mL"}}}},
	}
	dir, text := scaffolded(t, d, nil)
	study := lint(t, dir)
	written, lines := uncommented(text, regexp.MustCompile(`^# (visits|events|forms):$|^#   (index|baseline|month3|lab): ?|^#     (visits: \[|psa: \{)`))
	if lines != 9 {
		t.Fatalf("%d lines became rules\n%s", lines, written)
	}
	mustCompile(t, dir, written, study.Dictionary)
}
