package schedule

import (
	"context"
	"slices"
	"time"
)

// Company is how several processes on one book tell whether the others are still there. A night whose process dies is taken up by
// another within the sum.
type Company struct {
	Turn    time.Duration // how often each says that it is there, and looks for what others have left
	Silence time.Duration // after which one that says nothing is dead
}

var usualCompany = Company{20 * time.Second, 90 * time.Second}

// share says that this process is at its runs, stops those that another one has taken, and takes up what is left behind.
func (s *Scheduler) share(ctx context.Context) error {
	if !s.book.Shared() {
		return nil
	}
	mine, err := s.book.Beat(ctx)
	if err != nil {
		return err
	}
	for _, u := range s.running {
		if !slices.Contains(mine, u.run.ID) {
			s.log.Error("this process said nothing for too long, and another has taken the run", "study", u.run.Job, "run", u.run.ID)
			u.cancel()
		}
	}
	n, err := s.book.Resume(ctx, s.Company.Silence)
	if n > 0 {
		s.log.Warn("runs of a process that is not there any more begin again", "runs", n)
	}
	s.stale = true // others change the book, too
	return err
}
