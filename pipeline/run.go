package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/withdrawal"
)

// Parts are what a run works with. The caller has opened them and closes them.
type Parts struct {
	Study  *Study
	Source fhir.Source
	Vault  *pseudonym.Vault
	// Numbering is the service that numbers subjects; nil where the study file itself says how.
	Numbering pseudonym.Numbering
	Ledger    ecrf.Ledger
	Audit     *audit.Recorder // who does it, and where that is written down
	Targets   []ecrf.Target
	Entered   ecrf.Reader  // of what people entered; nil where no event of the mapping needs it
	PACS      imaging.PACS // nil where the study has none
	// Journal is the account of withdrawals; without it no run is done.
	Journal  *withdrawal.Journal
	Progress Progress
	Workshop Workshop         // nil computes in this process
	Clock    func() time.Time // for durations only; results never depend on it
}

// Options say how a run is done.
type Options struct {
	AsOf    time.Time // the moment for which everything is decided and computed
	Full    bool      // compute every subject, also those whose input has not changed
	DryRun  bool      // compute and count, but store and deliver nothing
	Workers int       // subjects that are computed at the same time
	Program string    // the version of crflink, for the audit
	Preview *Preview  // collects what would change; makes it a dry run, and a dry run with live targets makes one
	// Budget is after how long no more subjects are begun: the run stops with a *BudgetError when those under way are stored. 0 is
	// without end.
	Budget time.Duration

	looks bool // a preview, which somebody asked for as such
}

// Progress is told how far a run is.
type Progress interface {
	// Stage begins a stage of total steps, -1 when that is not known.
	Stage(name string, total int)
	Add(n int)
}

// Outcome is what a run came to.
type Outcome struct {
	Tally   Tally
	Stages  []Stage
	Preview *Preview // that the options named, or of a dry run of a study with live targets; else nil
}

// Stage is a part of a run, how much it worked off and the time it took.
type Stage struct {
	Name, Unit string
	Count      int
	Took       time.Duration
}

// Complete reports whether nothing was rejected.
func (o *Outcome) Complete() bool {
	return len(o.Tally.Silent()) == 0 && len(o.Tally.Rejected) == 0 && len(o.Tally.Failed) == 0 && len(o.Tally.Wrong) == 0 && o.Tally.Problems() == 0
}

// Run conducts one run. An error means that it stopped: running again goes on where it stopped. What was rejected on
// the way is no error; it is in the outcome.
func Run(ctx context.Context, parts Parts, options Options) (*Outcome, error) {
	veil, err := parts.Study.Veil(parts.Study.Dates)
	if err != nil {
		return nil, err
	}
	if parts.Numbering == nil {
		parts.Numbering = parts.Study.Numbering
	}
	if parts.Numbering == nil {
		return nil, errors.New("the service that numbers the study's subjects was not opened")
	}
	if options.DryRun && options.Preview == nil && parts.Study.works() { // what they would be given is what the run would have stored
		options.Preview = &Preview{}
	}
	options.DryRun, options.looks = options.DryRun || options.Preview != nil, !options.DryRun
	r := &runner{Parts: parts, Options: options, veil: veil, out: &Outcome{Tally: newTally(), Preview: options.Preview}}
	if options.Budget > 0 {
		r.until = parts.Clock().Add(options.Budget)
	}
	r.lost = lost{now: map[string]bool{}, refused: map[string]refusal{}, recalled: map[string]bool{}}
	tally := &r.out.Tally
	r.facts = FactsFrom(parts.Source, tally.reject)
	r.tolerate()
	defer r.tellSources()
	if err := r.withdrawBefore(ctx); err != nil {
		return r.out, fmt.Errorf("withdrawals of earlier runs: %w", err)
	}
	if err := r.open(ctx); err != nil {
		return r.out, err
	}
	if err := r.refuse(); err != nil {
		return r.out, r.stop(ctx, err)
	}
	if err := r.takeInputs(ctx); err != nil {
		return r.out, r.stop(ctx, err)
	}
	for _, step := range []struct {
		name, unit string
		do         func(context.Context) error
		count      func() int
	}{
		{"decide", "patients", r.decide, func() int { return tally.Patients }},
		{"compute", "subjects", r.compute, func() int { return tally.Computed + tally.Skipped }},
		{"settle", "subjects", r.settle, func() int { return len(r.known) }},
		{"deliver", "targets", r.deliver, func() int { return len(tally.Deliveries) }},
		{"count", "subjects", r.count, func() int { return len(r.work) }},
	} {
		begin := parts.Clock()
		if err := step.do(ctx); err != nil {
			return r.out, r.stop(ctx, fmt.Errorf("%s: %w", step.name, err))
		}
		r.out.Stages = append(r.out.Stages, Stage{step.name, step.unit, step.count(), parts.Clock().Sub(begin)})
	}
	return r.out, nil
}

// runner is the state of one run.
type runner struct {
	Parts
	Options
	veil    *pseudonym.Veil
	facts   *Facts
	account account
	out     *Outcome
	runID   ecrf.RunID
	work    []work // permitted subjects
	planned sync.Once
	want    fhir.Wanted // of a patient of whom everything may be used

	tracking tracking
	reach    reach
	until    time.Time // when the budget is used up; zero is never
	known    map[string]standing
	claimed  map[string]bool // subjects of patients who are not permitted, or whose number is not confirmed
	combination
	combining sync.Mutex // of combination
	cohorts   cohorts
	shares    map[Part]Share
	groundSum string // what ground has made
	matrix    Matrix // of the last walk over all that is delivered; nil before one

	parting parting
	lost    lost
	bar     *renewing

	inputs  map[string]string // hashes of what determines the result besides resources and vault
	awaited *Awaited          // rules that nobody has approved; nil when none
	common  string            // of them, in every subject's digest
}

// settle carries out the withdrawals, and brings subjects that are no longer permitted up to date: what was delivered stays,
// but is delivered no more.
func (r *runner) settle(ctx context.Context) error {
	if err := r.recheck(ctx); err != nil {
		return err
	}
	if err := r.surveyAgain(ctx); err != nil {
		return err
	}
	if err := r.withdraw(ctx); err != nil || r.DryRun {
		return err
	}
	changed := map[string]standing{}
	var gone []audit.Draft
	for before, err := range r.Ledger.Standings(ctx) {
		if err != nil {
			return err
		}
		now, ok := r.known[before.Subject]
		if !ok {
			now = r.absent()
			d, isNew, err := r.vanished(ctx, before.Subject, now)
			if err != nil {
				return err
			}
			if isNew {
				gone = append(gone, d)
				r.stands(d)
			}
		}
		if before.Outcome != ecrf.OutcomeWithdrawn && now.outcome != outcomePermitted && now != (standing{before.Outcome, before.Reason}) {
			changed[before.Subject] = now
		}
	}
	if err := r.Audit.Append(ctx, gone...); err != nil {
		return err
	}
	if err := r.restand(ctx, changed); err != nil {
		return err
	}
	return r.passed()
}

// restand stores how subjects stand who are not permitted any more.
func (r *runner) restand(ctx context.Context, changed map[string]standing) error {
	if len(changed) == 0 {
		return nil
	}
	known, err := r.Ledger.Facts(ctx, slices.Sorted(maps.Keys(changed)))
	if err != nil {
		return err
	}
	var changes []*ecrf.SubjectChange
	for _, subject := range slices.Sorted(maps.Keys(known)) {
		facts := known[subject]
		facts.Outcome, facts.Reason, facts.Digest = changed[subject].outcome, changed[subject].reason, ""
		changes = append(changes, &ecrf.SubjectChange{Facts: facts})
	}
	return r.Ledger.Apply(ctx, r.runID, ecrf.Batch{Subjects: changes})
}
