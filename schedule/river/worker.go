package river

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
)

// NextRetry waits a little longer each time.
func (soon) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(time.Duration(max(1, len(job.Errors))) * time.Second)
}

// shardArgs name a shard that is offered. They hold nothing of anybody.
type shardArgs struct {
	Run   int64  `json:"run"`
	Epoch int64  `json:"epoch"`
	Shard string `json:"shard"`
}

// Kind is the name of these jobs.
func (shardArgs) Kind() string { return "shard" }

// atWork is a run under one leader.
type atWork struct{ run, epoch int64 }

// bench is where the shards of a run are computed in this process.
type bench struct {
	ready  chan struct{} // closed when the rest is known
	err    error
	bench  *pipeline.Bench
	ledger Together
	close  func() error
}

type worker struct {
	river.WorkerDefaults[shardArgs]
	station *Station
}

// Pauses of a job that this process cannot do now.
const (
	otherInputsPause = 5 * time.Second
	slotPause        = time.Second
)

// Work computes a shard and stores it.
func (w *worker) Work(ctx context.Context, job *river.Job[shardArgs]) error {
	s, args := w.station, job.Args
	b, err := s.benchOf(ctx, atWork{args.Run, args.Epoch})
	switch {
	case errors.Is(err, errOver):
		return river.JobCancel(errOver)
	case errors.Is(err, pipeline.ErrOtherInputs):
		s.options.Log.Error("a run's shards are left to other workers", "run", args.Run, "error", err.Error())
		return river.JobSnooze(otherInputsPause)
	case err != nil:
		return s.unable(ctx, args, err)
	}
	slot, err := s.takeSlot(ctx)
	if err != nil {
		return err
	}
	if slot == nil {
		return river.JobSnooze(slotPause)
	}
	defer slot.giveBack()
	o, err := s.take(ctx, args, job.ID)
	if errors.Is(err, errOver) {
		return river.JobCancel(errOver)
	}
	if err != nil {
		return err
	}
	err = s.compute(ctx, b, o, job)
	switch {
	case errors.Is(err, errFenced):
		s.options.Log.Warn("a shard came too late: another attempt has it, or its run is over", "run", args.Run, "shard", args.Shard, "attempt", o.attempt)
		return river.JobCancel(errFenced)
	case err != nil:
		s.options.Log.Warn("a shard failed", "run", args.Run, "shard", args.Shard, "attempt", o.attempt, "error", err.Error())
		return errors.Join(err, s.note(context.WithoutCancel(ctx), o, err))
	}
	s.options.Log.Info("a shard is stored", "run", args.Run, "shard", args.Shard, "attempt", o.attempt, "subjects", o.done.Subjects())
	return nil
}

// compute does an attempt. It goes on only as long as it is the newest.
func (s *Station) compute(ctx context.Context, b *bench, o *offer, job *river.Job[shardArgs]) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	beaten := make(chan struct{})
	go func() { defer close(beaten); s.beat(ctx, o, stop) }()
	defer func() { stop(nil); <-beaten }()
	if o.done, err = b.bench.Compute(ctx, pipeline.Piece{Name: o.Shard, Sealed: o.piece}, s.options.Shard); err != nil {
		return errors.Join(err, fencedBy(ctx))
	}
	sealed, err := b.bench.Harvest(o.done)
	if err != nil {
		return err
	}
	return b.ledger.Together(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.fence(ctx, tx, o, sealed); err != nil {
			return err
		}
		if err := b.bench.Store(ctx, o.done); err != nil {
			return err
		}
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		if errors.Is(err, rivertype.ErrNotFound) { // River gave it up meanwhile; the attempt is the newest nevertheless
			return nil
		}
		return err
	})
}

func fencedBy(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errFenced) {
		return cause
	}
	return nil
}

// beat says that an attempt is at work, and stops one that is not the newest any more.
func (s *Station) beat(ctx context.Context, o *offer, stop context.CancelCauseFunc) {
	every := time.NewTicker(s.options.Beat)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := s.beatOnce(ctx, o); errors.Is(err, errFenced) {
			stop(err)
			return
		}
	}
}

// benchOf returns where the shards of a run are computed; the study is opened once for all of them.
func (s *Station) benchOf(ctx context.Context, at atWork) (*bench, error) {
	s.mu.Lock()
	b := s.bench[at]
	if b == nil {
		b = &bench{ready: make(chan struct{}), close: func() error { return nil }}
		s.bench[at] = b
		go s.open(context.WithoutCancel(ctx), at, b)
	}
	s.mu.Unlock()
	select {
	case <-b.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.err != nil {
		s.forget(at, b)
	}
	return b, b.err
}

// open opens the study for a run that another process leads, and closes what it had open for runs that are over.
func (s *Station) open(ctx context.Context, at atWork, b *bench) {
	defer close(b.ready)
	s.sweep(ctx)
	sealed, call, err := s.terms(ctx, at)
	if err != nil {
		b.err = err
		return
	}
	var guest Guest
	var facts *pipeline.Facts
	if a := s.prepared(ctx, call); a != nil {
		guest, facts = a.guest, a.facts
	} else if guest, b.err = s.options.Open(ctx); b.err != nil {
		return
	}
	b.close = guest.Close
	ledger, ok := guest.Ledger.(Together)
	if !ok {
		b.err = errors.New("the study's ledger is not in PostgreSQL")
		return
	}
	b.ledger = ledger
	b.bench, b.err = pipeline.NewBench(ctx, guest.Parts, facts, s.options.Program, ecrf.RunID(at.run), sealed)
}

// lead has this process's own bench used for a run that it leads, until the returned function is called.
func (s *Station) lead(at atWork, b *pipeline.Bench, ledger Together) (end func()) {
	ready := make(chan struct{})
	close(ready)
	own := &bench{ready: ready, bench: b, ledger: ledger, close: func() error { return nil }}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bench[at] = own
	return func() { s.forget(at, own) }
}

// forget closes a bench.
func (s *Station) forget(at atWork, b *bench) {
	s.mu.Lock()
	mine := s.bench[at] == b
	if mine {
		delete(s.bench, at)
	}
	s.mu.Unlock()
	if !mine {
		return
	}
	if err := b.close(); err != nil {
		s.options.Log.Error("a study could not be closed", "error", err.Error())
	}
}

// unable ends a job whose study could not be opened here.
func (s *Station) unable(ctx context.Context, args shardArgs, err error) error {
	s.options.Log.Error("the study could not be opened to work for a run", "run", args.Run, "error", err.Error())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return river.JobSnooze(otherInputsPause)
}
