package pipeline

import (
	"context"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
)

// Refresher is a source that can forget what it was told about consents, so that it asks again.
type Refresher interface{ Refresh() }

// recheck decides once more about whoever is to be delivered, where the service that keeps the consents can be asked again: a
// run may take hours. Groups and Lists of the cohort are read again, too. Who is not permitted any more is not delivered; an
// answer that does not come stops the run before anything is delivered.
func (r *runner) recheck(ctx context.Context) error {
	source, can := r.Source.(Refresher)
	if r.DryRun || !can && !r.Study.Cohort.asks() {
		return nil
	}
	if can {
		source.Refresh()
	}
	r.cohorts.forget()
	for _, w := range r.work {
		if r.known[w.subject.Number()].outcome != outcomePermitted {
			continue
		}
		if err := r.recheckOne(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) recheckOne(ctx context.Context, w work) error {
	record, err := r.Source.Fetch(ctx, w.patient, fhir.Wanted{}, r.facts.Reject)
	if err != nil {
		return err
	}
	defer record.Release()
	d, facts, err := r.assess(ctx, record)
	if err != nil || d.Outcome() == consent.Granted {
		return err
	}
	now := standing{d.Outcome().String(), string(d.Reason())}
	draft, differs, err := r.decidedAgain(w, &verdict{d, facts, now})
	if err != nil {
		return err
	}
	if differs {
		if err := r.Audit.Append(ctx, draft); err != nil {
			return err
		}
		r.stands(draft)
	}
	r.recall(w.subject.Number(), now, d)
	r.out.Tally.fail(Failure{Subject: w.subject.Number(), Stage: "consent", Reason: "no longer permitted before delivery: " + string(d.Reason())})
	return nil
}

// asks reports whether the cohort asks a server.
func (c *Cohort) asks() bool {
	if c == nil {
		return false
	}
	for _, parts := range [][]Cohort{c.All, c.Any} {
		for i := range parts {
			if parts[i].asks() {
				return true
			}
		}
	}
	return c.Search != nil || c.Member != fhir.Key{}
}
