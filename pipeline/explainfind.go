package pipeline

import (
	"context"
	"errors"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// claim is a patient of the source who has the number that was asked for.
type claim struct {
	patient  fhir.Key
	decision consent.Decision
	subject  pseudonym.Subject // zero while no run has taken the subject in
	status   Status            // "" or what keeps the subject from being computed
	why      string
}

// find walks the facts of the source for the patients who have the number. The whole of it: a number that two claim is
// nobody's. Nothing is written to the vault.
func (x *explainer) find(ctx context.Context) ([]claim, error) {
	x.Progress.Stage("consent", -1)
	var claims []claim
	for record, err := range x.Source.Subjects(ctx, x.facts.Reject) {
		if err != nil {
			return nil, err
		}
		c, ok, err := x.claimOf(ctx, record)
		record.Release()
		if err != nil {
			return nil, err
		}
		if ok {
			claims = append(claims, c)
		}
		x.Progress.Add(1)
	}
	return claims, nil
}

// claimOf reports whether the patient has the number, by vault or by enrolment.
func (x *explainer) claimOf(ctx context.Context, record *fhir.Record) (claim, bool, error) {
	id, err := x.Study.Identity.Identify(record.Patient())
	if err != nil {
		return claim{}, false, nil // has never been a subject, and is not now
	}
	c := claim{patient: record.Key()}
	c.subject, err = x.Vault.Subject(ctx, id)
	if err != nil && !errors.Is(err, pseudonym.ErrNotEnrolled) {
		return c, false, err
	}
	known := err == nil && c.subject.Number() == x.asked.Subject
	number, numbered, enrolErr := "", known, error(nil)
	// Of numbers that were issued, or that a service gives, the vault tells: nobody is sent to a service to be explained.
	if _, issued := x.Study.Numbering.(pseudonym.Issued); !issued && x.Study.Numbering != nil {
		var e pseudonym.Enrolment
		e, numbered, enrolErr = x.Study.Numbering.Number(id, record)
		number = e.Number
	} else {
		number = c.subject.Number()
	}
	if !known && (!numbered || number != x.asked.Subject) {
		return c, false, nil
	}
	if c.decision, err = x.judge(ctx, record); err != nil {
		return c, false, err
	}
	switch {
	case enrolErr != nil:
		c.status, c.why = StatusNotEnrolled, "The enrolment is unclear: "+enrolErr.Error()+"."
	case known && !numbered:
		c.status, c.why = StatusNotEnrolled, "The source no longer says that the patient is enrolled under this number."
	case known && number != x.asked.Subject:
		c.status, c.why = StatusNotEnrolled, "The source now gives the patient another number than the vault: correct the enrolment."
	case !c.subject.IsZero() && !known:
		c.status, c.why = StatusNotEnrolled, "The source gives this number to a patient who has another number in the vault: correct the enrolment."
	case !known:
		c.status, c.why = StatusNotComputed, "The patient is enrolled, and no run has taken the subject in yet: run crflink sync."
	case x.Study.Check != nil:
		w := work{subject: c.subject, traits: pseudonym.TraitsOf(record.Patient())}
		entries, err := x.entriesOf(ctx, []work{w}, x.Study.Check.cells())
		if err != nil {
			return c, false, err
		}
		if reason := x.Study.Check.differs(w.traits, entries[x.asked.Subject]); reason != "" {
			c.status, c.why = StatusOther, "The subject is held: "+differsText[reason]+"."
		}
	}
	return c, true, nil
}

// settleClaims concludes the explanation unless exactly one patient may be computed, whose claim it returns.
func (x *explainer) settleClaims(claims []claim) (claim, bool) {
	out := x.out
	switch {
	case len(claims) == 0 && x.stored == nil:
		out.conclude(StatusUnknown, "No patient of the source has this study number, and the ledger does not know it.")
		return claim{}, false
	case len(claims) == 0:
		out.Subject = x.asked.Subject
		out.conclude(StatusNotFound, "The ledger knows the subject, and the source has no such patient any more. What was delivered stays and is delivered no more.")
		return claim{}, false
	}
	c := claims[0]
	out.Subject = x.asked.Subject
	permitted := 0
	for _, other := range claims {
		if other.decision.Outcome() == consent.Granted {
			permitted, c = permitted+1, other
		}
	}
	if permitted > 1 {
		out.conclude(StatusShared, "Several patients of the source claim this study number: link them with Patient.link or correct the enrolment.")
		return c, false
	}
	out.Consent = x.consentStep(c.decision)
	switch {
	case permitted == 0:
		out.conclude(StatusNotPermitted, "Consent does not permit it (%s): %s.", out.Consent.Reason, out.Consent.Means)
	case c.status != "":
		out.conclude(c.status, "%s", c.why)
	default:
		return c, true
	}
	return c, false
}

func (x *explainer) consentStep(d consent.Decision) *ConsentStep {
	s := &ConsentStep{Outcome: d.Outcome().String(), Reason: string(d.Reason()), Warnings: d.Warnings().Codes()}
	for _, doc := range consent.Reasons() {
		if doc.Reason == d.Reason() {
			s.Means = doc.Text
		}
	}
	if x.Study.Dates.Mode != pseudonym.None {
		return s // a window may begin on a day that everybody knows: moved or not, beside moved dates it gives the shift away
	}
	for _, w := range d.Windows() {
		s.Windows = append(s.Windows, w.Start.String()+" to "+w.End.String())
	}
	return s
}
