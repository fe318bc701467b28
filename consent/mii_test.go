package consent

import (
	"bytes"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/internal/shared"
)

// folder reads a folder of single resources and groups them by patient; what belongs to nobody is in every record.
func folder(t testing.TB, dir string) iter.Seq2[*fhir.Record, error] {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no resources in the folder: %v", err)
	}
	records, nobodys := map[string]*fhir.Record{}, []*fhir.Resource{}
	of := func(id string) *fhir.Record {
		if records[id] == nil {
			records[id] = fhir.NewRecord(fhir.Key{Type: "Patient", ID: id})
		}
		return records[id]
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.ReadResource(string(text), fhir.Origin{Source: filepath.Base(file)})
		if err != nil {
			t.Fatal(err)
		}
		owner := ""
		if r.Type == "Patient" {
			owner = r.ID
		}
		for ref := range r.Subject().Elements() {
			key, _ := fhir.ParseReference(ref.Get("reference").Text()).Key()
			owner = key.ID
		}
		switch {
		case owner != "":
			of(owner).Add(r)
		case r.Type != "Bundle" && r.Type != "ImplementationGuide":
			nobodys = append(nobodys, r)
		}
	}
	return func(yield func(*fhir.Record, error) bool) {
		for _, id := range slices.Sorted(maps.Keys(records)) {
			for _, r := range nobodys {
				records[id].Add(r)
			}
			if !yield(records[id], nil) {
				return
			}
		}
	}
}

func TestDecisionsOnTheMIITestData(t *testing.T) {
	dir := shared.Dir(t, "data", "mii-kds-testdata", "resources")
	var out bytes.Buffer
	sum, err := Check(&out, folder(t, dir), BuiltIn(), asOf(t, today), CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/mii-kds-testdata.jsonl", out.Bytes())
	if sum.Patients < 31 || sum.Reasons[Consented] != 9 || sum.Reasons[Expired] != 1 {
		t.Errorf("got %+v", sum)
	}
}

func TestResourcesOfAnMIITestPatient(t *testing.T) {
	dir := shared.Dir(t, "data", "mii-kds-testdata", "resources")
	var out bytes.Buffer
	one := func(yield func(*fhir.Record, error) bool) {
		for rec, err := range folder(t, dir) {
			if rec.Key().ID == "mii-exa-test-data-patient-3" && !yield(rec, err) {
				return
			}
		}
	}
	if _, err := Check(&out, one, BuiltIn(), asOf(t, today), CheckOptions{Resources: true}); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/mii-patient-3.jsonl", out.Bytes())
}

func TestEveryTypeOfTheMIITestDataHasARule(t *testing.T) {
	p := BuiltIn()
	for rec, err := range folder(t, shared.Dir(t, "data", "mii-kds-testdata", "resources")) {
		if err != nil {
			t.Fatal(err)
		}
		for r := range rec.Resources() {
			if _, ok := p.set.Dates[r.Type]; !ok {
				t.Errorf("%s has no rule", r.Type)
			}
		}
	}
}
