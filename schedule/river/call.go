package river

import (
	"context"
	"errors"
	"time"

	"github.com/crflink/crflink/pipeline"
)

// How often a process looks whether a run begins, and how long what it has prepared is kept for one whose shards do not come.
const (
	look       = time.Second
	preparedAt = time.Hour
)

// Call tells the other processes that the run begins. A failure costs them time, and nobody else anything.
func (w workshop) Call(ctx context.Context, study *pipeline.Study) {
	if study.Portable() != nil {
		return
	}
	w.hearing.Lock()
	defer w.hearing.Unlock()
	var nth int64
	err := w.pool.QueryRow(ctx, "INSERT INTO shard_call (nth) VALUES (1) ON CONFLICT (one) DO UPDATE SET nth = shard_call.nth + 1, ahead = 0 RETURNING nth").Scan(&nth)
	if err != nil {
		w.options.Log.Warn("other processes do not learn that a run begins", "study", study.ID, "error", told(err).Error())
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.called, w.heard = nth, nth
}

// ahead is a study that this process has opened, and whose patients' facts it has read or is reading, for a run that began elsewhere.
type ahead struct {
	call  int64
	since time.Time
	stop  context.CancelFunc
	ready chan struct{} // closed when the rest is known
	guest Guest
	facts *pipeline.Facts
	err   error
}

// watch says that this process is there, and prepares for runs that begin elsewhere.
func (s *Station) watch(ctx context.Context) {
	every := time.NewTicker(look)
	defer every.Stop()
	var seen time.Time
	for ctx.Err() == nil {
		if now := time.Now(); now.Sub(seen) >= s.options.Beat {
			if err := s.present(ctx); err == nil {
				seen = now
			}
		}
		s.listen(ctx)
		select {
		case <-ctx.Done():
		case <-every.C:
		}
	}
	s.discard(0)
}

// listen looks whether a run has begun. One that had before this process was there is none of its concern, until its shards come.
func (s *Station) listen(ctx context.Context) {
	s.hearing.Lock()
	defer s.hearing.Unlock()
	var nth int64
	if err := s.pool.QueryRow(ctx, "SELECT coalesce(max(nth), 0) FROM shard_call").Scan(&nth); err != nil {
		return // the database is away
	}
	s.mu.Lock()
	isNew := nth > s.heard && s.heard >= 0
	s.heard = max(s.heard, nth)
	old := s.ahead
	s.mu.Unlock()
	if old != nil && (isNew || time.Since(old.since) > preparedAt) {
		s.discard(old.call)
	}
	if isNew {
		s.prepare(ctx, nth)
	}
}

// prepare opens the study and reads the facts of all patients, while the leader does the same.
func (s *Station) prepare(ctx context.Context, call int64) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	a := &ahead{call: call, since: time.Now(), stop: stop, ready: make(chan struct{})}
	s.mu.Lock()
	s.ahead = a
	s.mu.Unlock()
	go func() {
		defer close(a.ready)
		if a.guest, a.err = s.options.Open(ctx); a.err == nil {
			a.facts, a.err = pipeline.Prepare(ctx, a.guest.Parts)
		}
	}()
}

// prepared returns what was prepared for a run; nil when nothing was.
func (s *Station) prepared(ctx context.Context, call int64) *ahead {
	s.mu.Lock()
	a := s.ahead
	if a == nil || a.call != call {
		s.mu.Unlock()
		return nil
	}
	s.ahead = nil
	s.mu.Unlock()
	select {
	case <-a.ready:
	case <-ctx.Done():
		a.stop()
		<-a.ready
	}
	if a.err != nil {
		s.end(a)
		return nil
	}
	closed := a.guest.Close
	a.guest.Close = func() error { defer a.stop(); return closed() }
	return a
}

// discard closes what was prepared for a run, of any if it is 0, and not used.
func (s *Station) discard(call int64) {
	s.mu.Lock()
	a := s.ahead
	if a == nil || call != 0 && a.call != call {
		s.mu.Unlock()
		return
	}
	s.ahead = nil
	s.mu.Unlock()
	s.end(a)
}

func (s *Station) end(a *ahead) {
	a.stop()
	<-a.ready
	if a.guest.Close == nil {
		return
	}
	if err := a.guest.Close(); err != nil && !errors.Is(err, context.Canceled) {
		s.options.Log.Error("a study could not be closed", "error", err.Error())
	}
}
