package consent

import (
	"testing"

	"github.com/crflink/crflink/fhir"
)

// verdictOn returns the gate's verdict on one resource of the record.
func verdictOn(t *testing.T, rec *fhir.Record, p *Policy, o obj) DropReason {
	t.Helper()
	d := Evaluate(FactsOf(rec), p, asOf(t, today))
	kept, verdicts := admit(rec, d, p)
	i := 0
	for r := range rec.Resources() {
		if r.Type == o["resourceType"] && r.ID == o["id"] {
			if found := kept.Find(r.Key()) != nil; found != verdicts[i].keeps() {
				t.Errorf("verdict %s, but Find says %v", verdicts[i], found)
			}
			return verdicts[i]
		}
		i++
	}
	t.Fatal("the resource is not in the record")
	return ""
}

func medication(id string) obj { return obj{"resourceType": "Medication", "id": id} }

func given(id, day, medication string) obj {
	return obj{"resourceType": "MedicationAdministration", "id": id, "status": "completed", "subject": obj{"reference": "Patient/P1"},
		"effectiveDateTime": day, "medicationReference": obj{"reference": medication}}
}

func TestAResourceOfNobodyPassesOnlyWhenAKeptOneRefersToIt(t *testing.T) {
	substance := obj{"resourceType": "Substance", "id": "S1"}
	deep := with(medication("M1"), "ingredient", []any{obj{"itemReference": obj{"reference": "Substance/S1"}}})
	for _, c := range []struct {
		name  string
		facts []obj
		about obj
		want  DropReason
	}{
		{"from a kept resource", []obj{given("A1", "2021-01-01", "Medication/M1"), deep}, deep, Reached},
		{"and what that refers to", []obj{substance, deep, given("A1", "2021-01-01", "Medication/M1")}, substance, Reached},
		{"from a dropped resource", []obj{given("A1", "2019-01-01", "Medication/M1"), deep}, deep, NotReached},
		{"from nowhere", []obj{deep, substance}, substance, NotReached},
		{"a patient's own device", []obj{{"resourceType": "Device", "id": "D1", "patient": obj{"reference": "Patient/P2"}},
			with(observation("O1", "2021-01-01"), "device", obj{"reference": "Device/D1"})}, obj{"resourceType": "Device", "id": "D1"}, OtherPatient},
	} {
		rec := record(t, append(c.facts, official())...)
		if got := verdictOn(t, rec, BuiltIn(), c.about); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWhatIsNotThisPatientsNeverPasses(t *testing.T) {
	day := "2021-01-01"
	for _, c := range []struct {
		name string
		o    obj
		want DropReason
	}{
		{"own", observation("X", day), InWindow},
		{"absolute reference", with(observation("X", day), "subject", obj{"reference": "https://host/fhir/Patient/P1"}), InWindow},
		{"another patient", with(observation("X", day), "subject", obj{"reference": "Patient/P2"}), OtherPatient},
		{"a group", with(observation("X", day), "subject", obj{"reference": "Group/P1"}), OtherPatient},
		{"no subject", with(observation("X", day), "subject", nil), NoPatient},
		{"a name only", with(observation("X", day), "subject", obj{"display": "somebody"}), NoPatient},
		{"another Patient", patient("P2"), OtherPatient},
		{"a type without a rule", obj{"resourceType": "VerificationResult", "id": "X"}, TypeWithoutRule},
		{"a withheld type", obj{"resourceType": "Provenance", "id": "X", "recorded": "2021-01-01T00:00:00Z"}, TypeWithheld},
		{"two dates", with(observation("X", day), "effectivePeriod", period(day, day)), DateUnreadable},
		{"a Timing", with(observation("X", nil), "effectiveTiming", obj{"event": []any{day}}), DateUnreadable},
		{"a contained resource outside", with(observation("X", day), "contained", []any{observation("c", "2019-01-01")}), ContainedFails},
		{"a contained resource inside", with(observation("X", day), "contained", []any{observation("c", day)}), InWindow},
		{"a contained medication", with(given("X", day, "#m"), "contained", []any{medication("m")}), InWindow},
		{"the second element counts when the first is missing", obj{"resourceType": "ClinicalImpression", "id": "X",
			"subject": obj{"reference": "Patient/P1"}, "date": day}, InWindow},
		{"the first element decides when it is there", obj{"resourceType": "ClinicalImpression", "id": "X",
			"subject": obj{"reference": "Patient/P1"}, "date": day, "effectiveDateTime": "2019-01-01"}, OutsideWindow},
	} {
		if got := verdictOn(t, record(t, official(), c.o), BuiltIn(), c.o); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestADecisionOfAnotherPatientOrPolicyAdmitsNothing(t *testing.T) {
	rec := record(t, official(), observation("O", "2021-01-01"))
	d := Evaluate(FactsOf(rec), BuiltIn(), asOf(t, today))
	other := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "P2"})
	other.Add(res(t, patient("P2")))
	for name, try := range map[string]func() (Permitted, Drops){
		"patient": func() (Permitted, Drops) { return Admit(other, d, BuiltIn()) },
		"policy":  func() (Permitted, Drops) { return Admit(rec, d, policyOf(t, broad+"encounterShift: false\n")) },
	} {
		kept, drops := try()
		if kept.Granted() || drops.Total() == 0 || drops.List()[0].Reason != OtherDecision {
			t.Errorf("%s: %v", name, drops.List())
		}
	}
	if kept, drops := Admit(rec, d, BuiltIn()); !kept.Granted() || drops.Total() != 0 {
		t.Errorf("its own: %v", drops.List())
	}
}

func TestTheZeroPermittedHoldsNothing(t *testing.T) {
	var p Permitted
	for range p.Resources() {
		t.Error("it yields a resource")
	}
	day := fhir.NewDay(2021, 1, 1)
	if p.Granted() || p.Patient() != nil || p.Find(fhir.Key{Type: "Patient", ID: "P1"}) != nil || len(p.Windows()) > 0 ||
		!p.HidesDeath() || p.Covers("Observation", day, day) || p.Decision().Outcome() != Held {
		t.Error("it holds something")
	}
}

func TestDeathIsHiddenUnlessItsDayLiesInTheWindow(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		hides bool
	}{
		{"deceasedDateTime", "2021-05-05", false},
		{"deceasedDateTime", "2025-09-01", true},
		{"deceasedDateTime", "2021-05", true},
		{"deceasedDateTime", "soon", true},
		{"deceasedBoolean", true, true},
		{"deceasedBoolean", false, true},
		{"active", true, false},
	} {
		rec := record(t, official(), with(patient("P1"), c.key, c.value))
		kept, _ := Admit(rec, Evaluate(FactsOf(rec), BuiltIn(), asOf(t, today)), BuiltIn())
		if kept.Patient() == nil || kept.HidesDeath() != c.hides {
			t.Errorf("%s %v: hidden %v", c.key, c.value, kept.HidesDeath())
		}
	}
}

func TestWhatComesFromElsewherePassesTheSameTest(t *testing.T) {
	rec := record(t, official())
	kept, _ := Admit(rec, Evaluate(FactsOf(rec), BuiltIn(), asOf(t, today)), BuiltIn())
	for date, want := range map[string]bool{"2020-09-01": true, "2020-08-31": false, "2021-03": false, "2025-08-31T21:59:59Z": true, "2025-08-31T22:00:00Z": false} {
		d, err := fhir.ParseDateTime(date)
		if err != nil {
			t.Fatal(err)
		}
		if got := kept.CoversDate("ImagingStudy", d); got != want {
			t.Errorf("%s: got %v", date, got)
		}
	}
}
