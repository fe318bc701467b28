package wire

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/sony/gobreaker/v2"
)

// gate bounds how many attempts are under way. The bound follows the server: it falls by half when the server says that it has too
// much to do, or falls silent, and rises by one for every round of answers.
type gate struct {
	mu      sync.Mutex
	most    float64
	limit   float64
	busy    int
	waiting []chan struct{}
}

func newGate(most int) *gate { return &gate{most: float64(most), limit: float64(most)} }

// enter waits until another attempt may begin.
func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if g.busy < int(g.limit) && len(g.waiting) == 0 {
		g.busy++
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.giveUp(turn)
		return ctx.Err()
	}
}

// giveUp takes a waiting attempt out, or hands on the turn that it was given meanwhile.
func (g *gate) giveUp(turn chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range g.waiting {
		if w == turn {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return
		}
	}
	g.busy--
	g.admit()
}

// leave ends an attempt and learns from how it went.
func (g *gate) leave(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case strained(err):
		g.limit = max(1, g.limit/2)
	case err == nil:
		g.limit = min(g.most, g.limit+1/g.limit)
	}
	g.busy--
	g.admit()
}

// admit lets those in who wait, as many as there is room for; the lock is held.
func (g *gate) admit() {
	for len(g.waiting) > 0 && g.busy < int(g.limit) {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.busy++
	}
}

// strained reports whether an attempt failed because the server has too much to do.
func strained(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Status == http.StatusTooManyRequests || status.Status == http.StatusServiceUnavailable || status.Status == http.StatusGatewayTimeout
	}
	return errors.Is(err, errIdle) || errors.Is(err, context.DeadlineExceeded)
}

// failuresInARow is after how many failures, of all that ask a server, it is left alone for a while.
const failuresInARow = 10

// newBreaker leaves a server alone that has failed time and again: attempts fail at once, until one of them may try whether it is
// well. Answers that are no passing failure prove that it is there.
func newBreaker(o *Options) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      10 * o.Pause,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresInARow },
		IsSuccessful: func(err error) bool { return err == nil || !Passing(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
	})
}

// errLeftAlone is an attempt that was not made.
var errLeftAlone = errors.New("the server has failed time and again and is left alone for a while")

// guarded makes an attempt when the server may be asked and is not asked too much already.
func (r *Reader) guarded(ctx context.Context, attempt func() error) error {
	if err := r.gate.enter(ctx); err != nil {
		return err
	}
	done, err := r.breaker.Allow()
	if err != nil {
		r.gate.leave(errLeftAlone)
		return errLeftAlone
	}
	err = ErrBroken // of an attempt that panics
	defer func() {
		r.gate.leave(err)
		done(err)
	}()
	err = attempt()
	return err
}
