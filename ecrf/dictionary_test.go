package ecrf

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/golden"
)

func TestEveryMistakeInADictionaryIsShownAtItsPlace(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "broken.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = ParseDictionary("broken.yaml", text)
	var list finding.List
	if !errors.As(err, &list) {
		t.Fatalf("error %v is no list of findings", err)
	}
	var out strings.Builder
	if err := list.Render(&out, func(string) string { return string(text) }); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", "broken.txt"), out.String())
}

func registry(t testing.TB) (*Dictionary, string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "configs", "psma-registry", "dictionary.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d, warnings, err := ParseDictionary("dictionary.yaml", text)
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	return d, string(text)
}

func TestTheExampleStudyIsRead(t *testing.T) {
	d, _ := registry(t)
	items := 0
	for _, f := range d.Forms {
		items += len(f.Items)
	}
	if d.Study != "psma-registry" || len(d.Events) != 2 || len(d.Forms) != 9 || items < 40 {
		t.Errorf("%s: %d events, %d forms, %d items", d.Study, len(d.Events), len(d.Forms), items)
	}
	if !d.Form("psa").Repeating || d.Form("labs").Repeating || !d.Has("course", "psa") || d.Has("baseline", "psa") {
		t.Error("the PSA course is not the repeating form of the course")
	}
	if label, ok := d.CodeList("comparator").Label("<="); !ok || label != "at or below" {
		t.Errorf("label %q", label)
	}
	if got := d.CodeList("t_stage").Values(); !slices.Equal(got, []string{"T1", "T2", "T3", "T4", "TX"}) {
		t.Errorf("codes %v are not in their order", got)
	}
	if it := d.Item("creatinine"); it.Unit != "mg/dL" || it.Decimals != 2 || it.Min != "0.10" || it.Max != "25.00" || it.At.Line == 0 {
		t.Errorf("creatinine %+v", it)
	}
	if !slices.Equal(d.EventsOf("psa"), []string{"course"}) {
		t.Errorf("events %v", d.EventsOf("psa"))
	}
}

func TestTheHashIsOfTheContentNotOfTheLayout(t *testing.T) {
	d, text := registry(t)
	same, _, err := ParseDictionary("other.yaml", []byte("# a comment\n"+text+"\n"))
	if err != nil || same.Hash() != d.Hash() {
		t.Errorf("a comment changes the hash (%v)", err)
	}
	other, _, err := ParseDictionary("other.yaml", []byte(strings.Replace(text, "unit: ng/mL, decimals: 3", "unit: ng/mL, decimals: 2", 1)))
	if err != nil || other.Hash() == d.Hash() {
		t.Errorf("other decimals do not change the hash (%v)", err)
	}
}

func TestAFormInNoEventIsAWarning(t *testing.T) {
	text := "study: s\nversion: 1\nevents: [{name: e, forms: [f]}]\ncodelists: {unused: {a: b}}\nforms:\n" +
		"  - {name: f, items: [{name: i, type: text}]}\n  - {name: g, items: [{name: j, type: text}]}\n"
	d, warnings, err := ParseDictionary("d.yaml", []byte(text))
	if err != nil || d == nil || len(warnings) != 2 || warnings.HasErrors() {
		t.Errorf("warnings %v, %v", warnings, err)
	}
}

func FuzzADictionaryIsReadOrRefused(f *testing.F) {
	for _, name := range []string{"testdata/broken.yaml", "../configs/psma-registry/dictionary.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("")
	f.Add("forms: 1\nevents: {a: b}\ncodelists: [x]\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, _, err := ParseDictionary("d.yaml", []byte(text))
		if (d == nil) == (err == nil) {
			t.Errorf("dictionary %v, error %v", d, err)
		}
		if d != nil && len(d.Hash()) != 64 {
			t.Error("no hash")
		}
	})
}
