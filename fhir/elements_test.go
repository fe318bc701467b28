package fhir_test

import (
	"testing"

	"github.com/crflink/crflink/fhir"
)

func TestWalkingElementsAllocatesNothing(t *testing.T) {
	res, err := fhir.ReadResource(`{"resourceType":"Patient","id":"a","name":[{"family":"A"},{"family":"B"}],"maritalStatus":{"text":"C"}}`, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"name": 2, "maritalStatus": 1, "contact": 0} {
		found := 0
		allocated := testing.AllocsPerRun(10, func() {
			found = 0
			for n := range res.Get(path).Elements() {
				if n.Exists() {
					found++
				}
			}
		})
		if found != want || allocated != 0 {
			t.Errorf("%s: %d elements with %v allocations, want %d with none", path, found, allocated, want)
		}
	}
}

func TestARecordThatGrewHoldsWhatItHeld(t *testing.T) {
	record := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "a"})
	for _, text := range []string{`{"resourceType":"Patient","id":"a"}`, `{"resourceType":"Observation","id":"o"}`} {
		res, err := fhir.ReadResource(text, fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		record.Grow(1)
		record.Add(res)
	}
	if record.Len() != 2 || record.Patient() == nil || record.Find(fhir.Key{Type: "Observation", ID: "o"}) == nil {
		t.Errorf("the record has %d resources", record.Len())
	}
}
