package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pseudonym"
)

// WhileSilent says who is held while a source of a study with several does not answer.
type WhileSilent string

// The ways. With each of them those are held whom the source had when they were computed last.
const (
	// HoldUnheard holds besides whoever the source was never heard about: it may have them, and a refusal. The usual way.
	HoldUnheard WhileSilent = "hold-unheard"
	// HoldAll holds everybody: who was not there when the source was last heard may have come, and refused, since.
	HoldAll WhileSilent = "hold-all"
)

func (l *loader) whileSilent(v yamldoc.Value) {
	l.study.WhileSilent = HoldUnheard
	if !v.Exists() {
		return
	}
	if !l.study.Several() || l.study.Identity.PatientID {
		v.Errorf("leave it out", "nobody is known in several sources of this study")
	}
	l.study.WhileSilent = WhileSilent(v.OneOf(string(HoldUnheard), string(HoldAll)))
}

// reach is what a run knows of sources that do not answer, in a study that has several.
type reach struct {
	partial fhir.Partial    // nil for a study with one source
	seats   map[string]seat // of the ledger's subjects; nil until somebody asks
}

// seat says in which sources a subject was when it was computed last, and which of them were heard about it.
type seat struct{ had, heard []string }

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

// heard returns the sources that said whether they have the patient: those that answer, and those that did when the subject was
// computed before; nil for a study with one source.
func (r *runner) heard(w work) (aliases []string) {
	if r.reach.partial == nil {
		return nil
	}
	for _, s := range r.reach.partial.Sources() {
		if s.Silent == nil || slices.Contains(w.heard, s.Alias) {
			aliases = append(aliases, s.Alias)
		}
	}
	return aliases
}

// heardBefore returns the silent sources that were heard about a subject when it was computed before.
func (r *runner) heardBefore(last ecrf.Facts) (aliases []string, err error) {
	silent := r.silent()
	if len(silent) == 0 {
		return nil, nil
	}
	kept, err := readSessions(last.Links)
	return slices.DeleteFunc(kept.Heard, func(alias string) bool { return !slices.Contains(silent, alias) }), err
}

// outOfReach reports whether a source that does not answer may have something of a patient: it had when the subject was computed
// last, or it was never heard about the subject, and persons are known by the same identifier everywhere. What the others say of them
// is then not all, neither of their consent nor of their data.
func (r *runner) outOfReach(ctx context.Context, record *fhir.Record) (bool, error) {
	silent := r.silent()
	if len(silent) == 0 {
		return false, nil
	}
	if r.holdsAll() {
		return true, nil
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
	at := r.reach.seats[subject.Number()]
	return slices.ContainsFunc(silent, func(alias string) bool {
		return slices.Contains(at.had, alias) || !r.Study.Identity.PatientID && !slices.Contains(at.heard, alias)
	}), nil
}

// holdsAll reports whether a source is silent and the study wants nobody delivered then.
func (r *runner) holdsAll() bool {
	return r.Study.WhileSilent == HoldAll && !r.Study.Identity.PatientID && len(r.silent()) > 0
}

// readSeats reads where the ledger's subjects were.
func (r *runner) readSeats(ctx context.Context) error {
	if r.reach.seats != nil {
		return nil
	}
	r.reach.seats = map[string]seat{}
	for facts, err := range r.Ledger.AllFacts(ctx) {
		if err != nil {
			return err
		}
		kept, err := readSessions(facts.Links)
		if err != nil {
			return err
		}
		r.reach.seats[facts.Subject] = seat{kept.Sources, kept.Heard}
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
