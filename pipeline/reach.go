package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// reach is what a run knows of sources that do not answer, in a study that has several.
type reach struct {
	partial fhir.Partial        // nil for a study with one source
	sat     map[string][]string // the sources that had a subject when it was computed last; nil until somebody asks
}

// tolerate lets the run go on without a source that does not answer.
func (r *runner) tolerate() {
	if partial, ok := fhir.Behind[fhir.Partial](r.Source); ok {
		r.reach.partial = partial
		partial.Tolerate()
	}
}

// silent returns the sources that do not answer.
func (r *runner) silent() (aliases []string) {
	if r.reach.partial == nil {
		return nil
	}
	for _, s := range r.reach.partial.Sources() {
		if s.Silent != nil {
			aliases = append(aliases, s.Alias)
		}
	}
	return aliases
}

// sits returns the sources that have a patient, for the ledger; nil for a study with one source.
func (r *runner) sits(patient fhir.Key) []string {
	if r.reach.partial == nil {
		return nil
	}
	return r.reach.partial.Sits(patient)
}

// outOfReach reports whether a source that does not answer may have something of a patient: it had when the subject was computed
// last, or that is not known, and persons are known by the same identifier everywhere. What one source says of them is then not all,
// neither of their consent nor of their data.
func (r *runner) outOfReach(ctx context.Context, record *fhir.Record) (bool, error) {
	silent := r.silent()
	if len(silent) == 0 {
		return false, nil
	}
	if err := r.readSeats(ctx); err != nil {
		return false, err
	}
	id, err := r.Study.Identity.Identify(record.Patient())
	if err != nil {
		return false, nil // it has no subject
	}
	subject, err := r.Vault.Subject(ctx, id)
	if err != nil && !errors.Is(err, pseudonym.ErrNotEnrolled) {
		return false, err
	}
	sat := r.reach.sat[subject.Number()]
	if len(sat) == 0 {
		return !r.Study.Identity.PatientID, nil
	}
	return slices.ContainsFunc(silent, func(alias string) bool { return slices.Contains(sat, alias) }), nil
}

// readSeats reads where the ledger's subjects were.
func (r *runner) readSeats(ctx context.Context) error {
	if r.reach.sat != nil {
		return nil
	}
	r.reach.sat = map[string][]string{}
	for facts, err := range r.Ledger.AllFacts(ctx) {
		if err != nil {
			return err
		}
		kept, err := readSessions(facts.Links)
		if err != nil {
			return err
		}
		r.reach.sat[facts.Subject] = kept.Sources
	}
	return nil
}

// unreached is how a subject stands whom a source that does not answer may know: as it was, and not delivered.
var unreached = standing{outcomeHeld, reasonNotReached}

// isUnreached reports whether an error says that a source does not answer.
func isUnreached(err error) bool {
	var silent *fhir.UnreachedError
	return errors.As(err, &silent)
}

// missed is a subject whose source stopped answering while the run was under way.
type missed struct{ Subject, Alias string }

// missing says whom a source that stopped answering keeps from being read.
func missing(w work, err error) missed {
	var silent *fhir.UnreachedError
	if errors.As(err, &silent) {
		return missed{w.subject.Number(), silent.Alias}
	}
	return missed{Subject: w.subject.Number()}
}

// missed holds a subject. Nobody is lost by it.
func (r *runner) missed(m missed) {
	r.known[m.Subject] = unreached
	r.out.Tally.fail(Failure{Subject: m.Subject, Stage: "source", Reason: fmt.Sprintf("source %s stopped answering: the subject stays as it was", m.Alias)})
}

// absent is how a subject stands whom no source yielded.
func (r *runner) absent() standing {
	if len(r.silent()) > 0 {
		return unreached
	}
	return standing{outcomeHeld, reasonNotFound}
}

// tellSources takes up how the sources stood.
func (r *runner) tellSources() {
	if r.reach.partial != nil {
		r.out.Tally.Sources = r.reach.partial.Sources()
	}
}
