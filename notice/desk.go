package notice

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Way is how notices travel. Its errors name no address that is a secret.
type Way interface {
	Name() string
	Send(ctx context.Context, n Notice) error
}

// Desk takes notices and sends them. Its zero value drops them.
type Desk struct {
	log   *slog.Logger
	ways  []chan Notice
	stop  context.CancelFunc
	group sync.WaitGroup
}

// waiting is how many notices wait for one way at most.
const waiting = 200

// pauses are those between attempts. A notice that failed after the last is given up.
var pauses = []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour}

// sending bounds one attempt.
const sending = time.Minute

// Open begins to send. Each way has its own queue: one that is down keeps no other waiting.
func Open(log *slog.Logger, ways ...Way) *Desk {
	ctx, stop := context.WithCancel(context.Background())
	d := &Desk{log: log, stop: stop}
	for _, w := range ways {
		queue := make(chan Notice, waiting)
		d.ways = append(d.ways, queue)
		d.group.Go(func() {
			for n := range queue {
				d.deliver(ctx, w, n)
			}
		})
	}
	return d
}

// Tell has notices sent. It does not wait.
func (d *Desk) Tell(all ...Notice) {
	for _, n := range all {
		for _, queue := range d.ways {
			select {
			case queue <- n:
			default:
				d.log.Error("a notice was dropped: too many wait", "study", n.Study, "kind", string(n.Kind))
			}
		}
	}
}

// deliver tries until it succeeds, was tried often enough, or the desk closes: then once more.
func (d *Desk) deliver(ctx context.Context, w Way, n Notice) {
	for i := 0; ; i++ {
		err := send(w, n)
		if err == nil {
			d.log.Info("a notice was sent", "way", w.Name(), "study", n.Study, "kind", string(n.Kind))
			return
		}
		d.log.Warn("a notice could not be sent", "way", w.Name(), "study", n.Study, "kind", string(n.Kind), "attempt", i+1, "error", err.Error())
		if i == len(pauses) || ctx.Err() != nil {
			d.log.Error("a notice was given up", "way", w.Name(), "study", n.Study, "kind", string(n.Kind))
			return
		}
		timer := time.NewTimer(pauses[i])
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func send(w Way, n Notice) error {
	ctx, cancel := context.WithTimeout(context.Background(), sending)
	defer cancel()
	if err := w.Send(ctx, n); err != nil {
		return fmt.Errorf("%s: %w", w.Name(), err)
	}
	return nil
}

// Close sends what waits, each once more, and ends.
func (d *Desk) Close() {
	if d.stop == nil {
		return
	}
	d.stop()
	for _, queue := range d.ways {
		close(queue)
	}
	d.group.Wait()
}
