package fhir_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
)

func resource(t *testing.T, text string) *fhir.Resource {
	t.Helper()
	r, err := fhir.ReadResource(text, fhir.Origin{Source: "x", Position: 7})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAResourceHasATypeAndAnIDOrIsRefused(t *testing.T) {
	for _, text := range []string{`{}`, `{"resourceType":1}`, `{"resourceType":"patient"}`, `{"resourceType":"Pat ient"}`, `{"resourceType":""}`, `{"resourceType":"Patient","id":1}`,
		`{"resourceType":"Patient","id":""}`, `{"resourceType":"Patient","id":"a b"}`, `{"resourceType":"Patient","id":null}`, `{"resourceType":"Patient","id":"` + strings.Repeat("x", 65) + `"}`} {
		if _, err := fhir.ReadResource(text, fhir.Origin{Source: "x", Position: 7}); err == nil || !strings.HasPrefix(err.Error(), "x@7: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if r := resource(t, `{"id":"1","resourceType":"Patient"}`); r.Key() != (fhir.Key{Type: "Patient", ID: "1"}) || r.Origin.String() != "x@7" {
		t.Errorf("got %v at %v", r.Key(), r.Origin)
	}
}

func TestARecordHoldsEachResourceOnce(t *testing.T) {
	record := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "1"})
	if record.Patient() != nil {
		t.Error("an empty record has a patient")
	}
	for _, text := range []string{`{"resourceType":"Patient","id":"1"}`, `{"resourceType":"Basic","id":"1","a":1}`, `{"resourceType":"Basic"}`, `{"resourceType":"Basic","id":"1","a":2}`, `{"resourceType":"Basic"}`} {
		record.Add(resource(t, text))
	}
	var got []string
	for r := range record.OfType("Basic") {
		got = append(got, r.String())
	}
	if want := []string{`{"resourceType":"Basic","id":"1","a":2}`, `{"resourceType":"Basic"}`, `{"resourceType":"Basic"}`}; !slices.Equal(got, want) || record.Len() != 4 {
		t.Errorf("got %v", got)
	}
	if record.Patient() == nil || record.Find(fhir.Key{Type: "Basic", ID: "1"}).Get("a").Text() != "2" || record.Find(fhir.Key{Type: "Basic", ID: "2"}) != nil {
		t.Error("resources are not found by their keys")
	}
	for range record.Resources() { // an iteration may be left
		break
	}
}

func TestARecordKnowsWhatFullURLsMean(t *testing.T) {
	record := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "1"})
	record.SetAlias("urn:uuid:1", fhir.Key{Type: "Basic", ID: "b"})
	for text, want := range map[string]string{"urn:uuid:1": "Basic/b", "urn:uuid:2": "", "Basic/c": "Basic/c", "#x": ""} {
		if k, ok := record.KeyOf(text); ok != (want != "") || ok && k.String() != want {
			t.Errorf("%s means %v, %v", text, k, ok)
		}
	}
}

func TestReferencesAreFoundAtAnyDepth(t *testing.T) {
	r := resource(t, `{"resourceType":"Basic","subject":{"reference":"Patient/1"},"contained":[{"resourceType":"Basic","author":{"reference":"#"}}],
		"extension":[{"url":"u","valueReference":{"reference":"Device\/2"}}],"reference":{"x":1},"\u0072eference2":"no","_reference":{"id":"reference"}}`)
	var got []string
	for n := range r.References() {
		got = append(got, n.Text())
	}
	if want := []string{"Patient/1", "#", "Device/2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEveryTypeBelongsInOneWay(t *testing.T) {
	for typ, want := range map[string]fhir.Belonging{"Patient": fhir.Owned, "Observation": fhir.Owned, "Consent": fhir.Owned, "Medication": fhir.Shared, "ResearchStudy": fhir.Shared, "Device": fhir.Possible, "Group": fhir.Withheld, "Provenance": fhir.Withheld} {
		if got := fhir.BelongsToPatients(typ); got != want {
			t.Errorf("%s: %d, want %d", typ, got, want)
		}
	}
	for _, typ := range fhir.OwnedTypes() {
		if b := fhir.BelongsToPatients(typ); b != fhir.Owned && b != fhir.Possible || fhir.SubjectParameter(typ) == "" {
			t.Errorf("%s belongs as %d, parameter %q", typ, b, fhir.SubjectParameter(typ))
		}
	}
}

func TestASubsetSaysSo(t *testing.T) {
	for meta, want := range map[string]bool{
		`{"tag":[{"code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}`: true,
		`{"security":[{"system":"http://hl7.org/fhir/v3/ObservationValue","code":"SUBSETTED"}]}`:                           true,
		`{"tag":[{"system":"http://example.org","code":"SUBSETTED"}]}`:                                                     false,
		`{}`: false,
	} {
		if got := fhir.IsSubsetted(parse(t, meta)); got != want {
			t.Errorf("%s: %v", meta, got)
		}
	}
}

func TestWantedIsNothingUnlessSaid(t *testing.T) {
	var nothing fhir.Wanted
	some := fhir.WantTypes("Observation").Narrow("Condition", fhir.Narrowing{Any: []fhir.Criterion{{Parameter: "code", Element: "code", Codes: []fhir.Coding{{System: "s", Code: "c"}}}}})
	if nothing.Has("Observation") || !some.Has("Observation") || !some.Has("Condition") || some.Has("Procedure") || !fhir.Everything().Has("Procedure") {
		t.Error("a type is wanted that should not be, or the other way round")
	}
	if !slices.Equal(some.Types(), []string{"Condition", "Observation"}) || some.Narrowing("Condition").Any[0].Codes[0].Code != "c" || some.All() {
		t.Errorf("got %v", some)
	}
}
