package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// work is a permitted patient with their subject.
type work struct {
	patient fhir.Key
	subject pseudonym.Subject
}

// decide decides about every patient of the source, and finds the subjects of those who are permitted. Nothing but
// facts is read for it.
func (r *runner) decide(ctx context.Context) error {
	r.Progress.Stage("consent", -1)
	r.known = map[string]standing{}
	batch := make([]*fhir.Record, 0, recordsPerBatch)
	for record, err := range r.Source.Subjects(ctx, r.facts.Reject) {
		if err != nil {
			return err
		}
		if batch = append(batch, record); len(batch) < recordsPerBatch {
			continue
		}
		if err := r.decideAll(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	if err := r.decideAll(ctx, batch); err != nil {
		return err
	}
	r.partShared()
	slices.SortFunc(r.work, func(a, b work) int { return strings.Compare(a.subject.Number(), b.subject.Number()) })
	return nil
}

// recordsPerBatch is how many patients' subjects are enrolled in one transaction of the vault.
const recordsPerBatch = 64

func (r *runner) decideAll(ctx context.Context, batch []*fhir.Record) error {
	return r.Vault.Batch(ctx, func(ctx context.Context) error {
		for _, record := range batch {
			if err := r.decideOne(ctx, record); err != nil {
				return err
			}
			record.Release()
			r.Progress.Add(1)
		}
		return nil
	})
}

func (r *runner) decideOne(ctx context.Context, record *fhir.Record) error {
	r.out.Tally.Patients++
	d, err := r.judge(ctx, record)
	if err != nil {
		return err
	}
	r.out.Tally.decided(d)
	if d.Outcome() != consent.Granted {
		return r.lookUp(ctx, record, d)
	}
	subject, err := r.Vault.Find(ctx, record, r.Study.Identity, r.Study.Numbering)
	switch {
	case err == nil:
		r.work = append(r.work, work{record.Key(), subject})
		r.known[subject.Number()] = standing{outcomePermitted, string(d.Reason())}
	case errors.Is(err, pseudonym.ErrNotEnrolled):
		r.out.Tally.NotEnrolled++
	case Waits(err):
		r.out.Tally.fail(Failure{Stage: StageSubject, Reason: err.Error()})
	default:
		return err
	}
	return nil
}

// judge decides about a patient by the facts in the record and in those that it links to.
func (r *runner) judge(ctx context.Context, record *fhir.Record) (consent.Decision, error) {
	facts, err := r.facts.Of(ctx, record)
	if err != nil {
		return consent.Decision{}, err
	}
	return consent.Evaluate(facts, r.Study.Policy, r.AsOf), nil
}

// Waits reports whether an error of Vault.Find concerns one patient only, who then waits for a person to look.
func Waits(err error) bool {
	for _, e := range []error{pseudonym.ErrNoIdentity, pseudonym.ErrManyIdentities, pseudonym.ErrConflict, pseudonym.ErrNumberTaken, pseudonym.ErrIdentity, pseudonym.ErrEnrolment} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// lookUp notes how a subject that is known from earlier runs stands now. Nobody becomes known by being refused.
func (r *runner) lookUp(ctx context.Context, record *fhir.Record, d consent.Decision) error {
	id, err := r.Study.Identity.Identify(record.Patient())
	if err != nil {
		return nil // never known, and not now
	}
	subject, err := r.Vault.Subject(ctx, id)
	switch {
	case err == nil:
		r.known[subject.Number()] = standing{d.Outcome().String(), string(d.Reason())}
		return nil
	case errors.Is(err, pseudonym.ErrNotEnrolled):
		return nil
	}
	return err
}

// partShared takes out subjects that several patients of the source claim: which of them is meant is for a person to
// say.
func (r *runner) partShared() {
	claims := map[string]int{}
	for _, w := range r.work {
		claims[w.subject.Number()]++
	}
	r.work = slices.DeleteFunc(r.work, func(w work) bool {
		n := w.subject.Number()
		if claims[n] < 2 {
			return false
		}
		r.known[n] = standing{"held", reasonShared}
		r.out.Tally.fail(Failure{Subject: n, Stage: StageSubject, Reason: "several patients of the source claim this subject number; link them with Patient.link or correct the enrolment"})
		return true
	})
}
