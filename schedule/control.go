package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrUnknown is returned for a job or run that is not there.
var ErrUnknown = errors.New("there is no such study or run")

// Replace takes another plan from now on. Nights that are due by now are still those of the old one; runs under way go on.
func (s *Scheduler) Replace(ctx context.Context, plan Plan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.plan = plan
	s.stir()
	return nil
}

// stir has a turn taken at once. The lock is held.
func (s *Scheduler) stir() {
	s.stale = true
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Scheduler) job(name string) error {
	for _, j := range s.plan.Jobs {
		if j.Name == name {
			return nil
		}
	}
	return fmt.Errorf("%w: %q", ErrUnknown, name)
}

// Ask has a job run now: before its nights, also when those are paused, and during a blackout.
func (s *Scheduler) Ask(ctx context.Context, job, by string) (Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.job(job); err != nil {
		return Run{}, err
	}
	now := s.now()
	run, err := s.book.Ask(ctx, Run{Job: job, Nominal: now.UTC().Format(time.RFC3339Nano), Asked: true, By: by, Due: now, Begin: now, State: Waiting, Attempt: 1})
	if err == nil {
		s.stir()
	}
	return run, err
}

// Pause keeps a job's nights waiting until Continue.
func (s *Scheduler) Pause(ctx context.Context, job, by string) error {
	return s.setPause(ctx, job, &Pause{s.now(), by})
}

// Continue ends a pause. Of the nights that waited the newest is run, or each, as the job says.
func (s *Scheduler) Continue(ctx context.Context, job string) error { return s.setPause(ctx, job, nil) }

func (s *Scheduler) setPause(ctx context.Context, job string, p *Pause) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.job(job); err != nil {
		return err
	}
	if err := s.book.SetPause(ctx, job, p); err != nil {
		return err
	}
	s.stir()
	return nil
}

// Cancel stops a run that is under way, or closes one that waits.
func (s *Scheduler) Cancel(ctx context.Context, id int64, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.running {
		if u.run.ID == id {
			u.stopped = by
			u.cancel()
			return nil
		}
	}
	ok, err := s.book.Cancel(ctx, id, by, s.now())
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: run %d neither waits nor is under way", ErrUnknown, id)
	}
	s.stir()
	return nil
}

// Standing is how a job stands.
type Standing struct {
	Job      string    `json:"job"`
	Next     time.Time `json:"next,omitzero"`
	Nominal  string    `json:"nominal,omitempty"`
	Running  *Run      `json:"running,omitempty"`
	Waiting  []Run     `json:"waiting,omitempty"`
	Paused   *Pause    `json:"paused,omitempty"`
	Priority int       `json:"priority"`
}

// Standings says how all jobs stand.
func (s *Scheduler) Standings() []Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	all := []Standing{}
	for _, j := range s.plan.Jobs {
		x := Standing{Job: j.Name, Priority: j.Priority}
		if j.Schedule != nil {
			if due, ok := j.Schedule.Next(now); ok {
				x.Next, x.Nominal = due.At, due.Nominal
			}
		}
		if u := s.running[j.Name]; u != nil {
			run := u.run
			x.Running = &run
		}
		for _, w := range s.waiting {
			if w.Job == j.Name {
				x.Waiting = append(x.Waiting, w)
			}
		}
		if p, ok := s.pauses[j.Name]; ok {
			x.Paused = &p
		}
		all = append(all, x)
	}
	return all
}

// Ready is nil when runs can begin, else why not.
func (s *Scheduler) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}
