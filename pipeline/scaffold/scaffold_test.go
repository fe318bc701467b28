package scaffold_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/casetest"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pipeline/scaffold"
)

// draft has an item of each type in a single and in a repeating form, and texts that no YAML reader likes.
func draft() *ecrf.Draft {
	items := func(prefix string) (all []ecrf.DraftItem) {
		for _, t := range ecrf.Types() {
			all = append(all, ecrf.DraftItem{Name: prefix + string(t), Label: "A \"label\": # of\n" + string(t), Type: t, Unit: unit(t), CodeList: "list"})
		}
		return all
	}
	return &ecrf.Draft{
		Title: "An \"odd\": title # with\nlines \u2028 and \\",
		Forms: []ecrf.DraftForm{
			{Name: "single", Label: "Single: {form}", Items: items("s_")},
			{Name: "course", Repeating: true, Items: items("r_")},
			{Name: "null", Items: []ecrf.DraftItem{{Name: "no", Type: ecrf.Text}}},
		},
		CodeLists: []ecrf.DraftCodeList{{Name: "list", Codes: []ecrf.Code{{Value: "1", Label: "one: #\"x\""}, {Value: "it's \"2\" \\", Label: "two"}}}},
	}
}

func unit(t ecrf.Type) string {
	if t == ecrf.Decimal {
		return "ng/mL"
	}
	return ""
}

// begin writes the scaffold of a draft and returns its folder.
func begin(t *testing.T, d *ecrf.Draft) string {
	t.Helper()
	dictionary, comments, report, err := d.Dictionary("some-study")
	if err != nil {
		t.Fatal(err)
	}
	files, err := scaffold.Files(scaffold.Study{Dictionary: dictionary, Comments: comments, Report: report, Title: d.Title, Source: "forms\nof \"it\".csv"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := scaffold.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lint loads the study of a folder; only warnings about items without rules may come.
func lint(t *testing.T, dir string) *pipeline.Study {
	t.Helper()
	study, findings, err := pipeline.LoadStudy(filepath.Join(dir, "study.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Severity != finding.Warning || !strings.HasPrefix(f.Message, "no rule fills") && !strings.Contains(f.Message, "is in no event") &&
			!strings.Contains(f.Message, "names no authorisation") {
			t.Errorf("%v", f)
		}
	}
	cases, found := casetest.Load(os.DirFS(dir), study.Tests, casetest.Study{Mapping: study.Mapping, Dictionary: study.Dictionary, Zone: study.Zone})
	if len(found) > 0 || len(cases) == 0 {
		t.Errorf("test files: %v", found)
	}
	return study
}

func TestAScaffoldLintsWithoutErrors(t *testing.T) {
	study := lint(t, begin(t, draft()))
	if study.ID != "some-study" || len(study.Dictionary.Forms) != 3 {
		t.Errorf("study %s with %d forms", study.ID, len(study.Dictionary.Forms))
	}
}

func TestAScaffoldOfEverySampleLintsWithoutErrors(t *testing.T) {
	root := shared.Dir(t, "data")
	studies := 0
	for _, pattern := range []string{"redcap/dictionaries/*.csv", "redcap/projects/*/dictionary.csv", "odm/samples-*/*.xml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if d := readSample(t, file); d != nil {
				lint(t, begin(t, d))
				studies++
			}
		}
	}
	if studies < 31 {
		t.Errorf("only %d samples became studies", studies)
	}
}

func readSample(t *testing.T, file string) *ecrf.Draft {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var d *ecrf.Draft
	if filepath.Ext(file) == ".csv" {
		d, err = redcap.ReadDictionary(redcap.Export{Dictionary: f})
	} else {
		d, err = odm.ReadMetadata(f, "")
	}
	if errors.Is(err, odm.ErrNoMetadata) {
		return nil
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return d
}

var ruleLine = regexp.MustCompile(`^# (forms:|maps:|  (single|course): #.*|  list: \{.*|    (repeat|[sr]_[a-z_]+): \{.*)$`)

// Taking the comment signs away as the file says gives a mapping without an error: each example is right for its type.
func TestTheExamplesOfTheMappingCompile(t *testing.T) {
	dir := begin(t, draft())
	file := filepath.Join(dir, "mapping.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	rules := 0
	for i, line := range lines {
		if ruleLine.MatchString(line) {
			lines[i] = strings.ReplaceAll(strings.TrimPrefix(line, "# "), "…", "code")
			rules++
		}
	}
	written := strings.Replace(strings.Join(lines, "\n"), `code: "1", code: `, `a: "1", b: `, 1)
	if want := 2 + 2 + 1 + 1 + 2*len(ecrf.Types()); rules != want {
		t.Fatalf("%d lines became rules, want %d\n%s", rules, want, written)
	}
	study := lint(t, dir)
	if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	m, findings := mapping.Load(os.DirFS(dir), "mapping.yaml", study.Dictionary)
	if m == nil {
		t.Fatalf("%v\n%s", findings, written)
	}
}

func TestEveryFormAndItemStandsInTheMapping(t *testing.T) {
	dir := begin(t, draft())
	text, err := os.ReadFile(filepath.Join(dir, "mapping.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lint(t, dir).Dictionary.Forms {
		for _, it := range f.Items {
			if !strings.Contains(string(text), "\n#     "+it.Name+": {") {
				t.Errorf("item %s is not in the mapping", it.Name)
			}
		}
		if !strings.Contains(string(text), "\n#   "+f.Name+": #") {
			t.Errorf("form %s is not in the mapping", f.Name)
		}
	}
}

func TestNothingIsOverwrittenAndThenNothingIsWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := scaffold.Write(dir, []scaffold.File{{Name: "a", Text: []byte("new")}, {Name: "b", Text: []byte("new")}})
	if !errors.Is(err, scaffold.ErrExists) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file was written beside the one that exists")
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "b")); string(text) != "mine" {
		t.Errorf("the file holds %q now", text)
	}
}
