package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/withdrawal"
)

// absorb looks at the patients that the site has merged into a record. An identity that no subject has leads to the
// survivor's subject from now on, and so does that of a subject under whose number nothing was ever computed. A subject
// that the ledger knows is returned: what was delivered under its number belongs to the survivor, and a person has to say what
// becomes of it.
func (r *runner) absorb(ctx context.Context, record *fhir.Record, survivor pseudonym.Subject) (other pseudonym.Subject, err error) {
	for old := range record.OfType("Patient") {
		if old.Key() == record.Key() {
			continue
		}
		id, err := r.Study.Identity.Identify(old)
		if err != nil {
			continue // it names nobody
		}
		subject, err := r.Vault.Subject(ctx, id)
		switch {
		case errors.Is(err, pseudonym.ErrNotEnrolled):
			err = r.Vault.Link(ctx, survivor.Number(), id)
		case err != nil || subject.Number() == survivor.Number():
		default:
			var known map[string]ecrf.Facts
			if known, err = r.Ledger.Facts(ctx, []string{subject.Number()}); len(known) > 0 {
				return subject, err
			}
			if err == nil {
				err = errors.Join(r.Vault.Detach(ctx, id), r.Vault.Link(ctx, survivor.Number(), id))
			}
		}
		if err != nil {
			return pseudonym.Subject{}, fmt.Errorf("a patient that was merged: %w", err)
		}
	}
	return pseudonym.Subject{}, nil
}

// stopMerged holds a survivor and the subject that went into it.
func (r *runner) stopMerged(c candidate, survivor, other pseudonym.Subject) error {
	now := standing{outcomeHeld, reasonMerged}
	r.known[survivor.Number()], r.known[other.Number()] = now, now
	r.out.Tally.fail(Failure{Subject: survivor.Number(), Stage: StageSubject, Reason: fmt.Sprintf(
		"the site has merged subject %s, which was delivered, into this one: see to its data in the targets, then run crflink vault join --keep %s --drop %s", other, survivor, other)})
	err := r.note(survivor, newVerdict(c.decision, c.facts, now))
	otherErr := r.note(other, &verdict{standing: now})
	return errors.Join(err, otherErr, r.task(withdrawal.Merged, survivor.Number(), other.Number()))
}

// survivor returns the subject whose number the surviving patient of a merged record has already: enrolment may now name that of
// the other patient, too, and the survivor's stays. Otherwise the enrolment is as unclear as it was.
func (r *runner) survivor(ctx context.Context, record *fhir.Record, unclear error) (pseudonym.Subject, error) {
	merged := false
	for p := range record.OfType("Patient") {
		merged = merged || p.Key() != record.Key()
	}
	id, err := r.Study.Identity.Identify(record.Patient())
	if err != nil || !merged {
		return pseudonym.Subject{}, unclear
	}
	subject, err := r.Vault.Subject(ctx, id)
	if errors.Is(err, pseudonym.ErrNotEnrolled) {
		return pseudonym.Subject{}, unclear
	}
	return subject, err
}
