package pipeline

import (
	"context"
	"errors"
	"slices"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/beside"
)

// Refresher is a source that can forget what it was told about consents, so that it asks again.
type Refresher interface{ Refresh() }

// errStopped is of a source among several that stopped answering.
var errStopped = errors.New("it stopped answering")

// Rereader is a source that can ask again for facts of the given types. The records come in the order of the patients, with
// their other facts as they were read first; one whose Consents are all gone comes without. Of several sources it answers nil for
// a patient of one that does not answer.
type Rereader interface {
	Reread(ctx context.Context, patients []fhir.Key, types []string, rej func(fhir.Rejected)) ([]*fhir.Record, error)
}

// rereadAtOnce bounds how many patients' facts are in memory while they are decided about again.
const rereadAtOnce = 100

// askedAgain are the facts that may end a permission while a run is under way. The others only say what a Consent means.
func askedAgain() []string { return []string{"Consent", "ResearchSubject"} }

// recheck decides once more about whoever is to be delivered, where the server that keeps the consents can be asked again: a
// run may take hours. Groups and Lists of the cohort are read again, too. Who is not permitted any more is not delivered; an
// answer that does not come stops the run before anything is delivered.
func (r *runner) recheck(ctx context.Context) error {
	source, can := r.Source.(Rereader)
	if r.DryRun || !can && !r.Study.Cohort.asks() {
		return nil
	}
	if !can {
		source = once{r.Source}
	}
	if refresher, ok := r.Source.(Refresher); ok {
		refresher.Refresh()
	}
	r.cohorts.forget()
	r.facts = r.facts.Again(source)
	parts := slices.Collect(slices.Chunk(r.toBeDelivered(), rereadAtOnce))
	for some := range slices.Chunk(parts, max(1, r.Workers)) {
		if err := r.recheckParts(ctx, source, some); err != nil {
			return err
		}
	}
	if r.holdsAll() { // a source has stopped answering on the way
		for _, w := range r.toBeDelivered() {
			r.missed(missed{w.subject.Number(), r.silent()[0]})
		}
	}
	return nil
}

// once is a source whose facts cannot change during a run.
type once struct{ fhir.Source }

// Reread returns the facts as they were read.
func (o once) Reread(ctx context.Context, patients []fhir.Key, _ []string, rej func(fhir.Rejected)) ([]*fhir.Record, error) {
	records := make([]*fhir.Record, 0, len(patients))
	for _, patient := range patients {
		record, err := o.Fetch(ctx, patient, fhir.Wanted{}, rej)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

func (r *runner) toBeDelivered() []work {
	return slices.DeleteFunc(slices.Clone(r.work), func(w work) bool { return r.known[w.subject.Number()].outcome != outcomePermitted })
}

// recheckParts asks about some parts side by side, and decides about one patient after the other.
func (r *runner) recheckParts(ctx context.Context, source Rereader, parts [][]work) error {
	records := make([][]*fhir.Record, len(parts))
	err := beside.Each(ctx, len(parts), func(ctx context.Context, i int) (err error) {
		patients := make([]fhir.Key, len(parts[i]))
		for j, w := range parts[i] {
			patients[j] = w.patient
		}
		records[i], err = source.Reread(ctx, patients, askedAgain(), r.facts.Reject)
		return err
	})
	if err != nil {
		return err
	}
	for i, part := range parts {
		for j, record := range records[i] {
			err := error(&fhir.UnreachedError{Err: errStopped})
			if record != nil {
				err = r.recheckOne(ctx, part[j], record)
			}
			if isUnreached(err) {
				r.missed(missing(part[j], err))
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// recheckOne holds a subject who is not permitted any more, or whose decision is not that by which the casebook was computed.
func (r *runner) recheckOne(ctx context.Context, w work, record *fhir.Record) error {
	defer record.Release()
	d, facts, err := r.assess(ctx, record)
	if err != nil {
		return err
	}
	v := newVerdict(d, facts, standing{d.Outcome().String(), string(d.Reason())})
	why := "no longer permitted before delivery: " + string(d.Reason())
	if d.Outcome() == consent.Granted {
		v = newVerdict(d, facts, standing{outcomePermitted, string(d.Reason())})
		if r.account.standing[w.subject.AuditName()] == v.mark(w.subject.AuditMark()) {
			return nil
		}
		v = newVerdict(d, facts, standing{outcomeHeld, reasonChanged})
		why = "permitted for other data or by other consents before delivery than when they were computed; the next run computes them anew"
	}
	draft, differs, err := r.decidedAgain(w, v)
	if err != nil {
		return err
	}
	if differs {
		if err := r.Audit.Append(ctx, draft); err != nil {
			return err
		}
		r.stands(draft)
	}
	r.recall(recalled{w.subject.Number(), v.standing.outcome, v.standing.reason, refusalOf(d, r.AsOf)})
	r.out.Tally.fail(Failure{Subject: w.subject.Number(), Stage: "consent", Reason: why})
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
