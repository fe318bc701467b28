package mapping_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

func dictionary(t testing.TB, file string) *ecrf.Dictionary {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryMistakeInAMappingIsShownAtItsPlaceAllAtOnce(t *testing.T) {
	files, err := filepath.Glob("testdata/bad-*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			m, findings := mapping.Load(os.DirFS("testdata"), filepath.Base(file), dictionary(t, "testdata/dictionary.yaml"))
			if m != nil {
				t.Error("a wrong mapping can be used")
			}
			golden.Equal(t, strings.TrimSuffix(file, ".yaml")+".golden", rendered(t, findings))
		})
	}
}

func TestWhatAMovedAndVeiledRecordCannotGiveIsShownAtItsPlace(t *testing.T) {
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]pseudonym.DateMode{"shift": pseudonym.Shift, "none": pseudonym.None} {
		_, findings := mapping.Load(os.DirFS("testdata"), "veiled-lint.yaml", dictionary(t, "testdata/dictionary.yaml"), mapping.Behind(profile, mode))
		golden.Equal(t, "testdata/veiled-lint."+name+".golden", rendered(t, findings))
	}
}

func rendered(t *testing.T, findings finding.List) string {
	t.Helper()
	var out strings.Builder
	err := findings.Render(&out, func(name string) string {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Error(err)
		}
		return string(text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAnEmptyOrUnreadableMappingIsAFindingAndNoPanic(t *testing.T) {
	d := dictionary(t, "testdata/dictionary.yaml")
	for _, text := range []string{"", "study:", "[1, 2]", "study: rules\nforms:\n  person:\n", "forms: {person: {sex: }}", "a: [", "forms: {visit: {repeat: }}"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, findings := mapping.Load(os.DirFS(dir), "m.yaml", d); m != nil && findings.HasErrors() || len(findings) == 0 {
			t.Errorf("%q: %v", text, findings)
		}
	}
	if _, findings := mapping.Load(os.DirFS(t.TempDir()), "m.yaml", d); !findings.HasErrors() {
		t.Error("a file that is not there is no finding")
	}
}

func TestTheHashChangesWithTheMappingAndItsCodeMapFiles(t *testing.T) {
	d := dictionary(t, "testdata/dictionary.yaml")
	hash := func(text, csv string) string {
		dir := t.TempDir()
		for name, content := range map[string]string{"m.yaml": text, "a.csv": csv, "b.csv": "code,value\nx,1\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m, findings := mapping.Load(os.DirFS(dir), "m.yaml", d)
		if m == nil {
			t.Fatal(findings)
		}
		return m.Hash()
	}
	const text = "study: rules\nversion: '1'\nmaps: {a: {file: a.csv}, b: {file: b.csv}}\n"
	first := hash(text, "code,value\nm,1\n")
	if first != hash(text, "code,value\nm,1\n") {
		t.Error("the hash is not stable")
	}
	if first == hash(text, "code,value\nm,2\n") || first == hash(text+"# more\n", "code,value\nm,1\n") {
		t.Error("the hash does not change")
	}
}

func TestAMappingTellsWhatItReads(t *testing.T) {
	d := dictionary(t, exampleStudy+"/dictionary.yaml")
	m, findings := mapping.Load(os.DirFS(exampleStudy), "mapping.yaml", d)
	if m == nil {
		t.Fatal(findings)
	}
	want := []string{
		"Condition", "Encounter", "ImagingStudy", "Medication", "MedicationAdministration", "MedicationRequest", "MedicationStatement",
		"Observation", "Patient", "Procedure",
	}
	if got := m.Types(); !slices.Equal(got, want) {
		t.Errorf("types %v, want %v", got, want)
	}
	if m.UsesAsOf() {
		t.Error("the example study asks for no as-of")
	}
	if !m.HasEvent("index") || m.HasEvent("indx") {
		t.Error("events")
	}
}

func TestAMappingThatAsksForTodayUsesTheAsOf(t *testing.T) {
	d := dictionary(t, "testdata/dictionary.yaml")
	for expression, want := range map[string]bool{
		"birthDate < today()": true, "deceased.exists() or now ( ) > @2020-01-01T00:00:00Z": true,
		"id = 'today()'": false, "gender = 'male'": false,
	} {
		dir := t.TempDir()
		text := "study: rules\nversion: '1'\nforms:\n  person:\n    alive: {resource: Patient, value: \"" + expression + "\"}\n"
		if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, findings := mapping.Load(os.DirFS(dir), "m.yaml", d)
		if m == nil {
			t.Fatalf("%s: %v", expression, findings)
		}
		if m.UsesAsOf() != want {
			t.Errorf("%s: uses as-of %v", expression, m.UsesAsOf())
		}
	}
}
