package mapping_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/mapping"
)

// TestTheRules and the study tests of configs show mappings only what Elements lists, so that a missing name shows there.
func TestTheElementsThatAMappingReadsAreListed(t *testing.T) {
	elements := study(t, exampleStudy).Mapping.Elements()
	if got := strings.Join(elements["Observation"], " "); !strings.Contains(got, "value[x]") || strings.Contains(got, "note") || strings.Contains(got, "performer") {
		t.Errorf("Observation: %s", got)
	}
	if got := elements["Patient"]; slices.Contains(got, "name") || !slices.Contains(got, "birthDate") {
		t.Errorf("Patient: %s", got)
	}
	if elements["Appointment"] != nil {
		t.Errorf("Appointment: %s", elements["Appointment"])
	}
}

func TestAMappingThatReadsWhatCannotBeToldReadsAll(t *testing.T) {
	for expression, all := range map[string]bool{
		"code.coding.code.first()":                     false,
		"subject.resolve().ofType(Patient).gender":     false,
		"code.coding.first().children().first().value": true,
		"performer.resolve().descendants().first().id": true,
		"subject.resolve().first().id":                 false,
		"(%resource.subject).resolve().id.first()":     false,
	} {
		m, findings := loadRule(t, expression)
		if m == nil {
			t.Fatalf("%s: %v", expression, findings)
		}
		if got := m.Elements() == nil; got != all {
			t.Errorf("%s: all elements %v, want %v: %v", expression, got, all, m.Elements())
		}
	}
}

// loadRule compiles a mapping with one rule, for a text item.
func loadRule(t *testing.T, expression string) (*mapping.Mapping, finding.List) {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(`
study: s
version: "1"
events: [{name: e, label: E, forms: [f]}]
forms: [{name: f, label: F, items: [{name: i, label: I, type: text, length: 100}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	text := "study: s\nversion: \"1\"\nforms: {f: {i: {resource: Observation, value: \"" + expression + "\"}}}\n"
	return mapping.Load(fstest.MapFS{"m.yaml": {Data: []byte(text)}}, "m.yaml", d)
}
