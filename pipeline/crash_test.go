package pipeline_test

import (
	"context"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pipeline"
)

// breaking is a source whose answer for one patient the program cannot cope with.
type breaking struct {
	fhir.Source
	patient string
}

func (b breaking) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, reject func(fhir.Rejected)) (*fhir.Record, error) {
	if patient.ID == b.patient && wanted.Has("Observation") {
		panic("no way to read Meier, Erika, born 1950-01-01")
	}
	return b.Source.Fetch(ctx, patient, wanted, reject)
}

func TestAPanicCostsItsSubjectOnlyAndTellsNoData(t *testing.T) {
	m := newMergeSite(t)
	m.open(t, nil)
	m.parts.Source = breaking{m.parts.Source, m.drop}
	outcome, err := pipeline.Run(t.Context(), m.parts, pipeline.Options{AsOf: asOfTruth(m.parts.Study.Zone), Workers: 2, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	got := failures(outcome)
	if !strings.HasPrefix(got, m.dropNumber+" an error of crflink's own in pipeline_test.breaking.Fetch (crash_test.go:") || strings.Contains(got, "Meier") || strings.Count(got, "\n") != 1 {
		t.Errorf("failures: %s", got)
	}
	if outcome.Tally.Computed == 0 || outcome.Complete() {
		t.Errorf("%d others were computed", outcome.Tally.Computed)
	}
}
