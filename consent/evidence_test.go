package consent

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
)

func evidence(t *testing.T, f Facts) string {
	t.Helper()
	var b strings.Builder
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func names(typ reflect.Type) (all []string) {
	for i := range typ.NumField() {
		all = append(all, typ.Field(i).Name)
	}
	return all
}

// TestTheEvidenceOfADecisionIsAllThatItWasMadeFrom changes every field of the facts: the text must change with it. A field
// that is new has to be written, too.
func TestTheEvidenceOfADecisionIsAllThatItWasMadeFrom(t *testing.T) {
	key := fhir.Key{Type: "Patient", ID: "p2"}
	more := map[string]func(*Facts){
		"Patient":  func(f *Facts) { f.Patient.ID = "other" },
		"Patients": func(f *Facts) { f.Patients = append(f.Patients, res(t, patient("p2"))) },
		"Consents": func(f *Facts) { f.Consents = append(f.Consents, res(t, consent("c2", "2021-01-01"))) },
		"Encounters": func(f *Facts) {
			f.Encounters = append(f.Encounters, res(t, encounter("e2", "2021-01-01", "2021-01-02")))
		},
		"Subjects": func(f *Facts) {
			f.Subjects = append(f.Subjects, res(t, obj{"resourceType": "ResearchSubject", "id": "s2"}))
		},
		"Same":       func(f *Facts) { f.Same = append(f.Same, key) },
		"LinkedFrom": func(f *Facts) { f.LinkedFrom = append(f.LinkedFrom, key) },
		"Looked":     func(f *Facts) { f.Looked = append(f.Looked, key) },
		"Unread":     func(f *Facts) { f.Unread++ },
	}
	own := FactsOf(record(t, patient("p1"), official(), encounter("e1", "2021-01-01", "2021-01-02")))
	seen := map[string]string{evidence(t, own): "nothing"}
	for _, name := range names(reflect.TypeFor[Facts]()) {
		change, ok := more[name]
		if !ok {
			t.Errorf("%s is no part of the evidence: write it in Facts.Write", name)
			continue
		}
		f := own
		change(&f)
		text := evidence(t, f)
		if other, ok := seen[text]; ok {
			t.Errorf("another %s gives the same evidence as another %s", name, other)
		}
		seen[text] = name
	}
	turned := own
	turned.Patients, turned.Encounters = slices.Clone(own.Patients), slices.Clone(own.Encounters)
	turned.Patients = append([]*fhir.Resource{res(t, patient("p2"))}, turned.Patients...)
	straight := own
	straight.Patients = append(slices.Clone(own.Patients), res(t, patient("p2")))
	if evidence(t, turned) != evidence(t, straight) {
		t.Error("the order of the facts changes the evidence")
	}
}

// TestDecisionsThatDifferInAnythingDifferAsText changes every field of a decision but those that are named here.
func TestDecisionsThatDifferInAnythingDifferAsText(t *testing.T) {
	apart := map[string]bool{"patient": true, "day": true, "warnings": true} // the audit has the first two; warnings are remarks
	one := Evaluate(FactsOf(record(t, patient("p1"), official())), BuiltIn(), asOf(t, today))
	changed := map[string]Decision{}
	change := func(name string, f func(*Decision)) {
		d := one
		f(&d)
		changed[name] = d
	}
	change("policy", func(d *Decision) { d.policy = "another" })
	change("outcome", func(d *Decision) { d.outcome = Excluded })
	change("reason", func(d *Decision) { d.reason = NoDecision })
	change("windows", func(d *Decision) { d.windows = append(slices.Clone(d.windows), always) })
	change("types", func(d *Decision) { d.types = map[string]days{"Observation": {always}} })
	change("consents", func(d *Decision) { d.consents = append(slices.Clone(d.consents), "x") })
	change("withdrawal", func(d *Decision) { d.withdrawal = PartialWithdrawal })
	change("refused", func(d *Decision) { d.refused = 1 })
	change("parts", func(d *Decision) { d.parts = []Decision{one} })
	change("partOf", func(d *Decision) { d.partOf = map[string]int{"labs": 1} })
	for _, name := range names(reflect.TypeFor[Decision]()) {
		d, ok := changed[name]
		switch {
		case apart[name]:
		case !ok:
			t.Errorf("%s is no part of the text: write it in Decision.Append", name)
		case string(d.Append(nil)) == string(one.Append(nil)):
			t.Errorf("another %s gives the same text", name)
		}
	}
}
