package schedule

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/crflink/crflink/internal/crash"
)

// ready is a run that may begin, with the missed nights whose work it does.
type ready struct {
	run    Run
	job    *Job
	covers []int64
}

// begin starts what may begin, and returns when something else may.
func (s *Scheduler) begin(soft, hard context.Context) (later []time.Time, err error) {
	now := s.now()
	all := s.candidates()
	slices.SortFunc(all, func(a, b ready) int {
		return cmp.Or(cmp.Compare(b.job.Priority, a.job.Priority), a.run.Due.Compare(b.run.Due), cmp.Compare(a.run.ID, b.run.ID))
	})
	free, allowed := now, true
	if len(all) > 0 {
		free, allowed = Allowed(now, s.plan.Zone, s.plan.Blackouts)
	}
	for _, r := range all {
		switch {
		case r.run.Begin.After(now):
			later = append(later, r.run.Begin)
		case !r.run.Asked && !allowed:
		case !r.run.Asked && free.After(now):
			later = append(later, free)
		case len(s.running) < max(1, s.plan.AtOnce):
			if err := s.start(soft, hard, r); err != nil {
				return later, err
			}
		}
	}
	return later, nil
}

// candidates returns of each job that is not under way or paused the run to do next: what a person asked for, else the
// newest night, or the oldest where each is wanted.
func (s *Scheduler) candidates() (all []ready) {
	for i := range s.plan.Jobs {
		j := &s.plan.Jobs[i]
		if _, busy := s.running[j.Name]; busy {
			continue
		}
		_, paused := s.pauses[j.Name]
		if r, ok := j.choose(s.waiting, paused, s.now()); ok {
			all = append(all, r)
		}
	}
	return all
}

func (j *Job) choose(waiting []Run, paused bool, now time.Time) (ready, bool) {
	var nights []Run
	for _, w := range waiting {
		switch {
		case w.Job != j.Name:
		case w.Asked: // also while the nights are paused
			if !w.Begin.After(now) {
				return ready{run: w, job: j}, true
			}
		case !paused:
			nights = append(nights, w)
		}
	}
	if len(nights) == 0 {
		return ready{}, false
	}
	slices.SortFunc(nights, func(a, b Run) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	if j.Each {
		return ready{run: nights[0], job: j}, true
	}
	last := len(nights) - 1
	for last > 0 && nights[last].Begin.After(now) && !nights[last-1].Begin.After(now) {
		last-- // tonight's jitter does not keep yesterday's run waiting
	}
	r := ready{run: nights[last], job: j}
	for _, n := range nights[:last] {
		r.covers = append(r.covers, n.ID)
	}
	return r, true
}

func (s *Scheduler) start(soft, hard context.Context, r ready) error {
	now := s.now()
	ok, err := s.book.Start(soft, r.run.ID, r.covers, now)
	if s.stale = true; err != nil {
		return err
	}
	if !ok { // somebody cancelled it, or another process has it or another night of the job
		if !s.book.Shared() {
			s.stir()
		}
		return nil
	}
	run := r.run
	run.State, run.Started = Running, now
	ctx, cancel := context.WithCancel(hard)
	s.running[run.Job] = &underWay{run: run, cancel: cancel}
	s.log.Info("run begins", "study", run.Job, "run", run.ID, "nominal", run.Nominal, "attempt", run.Attempt, "covers", len(r.covers))
	s.Began(run)
	do := r.job.Run
	go func() {
		result := guarded(ctx, do, run)
		cancel()
		s.ended <- ending{run, result}
	}()
	return nil
}

// guarded does a run; one that panics has failed.
func guarded(ctx context.Context, do func(context.Context, Run) Result, run Run) (result Result) {
	defer func() {
		var err error
		if crash.Caught(recover(), &err); err != nil {
			result = Result{State: Failed, Exit: 4, Note: err.Error()}
		}
	}()
	return do(ctx, run)
}

// finish takes note of a run that ended.
func (s *Scheduler) finish(ctx context.Context, e ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.running[e.run.Job]; u != nil && u.run.ID == e.run.ID {
		if by := u.stopped; by != "" && e.result.State != Done {
			e.result.State, e.result.By, e.result.Again = Cancelled, by, 0
		}
		delete(s.running, e.run.Job)
	}
	e.run.Ended = s.now()
	s.closing = append(s.closing, e)
	if err := s.settle(context.WithoutCancel(ctx)); err != nil {
		s.fault(err)
	}
}

// settle writes down how runs ended. What the book does not take is kept for another time.
func (s *Scheduler) settle(ctx context.Context) error {
	for len(s.closing) > 0 {
		e := s.closing[0]
		if err := s.book.End(ctx, e.run.ID, e.result, e.run.Ended); err != nil {
			return err
		}
		s.closing = s.closing[1:]
		s.stale = true
		s.Ended(e.run, e.result)
		s.log.Info("run ended", "study", e.run.Job, "run", e.run.ID, "state", string(e.result.State), "exit", e.result.Exit,
			"seconds", e.run.Ended.Sub(e.run.Started).Seconds(), "note", e.result.Note)
		if keep := s.keep(e.run.Job); keep > 0 {
			if err := s.book.Prune(ctx, e.run.Job, keep); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Scheduler) keep(job string) int {
	for _, j := range s.plan.Jobs {
		if j.Name == job {
			return j.Keep
		}
	}
	return 0
}

// finishOne waits for a run to end, or says after a while that those under way are still here.
func (s *Scheduler) finishOne(ctx context.Context) error {
	pause := time.NewTimer(s.Company.Turn)
	defer pause.Stop()
	select {
	case e := <-s.ended:
		s.finish(ctx, e)
		return nil
	case <-pause.C:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.share(ctx)
	}
}

// drain waits for the runs under way. The jobs' contexts end with hard.
func (s *Scheduler) drain(hard context.Context) error {
	ctx := context.WithoutCancel(hard)
	for {
		s.mu.Lock()
		n := len(s.running)
		s.mu.Unlock()
		if n == 0 {
			break
		}
		if err := s.finishOne(ctx); err != nil {
			s.log.Error("the book of runs cannot be used", "error", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settle(ctx)
}
