package pipeline

import (
	"context"
	"sync"
)

// Workshop has the shards of a run computed, wherever it likes. When Work returns without an error, what each shard that was begun
// came to is stored and taken up.
type Workshop interface {
	// Call is told that a run begins to read its patients' facts: whoever will compute may do so, too.
	Call(ctx context.Context, study *Study)
	Work(ctx context.Context, order *Order) error
}

// Order is what a run wants computed. Its methods may be called from several goroutines, unless they say otherwise.
type Order struct {
	run    *runner
	shards []shard
	next   int

	finished []string // shards of before an interruption
	left     int      // subjects whose shards were not begun before the budget was used up
}

// workshop is where the run's shards are computed: in this process, unless the run was given another way.
func (r *runner) workshop() Workshop {
	if !r.isShared() {
		return here{}
	}
	return r.Workshop
}

// isShared reports whether shards are computed by a workshop that the run was given.
func (r *runner) isShared() bool { return r.Workshop != nil && !r.DryRun }

// here computes shards in this process, side by side.
type here struct{}

// Call tells nobody.
func (here) Call(context.Context, *Study) {}

// Work computes the shards with as many goroutines as the run has workers; those for whom there is no shard left help others with
// theirs. The caller's stores them, one transaction each.
func (here) Work(ctx context.Context, order *Order) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo, done := make(chan shard), make(chan *ShardResult)
	n := max(1, order.run.Workers)
	open := newHelpers(n)
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			defer open.help(ctx)
			for s := range todo {
				result, err := order.run.computeShard(ctx, s, open, never)
				if err != nil {
					cancel(err)
					return
				}
				select {
				case done <- result:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		defer close(done)
		order.feed(ctx, todo)
		workers.Wait()
	}()
	for result := range done {
		if context.Cause(ctx) != nil {
			continue
		}
		if err := order.store(ctx, result); err != nil {
			cancel(err)
		}
	}
	return context.Cause(ctx)
}

func never() bool { return false }

// feed gives the shards out until there is none, or the budget is used up.
func (o *Order) feed(ctx context.Context, todo chan<- shard) {
	defer close(todo)
	for s, ok := o.begin(); ok; s, ok = o.begin() {
		select {
		case todo <- s:
		case <-ctx.Done():
			return
		}
	}
}

// begin returns the next shard. When the budget is used up there is none, and what is left is counted.
func (o *Order) begin() (s shard, ok bool) {
	if o.next == len(o.shards) {
		return s, false
	}
	if o.run.overdue() {
		for _, s := range o.shards[o.next:] {
			o.left += len(s.work)
		}
		o.next = len(o.shards)
		return s, false
	}
	o.next++
	return o.shards[o.next-1], true
}

// overdue reports whether the run's budget is used up.
func (r *runner) overdue() bool { return !r.until.IsZero() && !r.Clock().Before(r.until) }

// store stores a shard that was computed in this process, and takes up what it came to. What the audit says of it is written before
// it, and is on disk when the shard is. One goroutine calls it.
func (o *Order) store(ctx context.Context, done *ShardResult) error {
	if !o.run.DryRun {
		if err := o.run.listWrong(done.batch.Subjects); err != nil {
			return err
		}
		if err := o.run.Audit.Append(ctx, done.drafts...); err != nil {
			return err
		}
		if err := o.run.Ledger.Apply(ctx, o.run.runID, done.batch); err != nil {
			return err
		}
	}
	o.run.merge(&done.harvest)
	return nil
}
