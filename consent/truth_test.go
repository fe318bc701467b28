package consent

import (
	"fmt"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/synth"
)

// TestDecisionsAgreeWithTheTruthOfSyntheticPatients compares every decision with the generator's own, which was
// written without this package: outcome, reason and window.
func TestDecisionsAgreeWithTheTruthOfSyntheticPatients(t *testing.T) {
	const patients = 200
	for seed := uint64(1); seed <= 5; seed++ {
		g, err := synth.New(synth.Config{Seed: seed, Patients: patients})
		if err != nil {
			t.Fatal(err)
		}
		for i := range patients {
			rec, truth := synthetic(t, g, i)
			want := truth.Decision.Outcome + " " + truth.Decision.Reason
			if truth.Decision.Outcome == "not-enrolled" { // permitted, but without a study number
				want = "permitted granted"
			}
			for _, s := range truth.Decision.Window {
				want += " " + s.Start() + ".." + s.End()
			}
			if got := say(Evaluate(FactsOf(rec), BuiltIn(), asOf(t, today))); got != want {
				t.Errorf("seed %d, patient %d: got %s, want %s", seed, i, got, want)
			}
		}
	}
}

// synthetic generates a patient as one record, under the id of the Patient that was not replaced.
func synthetic(t *testing.T, g *synth.Generator, index int) (*fhir.Record, *synth.Truth) {
	t.Helper()
	var all []*fhir.Resource
	truth, err := g.Patient(index, func(_ string, text []byte) error {
		r, err := fhir.ReadResource(string(text), fhir.Origin{Source: "synth"})
		if err != nil {
			return fmt.Errorf("read what was generated: %w", err)
		}
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	key := fhir.Key{Type: "Patient"}
	for _, r := range all {
		if r.Type == "Patient" && (key.ID == "" || r.Path("link").First().Get("type").Text() != "replaced-by") {
			key.ID = r.ID
		}
	}
	rec := fhir.NewRecord(key)
	for _, r := range all {
		rec.Add(r)
	}
	return rec, truth
}
