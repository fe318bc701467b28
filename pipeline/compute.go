package pipeline

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/crash"
)

// shard is a part of the permitted subjects.
type shard struct {
	name string // of its checkpoint
	work []work
}

// subjectsPerShard keeps what a crash costs, and what waits in memory to be stored, small.
const subjectsPerShard = 50

// shards parts the work by a hash of the subject number, so that a subject's shard does not depend on who else is
// there. The number of shards is part of their names: a checkpoint of another partition means nothing.
func (r *runner) shards() []shard {
	few := min(r.Workers, (len(r.work)+4)/5)                                    // so that all workers of a small study have something to do
	n := uint32(max(1, few, (len(r.work)+subjectsPerShard-1)/subjectsPerShard)) // #nosec G115 -- far below 2^32
	all := make([]shard, n)
	for i := range all {
		all[i].name = fmt.Sprintf("%d/%d", i+1, n)
	}
	for _, w := range r.work {
		h := fnv.New32a()
		_, _ = h.Write([]byte(w.subject.Number()))
		s := &all[h.Sum32()%n]
		s.work = append(s.work, w)
	}
	return all
}

// compute works off the shards that are not finished.
func (r *runner) compute(ctx context.Context) error {
	if err := r.findParted(); err != nil {
		return err
	}
	if err := r.findStill(ctx); err != nil {
		return err
	}
	shards, err := r.begin(ctx)
	if err != nil {
		return err
	}
	if err := r.admitWork(ctx, shards); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo, done := make(chan shard), make(chan shardResult)
	left := 0 // subjects; known when done is closed
	var workers sync.WaitGroup
	for range max(1, r.Workers) {
		workers.Go(func() {
			for s := range todo {
				batch, err := r.computeShard(ctx, s)
				if err != nil {
					cancel(err)
					return
				}
				select {
				case done <- batch:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		defer close(done)
		left = r.feed(ctx, shards, todo)
		workers.Wait()
	}()
	if err := r.store(ctx, cancel, done); err != nil {
		return err
	}
	if left > 0 {
		return &BudgetError{r.AsOf, left}
	}
	return r.surveyAgain(ctx)
}

// begin opens the run and leaves out shards that it has finished before it was interrupted.
func (r *runner) begin(ctx context.Context) ([]shard, error) {
	r.common = r.commonDigest()
	shards := r.shards()
	total := len(r.work)
	if !r.DryRun {
		var err error
		if r.runID, err = r.Ledger.Begin(ctx, ecrf.Run{AsOf: r.AsOf, Inputs: r.inputs}); err != nil {
			return nil, err
		}
		isNew := r.account.pending
		if err := r.decided(ctx); err != nil {
			return nil, err
		}
		finished, err := r.Ledger.Checkpoints(ctx, r.runID)
		if err != nil {
			return nil, err
		}
		shards = slices.DeleteFunc(shards, func(s shard) bool {
			if !slices.Contains(finished, s.name) || s.anyOf(isNew) || slices.ContainsFunc(s.work, func(w work) bool { return r.parted(w.subject.Number()) }) {
				return false
			}
			total -= len(s.work)
			return true
		})
	}
	r.Progress.Stage("subjects", total)
	return shards, nil
}

// anyOf reports whether a subject of the shard was decided about otherwise than before the run was interrupted: its casebook
// is of data that may not be permitted any more.
func (s *shard) anyOf(isNew map[string]newDecision) bool {
	return slices.ContainsFunc(s.work, func(w work) bool { _, ok := isNew[w.subject.Number()]; return ok })
}

// feed gives the shards out until the budget is used up, and returns how many subjects are left then.
func (r *runner) feed(ctx context.Context, shards []shard, todo chan<- shard) (left int) {
	defer close(todo)
	for i, s := range shards {
		if !r.until.IsZero() && !r.Clock().Before(r.until) {
			for _, s := range shards[i:] {
				left += len(s.work)
			}
			return left
		}
		select {
		case todo <- s:
		case <-ctx.Done():
			return 0
		}
	}
	return 0
}

// BudgetError stops a run whose time is used up. What was computed is stored; nothing was delivered.
type BudgetError struct {
	AsOf time.Time // of the run, by which it is gone on with
	Left int       // subjects
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("the run's time is used up, and %d subjects are left: what was computed is stored, nothing was delivered", e.Left)
}

// store writes finished shards, one transaction each. It is the only writer. What the audit says of a shard is written before
// it, and is on disk when the shard is.
func (r *runner) store(ctx context.Context, cancel context.CancelCauseFunc, done <-chan shardResult) error {
	for s := range done {
		if !r.DryRun && context.Cause(ctx) == nil {
			err := r.Audit.Append(ctx, s.drafts...)
			if err == nil {
				err = r.listWrong(s.batch.Subjects)
			}
			if err == nil {
				err = r.Ledger.Apply(ctx, r.runID, s.batch)
			}
			if err != nil {
				cancel(err)
			}
		}
	}
	return context.Cause(ctx)
}

// shardResult is a finished shard with what the audit says of it.
type shardResult struct {
	batch  ecrf.Batch
	drafts []audit.Draft
}

// computeSafely computes a subject. A mistake of the program's own that its data bring about costs no other.
func (r *runner) computeSafely(ctx context.Context, w work, last ecrf.Facts) (result *subjectResult, err error) {
	defer func() {
		var own error
		if crash.Caught(recover(), &own); own != nil {
			r.out.Tally.fail(Failure{Subject: w.subject.Number(), Stage: "crflink", Reason: own.Error()})
			result, err = (&subjectResult{}).fail(), nil
		}
	}()
	result, err = r.computeSubject(ctx, w, last)
	if isUnreached(err) {
		r.missed(w, err)
		return &subjectResult{failed: true, away: true}, nil
	}
	return result, err
}

func (r *runner) computeShard(ctx context.Context, s shard) (shardResult, error) {
	done := shardResult{batch: ecrf.Batch{Checkpoint: s.name}}
	numbers := make([]string, len(s.work))
	for i, w := range s.work {
		numbers[i] = w.subject.Number()
	}
	facts, err := r.Ledger.Facts(ctx, numbers)
	if err != nil {
		return done, err
	}
	entries, err := r.entries(ctx, s.work)
	if err != nil {
		return done, err
	}
	for _, w := range s.work {
		w.entered = entries[w.subject.Number()]
		result, err := r.computeSafely(ctx, w, facts[w.subject.Number()])
		if err != nil {
			return done, err
		}
		for _, d := range result.drafts {
			r.stands(d)
		}
		done.drafts = append(done.drafts, result.drafts...)
		if result.away {
			done.batch.Checkpoint = "" // it is computed when it can be read again
		}
		if !result.failed {
			r.out.Tally.add(result)
			r.Preview.take(result.change, result.held)
			r.tracking.remember(w.subject.Number(), result.seen)
			if err := r.place(&done, w, result); err != nil {
				return done, err
			}
		}
		r.Progress.Add(1)
	}
	return done, nil
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
