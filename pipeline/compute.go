package pipeline

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
)

// compute has the shards worked off that are not finished.
func (r *runner) compute(ctx context.Context) error {
	if err := r.findParted(); err != nil {
		return err
	}
	if err := r.findStill(ctx); err != nil {
		return err
	}
	shards, finished, err := r.begin(ctx)
	if err != nil {
		return err
	}
	if err := r.admitWork(ctx, shards); err != nil {
		return err
	}
	order := &Order{run: r, shards: shards, finished: finished}
	if err := r.workshop().Work(ctx, order); err != nil {
		return err
	}
	if order.left > 0 {
		return &BudgetError{r.AsOf, order.left}
	}
	return r.surveyAgain(ctx)
}

// begin opens the run and leaves out shards that it has finished before it was interrupted, whose names it returns.
func (r *runner) begin(ctx context.Context) (shards []shard, done []string, err error) {
	shards = r.shards()
	total := len(r.work)
	if !r.DryRun {
		if r.runID, err = r.Ledger.Begin(ctx, ecrf.Run{AsOf: r.AsOf, Inputs: r.inputs}); err != nil {
			return nil, nil, err
		}
		isNew := r.account.pending
		if err := r.decided(ctx); err != nil {
			return nil, nil, err
		}
		finished, err := r.Ledger.Checkpoints(ctx, r.runID)
		if err != nil {
			return nil, nil, err
		}
		shards = slices.DeleteFunc(shards, func(s shard) bool {
			if !slices.Contains(finished, s.name) || s.anyOf(isNew) || r.anyParted(&s) {
				return false
			}
			done = append(done, s.name)
			total -= len(s.work)
			return true
		})
	}
	r.Progress.Stage("subjects", total)
	return shards, done, nil
}

// anyOf reports whether a subject of the shard was decided about otherwise than before the run was interrupted: its casebook
// is of data that may not be permitted any more.
func (s *shard) anyOf(isNew map[string]newDecision) bool {
	return slices.ContainsFunc(s.work, func(w work) bool { _, ok := isNew[w.subject.Number()]; return ok })
}

// BudgetError stops a run whose time is used up. What was computed is stored; nothing was delivered.
type BudgetError struct {
	AsOf time.Time // of the run, by which it is gone on with
	Left int       // subjects
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("the run's time is used up, and %d subjects are left: what was computed is stored, nothing was delivered", e.Left)
}

// commonDigest is the part of every subject's digest that is the same for all.
func (r *runner) commonDigest() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.inputs)) {
		fmt.Fprintf(&b, "%s=%s\n", name, r.inputs[name])
	}
	if r.Study.Mapping.UsesAsOf() {
		fmt.Fprintf(&b, "as-of=%s\n", r.AsOf.In(r.Study.Zone).Format(time.RFC3339))
	}
	return b.String()
}

// digest is what a casebook is computed from: the permitted resources as they were read, what people entered in the target
// that the mapping reads, the study's files, and the as-of where the mapping looks at it. It is keyed with the subject's secret.
func (r *runner) digest(record *fhir.Record, p consent.Permitted, w work) string {
	h := w.subject.Digest()
	_, _ = fmt.Fprintf(h, "%s%t\n", r.common, p.HidesDeath())
	digestParts(h, p)
	for reference, key := range record.Aliases() {
		_, _ = fmt.Fprintf(h, "%q %q\n", reference, key.String())
	}
	for _, cell := range r.Study.Mapping.Entered() {
		_, _ = fmt.Fprintf(h, "entered %q %q\n", fmt.Sprint(cell), w.entered[cell])
	}
	_, _ = w.studies.WriteTo(h)
	var line []byte
	for res := range p.Resources() {
		line = append(append(line[:0], res.ID...), '\n')
		line = append(append(line, res.Raw()...), '\n')
		_, _ = h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil))
}
