package pipeline

import (
	"context"

	"github.com/crflink/crflink/fhir"
)

// admit tells a source that reads many patients at once who is permitted, before anything clinical is asked of it.
func admit(ctx context.Context, source fhir.Source, patients []fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) error {
	admitter, ok := source.(fhir.Admitter)
	if !ok {
		return nil
	}
	return admitter.Admit(ctx, patients, wanted, rej)
}

// admitWork admits those whose casebooks are to be computed.
func (r *runner) admitWork(ctx context.Context, shards []shard) error {
	var patients []fhir.Key
	for _, s := range shards {
		for _, w := range s.work {
			patients = append(patients, w.patient)
		}
	}
	return admit(ctx, r.Source, patients, r.Study.Wanted(), r.facts.Reject)
}
