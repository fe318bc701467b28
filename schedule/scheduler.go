package schedule

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"
)

// Job is a study with its nights.
type Job struct {
	Name     string
	Schedule *Schedule
	Priority int           // the greater one is run first
	Jitter   time.Duration // a night begins up to this much later than it is due, always by the same for one night
	Each     bool          // run every night that was missed, not only the newest
	Keep     int           // runs that stay in the book
	// Run does a run. It ends soon after the context does. A mistake of its own that panics fails the run.
	Run func(context.Context, Run) Result
}

// Plan is what a scheduler goes by. It is replaced as a whole.
type Plan struct {
	Jobs      []Job
	Zone      *time.Location // of the blackouts
	Blackouts []Blackout
	AtOnce    int // runs at the same time
}

// Scheduler runs jobs when they are due.
type Scheduler struct {
	book Book
	now  func() time.Time
	log  *slog.Logger

	// Company is for a book that several processes share.
	Company Company
	// Ended is told of every run that ended, and Began of every one that begins; they must not block.
	Ended func(Run, Result)
	Began func(Run)

	ended chan ending
	wake  chan struct{}

	mu      sync.Mutex
	plan    Plan
	next    map[string]time.Time // until when the nights of a job are entered
	running map[string]*underWay // by job
	waiting []Run                // as the book has them
	stale   bool                 // waiting has to be read again
	pauses  map[string]Pause
	closing []ending // results that the book could not take yet
	broken  error    // why the book cannot be used
}

type underWay struct {
	run     Run
	cancel  context.CancelFunc
	stopped string // who cancelled it
}

type ending struct {
	run    Run
	result Result
}

// longest is how long a scheduler sleeps at most: the machine's clock may be set, or stand still meanwhile.
const longest = 5 * time.Minute

// bookPause is how long a scheduler waits before it tries a book that failed again.
const bookPause = 30 * time.Second

// New returns a scheduler. It does nothing before Serve.
func New(book Book, plan Plan, now func() time.Time, log *slog.Logger) *Scheduler {
	return &Scheduler{
		book: book, now: now, log: log, plan: plan, ended: make(chan ending), wake: make(chan struct{}, 1), stale: true,
		next: map[string]time.Time{}, running: map[string]*underWay{}, Company: usualCompany, Ended: func(Run, Result) {}, Began: func(Run) {},
	}
}

// Serve runs what is due until soft ends. Then no run begins any more, and those under way go on until they end, or hard
// ends: then they are stopped, and begin again with the next Serve.
func (s *Scheduler) Serve(soft, hard context.Context) error {
	n, err := s.book.Resume(soft, s.Company.Silence)
	if err != nil {
		return fmt.Errorf("the book of runs: %w", err)
	}
	if n > 0 {
		s.log.Warn("runs were under way when the program ended; they begin again", "runs", n)
	}
	for soft.Err() == nil {
		timer := time.NewTimer(s.turn(soft, hard))
		select {
		case <-soft.Done():
		case e := <-s.ended:
			s.finish(soft, e)
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return s.drain(hard)
}

// turn enters and begins what is due, and returns how long there is nothing to do.
func (s *Scheduler) turn(soft, hard context.Context) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.settle(soft), s.share(soft), s.enter(soft), s.reload(soft)); err != nil {
		s.fault(err)
		return bookPause
	}
	s.fault(nil)
	begin, err := s.begin(soft, hard)
	if err != nil {
		s.fault(err)
		return bookPause
	}
	now := s.now()
	wait := longest
	if s.book.Shared() {
		wait = s.Company.Turn
	}
	for _, at := range append(begin, s.coming(now)...) {
		wait = min(wait, max(at.Sub(now), time.Millisecond))
	}
	return wait
}

// fault remembers and tells whether the book can be used.
func (s *Scheduler) fault(err error) {
	if err != nil && !errors.Is(err, context.Canceled) && s.broken == nil {
		s.log.Error("the book of runs cannot be used", "error", err)
	}
	s.broken, s.stale = err, s.stale || err != nil
}

// enter enters the nights that have become due.
func (s *Scheduler) enter(ctx context.Context) error {
	now := s.now()
	for i := range s.plan.Jobs {
		j := &s.plan.Jobs[i]
		if j.Schedule == nil {
			continue
		}
		from, known := s.next[j.Name]
		if !known {
			var err error
			if from, known, err = s.book.Planned(ctx, j.Name); err != nil {
				return err
			}
			if !known { // what was before the study came here is nobody's night
				from = now
				if _, err := s.book.Enter(ctx, j.Name, now, nil); err != nil {
					return err
				}
			}
		}
		if err := s.enterNights(ctx, j, from, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheduler) enterNights(ctx context.Context, j *Job, from, now time.Time) error {
	due := j.Schedule.Between(from, now)
	if len(due) > 0 {
		nights := make([]Run, len(due))
		for i, d := range due {
			nights[i] = Run{Job: j.Name, Nominal: d.Nominal, Due: d.At, Begin: d.At.Add(j.offset(d.Nominal)), State: Waiting, Attempt: 1}
		}
		if _, err := s.book.Enter(ctx, j.Name, now, nights); err != nil {
			return err
		}
		s.stale = true
	}
	s.next[j.Name] = now
	return nil
}

// offset is by how much a night begins late: another one for each job and night, the same after a restart.
func (j *Job) offset(nominal string) time.Duration {
	if j.Jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(j.Name + " " + nominal))                           // a hash takes everything
	return time.Duration(h.Sum64() % uint64(j.Jitter)).Truncate(time.Second) // #nosec G115 -- less than a Duration
}

// coming returns when the next nights are due.
func (s *Scheduler) coming(now time.Time) (all []time.Time) {
	for i := range s.plan.Jobs {
		if s.plan.Jobs[i].Schedule == nil {
			continue
		}
		if due, ok := s.plan.Jobs[i].Schedule.Next(now); ok {
			all = append(all, due.At)
		}
	}
	return all
}

// reload reads what waits.
func (s *Scheduler) reload(ctx context.Context) (err error) {
	if !s.stale {
		return nil
	}
	if s.waiting, err = s.book.Waiting(ctx); err != nil {
		return err
	}
	if s.pauses, err = s.book.Pauses(ctx); err != nil {
		return err
	}
	s.stale = false
	return nil
}
