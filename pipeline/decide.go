package pipeline

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/withdrawal"
)

// work is a permitted patient with their subject.
type work struct {
	patient fhir.Key
	subject pseudonym.Subject
	noted   [sha256.Size]byte   // sameness of the decision
	key     string              // of what was read before the decision; "" where nothing is tracked
	still   *note               // what the run before saw, where nothing has changed since; else nil
	entered ecrf.Entries        // what people entered in the target, as far as the mapping reads it
	traits  pseudonym.Traits    // to be compared with what people entered
	heard   []string            // silent sources that were heard about the subject when it was computed before
	studies *imaging.Candidates // what the PACS has; nil when it is not asked
	basis   string              // digest of all that the PACS is asked by; "" where there is none
}

// decide decides about every patient of the source, and finds the subjects of those who are permitted. Nothing but
// facts is read for it.
func (r *runner) decide(ctx context.Context) error {
	if r.isShared() {
		r.Workshop.Call(ctx, r.Study)
	}
	if err := r.track(ctx); err != nil {
		return err
	}
	r.Progress.Stage("consent", -1)
	r.known, r.claimed = map[string]standing{}, map[string]bool{}
	atOnce := recordsPerBatch
	if _, asks := r.Numbering.(pseudonym.Prefetcher); asks {
		atOnce = asksPerBatch
	}
	var some []candidate
	permitted := 0
	for record, err := range r.Source.Subjects(ctx, r.facts.Reject) {
		if err != nil {
			return err
		}
		c, err := r.decideOne(ctx, record)
		if err != nil {
			return err
		}
		if some = append(some, c); c.isPermitted() {
			permitted++
		}
		if permitted < atOnce && len(some) < heldPerPermitted*atOnce {
			continue
		}
		if err := r.number(ctx, some); err != nil {
			return err
		}
		some, permitted = some[:0], 0
	}
	if err := r.number(ctx, some); err != nil {
		return err
	}
	if err := r.partShared(); err != nil {
		return err
	}
	if err := r.holdOthers(ctx); err != nil {
		return err
	}
	if err := r.survey(ctx); err != nil {
		return err
	}
	r.work = slices.Clone(r.work) // without what it grew by
	slices.SortFunc(r.work, func(a, b work) int { return strings.Compare(a.subject.Number(), b.subject.Number()) })
	return nil
}

// candidate is a patient who was decided about, and whose subject is not known yet.
type candidate struct {
	record   *fhir.Record
	decision consent.Decision
	facts    evidence
	not      standing // of one who is not permitted; else zero
}

func (c *candidate) isPermitted() bool { return c.not == standing{} }

const (
	recordsPerBatch  = 64  // how many permitted patients' subjects are enrolled in one transaction of the vault
	asksPerBatch     = 400 // the same, where a service numbers them and is asked for many at once
	heldPerPermitted = 2   // how many times as many patients there are in it at most, with those who are not permitted
)

// decideOne decides about a patient.
func (r *runner) decideOne(ctx context.Context, record *fhir.Record) (candidate, error) {
	r.out.Tally.Patients++
	d, facts, err := r.assess(ctx, record)
	away := isUnreached(err)
	if err == nil {
		away, err = r.outOfReach(ctx, record)
	}
	if err != nil && !away {
		return candidate{}, err
	}
	c := candidate{record: record, decision: d, facts: facts}
	if away {
		r.out.Tally.held(reasonNotReached)
		c.not = unreached
		return c, nil
	}
	r.out.Tally.decided(d)
	if d.Outcome() != consent.Granted {
		c.not = standing{d.Outcome().String(), string(d.Reason())}
	}
	return c, nil
}

// number finds the subjects of patients. A service is asked for those of permitted ones before the vault's transaction begins.
func (r *runner) number(ctx context.Context, some []candidate) error {
	all, permitted := make([]pseudonym.Identity, 0, len(some)), make([]pseudonym.Identity, 0, len(some))
	for i := range some {
		id, err := r.Study.Identity.Identify(some[i].record.Patient())
		if err != nil {
			continue
		}
		if all = append(all, id); some[i].isPermitted() {
			permitted = append(permitted, id)
		}
	}
	if service, ok := r.Numbering.(pseudonym.Prefetcher); ok {
		if err := service.Prefetch(ctx, permitted); err != nil {
			return err
		}
	}
	return r.Vault.Batch(ctx, func(ctx context.Context) error {
		ctx, err := r.Vault.Ahead(ctx, all)
		if err != nil {
			return err
		}
		for _, c := range some {
			if err := r.place(ctx, c); err != nil {
				return err
			}
			c.record.Release()
			r.Progress.Add(1)
		}
		return nil
	})
}

// place finds the subject of a permitted patient, and notes how that of another one stands.
func (r *runner) place(ctx context.Context, c candidate) error {
	if c.isPermitted() {
		return r.numberOne(ctx, c)
	}
	subject, err := r.lookUp(ctx, &c, c.not)
	if c.not == unreached {
		return err
	}
	if no := refusalOf(c.decision, r.AsOf); no != nil && subject != "" && r.Journal.Register().OfNumber(r.Vault.NumberTrace(subject)) == nil {
		r.lost.refused[subject] = *no
	}
	return err
}

func (r *runner) numberOne(ctx context.Context, c candidate) error {
	before := r.Withdrew(c.record)
	if before != nil {
		id, err := r.Study.Identity.Identify(c.record.Patient())
		if err == nil {
			var ready bool
			if ready, err = r.renew(ctx, id, before); err == nil && !ready {
				r.out.Tally.NotEnrolled++
				_, err = r.lookUp(ctx, &c, standing{outcomeHeld, reasonWithdrawing})
				return err
			}
		}
		if err != nil && !Waits(err) {
			return err
		}
	}
	subject, err := r.Vault.Find(ctx, c.record, r.Study.Identity, r.Numbering)
	if errors.Is(err, pseudonym.ErrEnrolment) {
		subject, err = r.survivor(ctx, c.record, err)
	}
	switch {
	case err == nil:
		other, err := r.absorb(ctx, c.record, subject)
		if err != nil {
			return err
		}
		if !other.IsZero() {
			return r.stopMerged(c, subject, other)
		}
		now := standing{outcomePermitted, string(c.decision.Reason())}
		v := newVerdict(c.decision, c.facts, now)
		w := work{patient: c.record.Key(), subject: subject, noted: v.sameness(), traits: pseudonym.TraitsOf(c.record.Patient())}
		if w.key, err = r.key(ctx, c, w, v); err != nil {
			return err
		}
		r.work = append(r.work, w)
		r.known[subject.Number()] = now
		err = r.note(subject, v)
		if before != nil && err == nil {
			err = r.renewed(before)
		}
		return err
	case errors.Is(err, pseudonym.ErrNotEnrolled):
		r.out.Tally.NotEnrolled++
	case Waits(err):
		r.out.Tally.fail(Failure{Stage: StageSubject, Reason: err.Error()})
	default:
		return err
	}
	_, err = r.lookUp(ctx, &c, standing{outcomeHeld, reasonNoNumber})
	return err
}

// judge decides about a patient by the facts in the record and in those that it links to.
func (r *runner) judge(ctx context.Context, record *fhir.Record) (consent.Decision, error) {
	d, _, err := r.assess(ctx, record)
	return d, err
}

// Waits reports whether an error of Vault.Find concerns one patient only, who then waits for a person to look.
func Waits(err error) bool {
	for _, e := range []error{pseudonym.ErrNoIdentity, pseudonym.ErrManyIdentities, pseudonym.ErrConflict, pseudonym.ErrNumberTaken, pseudonym.ErrIdentity, pseudonym.ErrEnrolment, pseudonym.ErrWithdrawn, pseudonym.ErrSpent} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// lookUp notes how a subject that is known from earlier runs stands now, and returns its number, "" when there is none. Nobody
// becomes known by being refused.
func (r *runner) lookUp(ctx context.Context, c *candidate, now standing) (string, error) {
	id, err := r.Study.Identity.Identify(c.record.Patient())
	if err != nil {
		return "", nil // never known, and not now
	}
	subject, err := r.Vault.Subject(ctx, id)
	switch {
	case err == nil:
		r.known[subject.Number()] = now
		r.claimed[subject.Number()] = true
		return subject.Number(), r.note(subject, newVerdict(c.decision, c.facts, now))
	case errors.Is(err, pseudonym.ErrNotEnrolled):
		return "", nil
	}
	return "", err
}

// partShared takes out subjects that several patients of the source claim, be they permitted or not: which of them
// is meant is for a person to say.
func (r *runner) partShared() error {
	claims := map[string]int{}
	for _, w := range r.work {
		claims[w.subject.Number()]++
	}
	var failed error
	r.work = slices.DeleteFunc(r.work, func(w work) bool {
		n := w.subject.Number()
		if claims[n] < 2 && !r.claimed[n] {
			return false
		}
		r.known[n] = standing{outcomeHeld, reasonShared}
		failed = errors.Join(failed, r.note(w.subject, &verdict{standing: r.known[n]}), r.task(withdrawal.Shared, n))
		r.out.Tally.fail(Failure{Subject: n, Stage: StageSubject, Reason: "several patients of the source claim this subject number; link them with Patient.link, correct the enrolment, or, when the site has parted what it had merged, run crflink vault part"})
		return true
	})
	return failed
}
