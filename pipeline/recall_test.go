package pipeline_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pipeline"
)

// withdrawing is a source that rejects a Consent of every patient while it fetches, once it is told to.
type withdrawing struct {
	fhir.Source
	now atomic.Bool
}

func (w *withdrawing) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	if w.now.Load() && len(wanted.Types()) > 0 {
		rej(fhir.Rejected{Type: "Consent", Reason: "cut off", Patient: patient})
	}
	return w.Source.Fetch(ctx, patient, wanted, rej)
}

// TestASubjectWhoseConsentFailsDuringTheRunIsNotDelivered delivers once, and once more when each fetch finds a Consent
// that cannot be read: also what earlier runs stored must not be delivered then.
func TestASubjectWhoseConsentFailsDuringTheRunIsNotDelivered(t *testing.T) {
	s := newSite(t, 1, 20)
	parts := openParts(t, exampleStudy(t), s.folder)
	all := 100
	parts.Study.MaxLost = &all
	source := &withdrawing{Source: parts.Source}
	target := &liveTarget{}
	receives(parts.Study, target.Name())
	parts.Source, parts.Targets = source, append(parts.Targets, target)
	first := mustRun(t, parts)
	if target.books == 0 || target.books != first.Tally.Computed {
		t.Fatalf("%d casebooks are delivered, %d computed", target.books, first.Tally.Computed)
	}
	source.now.Store(true)
	again, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Full: true, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if target.books != 0 || len(again.Tally.Failed) != first.Tally.Computed {
		t.Errorf("%d casebooks are delivered, %d patients fail", target.books, len(again.Tally.Failed))
	}
}
