package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// The cells of the golden file: values of all kinds of rules, and every missing reason that the hospital has.
var explainedCells = []string{
	"PSMA-02923522 labs.creatinine",
	"PSMA-02923522 demographics.sex",
	"PSMA-02923522 demographics.age_at_index",
	"PSMA-02923522 labs.bmi",
	"PSMA-02923522 medication.adt",
	"PSMA-02923522 psa.psa 2",
	"PSMA-02923522 psa.psa",
	"PSMA-02923522 psa.psa_qualifier 1",
	"PSMA-02923522 imaging.dose 3",
	"PSMA-02923522 demographics.vital_status",
	"PSMA-03559610 labs.weight",
	"PSMA-03559610 labs.leukocytes",
	"PSMA-03559610 diagnosis.side",
	"PSMA-05467874 staging.ecog",
	"PSMA-05467874 psa.psa 10",
	"PSMA-16139121 staging.t",
	"PSMA-26810368 psa.psa 2",
	"PSMA-26810368 imaging.dose 1",
	"PSMA-65821077 demographics.age_at_index",
	"PSMA-65821077 labs.creatinine",
	"PSMA-54513742 demographics.age_at_index",
	"PSMA-64548901 labs.weight",
	"PSMA-64548901 follow_up.psa_nadir",
	"PSMA-64548901 diagnosis.diagnosis_date",
	"PSMA-64548901 labs.labs_days",
	"PSMA-00000000 labs.creatinine",
}

// explainedStudy is the example study with 50 patients of seed 1 in files, synchronised as of 2026-09-01.
func explainedStudy(t *testing.T) (study string) {
	t.Helper()
	t.Setenv(vaultKeyVariable, testVaultKey)
	dir := t.TempDir()
	if _, err := synth.Write(t.Context(), synth.Config{Seed: 1, Patients: 50}, filepath.Join(dir, "hospital")); err != nil {
		t.Fatal(err)
	}
	study = filepath.Join(dir, "configs", "psma-registry", "study.yaml")
	if err := os.CopyFS(filepath.Dir(study), os.DirFS("../../configs/psma-registry")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(study)
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Replace(string(text), "fhir: http://127.0.0.1:18642/fhir", "files: [../../hospital]", 1)
	if files == string(text) {
		t.Fatal("the example study's source has another address")
	}
	if err := os.WriteFile(study, []byte(files), 0o600); err != nil {
		t.Fatal(err)
	}
	// The generator's hospital rejects some resources on purpose: 5.
	if _, code := asTyped(t, "sync", study, "--as-of", "2026-09-01", "--replay"); code != exitDone && code != exitIncomplete {
		t.Fatalf("sync ends with %d", code)
	}
	return study
}

// asTyped runs the program and returns its standard output and exit code.
func asTyped(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRoot(terminal{in: strings.NewReader(""), out: &out, err: &errs})
	root.SetArgs(args)
	code := conclude(&errs, root.ExecuteContext(t.Context()))
	if code != exitDone && out.Len() == 0 {
		t.Logf("%v: %s", args, errs.String())
	}
	return out.String(), code
}

// A vault has secrets of its own: keyed references and UIDs differ from vault to vault.
var (
	reference = regexp.MustCompile(`([A-Z][A-Za-z]+)/[a-z2-7]{10}…`)
	keyedUID  = regexp.MustCompile(`2\.25\.\d+`)
)

func withoutKeys(text string) string {
	return keyedUID.ReplaceAllString(reference.ReplaceAllString(text, "$1/(key)"), "2.25.(key)")
}

func explanations(t *testing.T) string {
	t.Helper()
	study := explainedStudy(t)
	var b strings.Builder
	for _, cell := range explainedCells {
		part := strings.Fields(cell)
		args := []string{"explain", study, "--as-of", "2026-09-01", "--subject", part[0], "--item", part[1]}
		if len(part) > 2 {
			args = append(args, "--repeat", part[2])
		}
		text, code := asTyped(t, args...)
		if code != exitDone && part[0] != "PSMA-00000000" {
			t.Errorf("%s ends with %d", cell, code)
		}
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > explainWidth {
				t.Errorf("%s: a line of %d characters: %s", cell, n, line)
			}
		}
		b.WriteString("$ " + cell + "\n" + withoutKeys(text) + "\n")
	}
	return b.String()
}

func TestExplanationsOfASyntheticHospital(t *testing.T) {
	got := explanations(t)
	golden.Equal(t, "testdata/explain.golden", got)
	outputsOfTheManual(t, got)
}

// outputsOfTheManual demands that the outputs in docs/explain.md are real ones.
func outputsOfTheManual(t *testing.T, real string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	outputs := 0
	for _, block := range strings.Split(string(page), "```text\n")[1:] {
		output, _, _ := strings.Cut(block, "```")
		outputs++
		if !strings.Contains(real, withoutKeys(output)) {
			t.Errorf("docs/explain.md shows an output that is not real:\n%s", output)
		}
	}
	if outputs < 2 {
		t.Errorf("docs/explain.md shows %d outputs", outputs)
	}
}

func TestTextWrapsAtSpacesAndPointsAndElseAnywhere(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"short", []string{"short"}},
		{"  one two three", []string{"  one two", "    three"}},
		{"value.ofType(Quantity)", []string{"value", "    .ofTyp", "    e(Quan", "    tity)"}},
		{strings.Repeat("…", 12), []string{strings.Repeat("…", 10), "    ……"}},
	} {
		got := wrap(c.text, 10, "    ")
		for i, line := range got {
			if n := len([]rune(line)); n > 10 {
				t.Errorf("%q: line %d has %d characters", c.text, i, n)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}

func TestWhatASourceWroteDoesNotSteerTheTerminal(t *testing.T) {
	p := &page{section: "value"}
	p.line("%s", "\x1b[2Jred\r\nnext\u202e")
	if got := p.b.String(); got != "value        [2Jred  next\n" {
		t.Errorf("%q", got)
	}
}

func TestTheManualNamesEveryStatusFateAndChange(t *testing.T) {
	page, err := os.ReadFile("../../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, s := range pipeline.Statuses() {
		words = append(words, string(s))
	}
	for _, f := range mapping.Fates() {
		words = append(words, string(f))
		if fateTexts[f] == "" {
			t.Errorf("the fate %s has no text", f)
		}
	}
	for _, w := range append(append(words, mapping.Changes()...), jsonNames(reflect.TypeFor[pipeline.Explanation](), nil)...) {
		if !strings.Contains(string(page), "`"+w+"`") {
			t.Errorf("docs/explain.md does not explain %s", w)
		}
	}
}

// jsonNames lists the names under which a type and those within it are written.
func jsonNames(typ reflect.Type, names []string) []string {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return names
	}
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "-" && !slices.Contains(names, name) {
			names = jsonNames(f.Type, append(names, name))
		}
	}
	return names
}
