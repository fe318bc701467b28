package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/crflink/crflink/ecrf"
)

// openShard is a shard under way. Its subjects are computed by the worker who has it, and by others who have no shard any more.
type openShard struct {
	run     *runner
	shard   shard
	facts   map[string]ecrf.Facts
	stand   map[string]ecrf.Standing // of subjects of whom nothing has changed, as far as is known
	entries map[string]ecrf.Entries
	late    func() bool

	mu      sync.Mutex
	next    int      // subject
	left    int      // subjects that nobody began before it was late
	others  []*shift // of helpers
	failed  error    // of theirs
	helping sync.WaitGroup
}

// read reads what the ledger has of the subjects: of those who most likely are left as they are only how they stand.
func (t *openShard) read(ctx context.Context) (err error) {
	var whole, some []string
	for _, w := range t.shard.work {
		if w.still != nil && w.still.Imaging != nil && t.run.Study.Imaging.PACS == nil {
			some = append(some, w.subject.Number())
		} else {
			whole = append(whole, w.subject.Number())
		}
	}
	if len(some) > 0 {
		t.stand, err = t.run.Ledger.StandingsOf(ctx, some)
	}
	if err == nil && len(whole) > 0 {
		t.facts, err = t.run.Ledger.Facts(ctx, whole)
	}
	return err
}

// last is what the ledger has of a subject, without what nobody asks for of one that is left as it is.
func (t *openShard) last(ctx context.Context, w work) (ecrf.Facts, error) {
	s, ok := t.stand[w.subject.Number()]
	if !ok {
		return t.facts[w.subject.Number()], nil
	}
	known := ecrf.Facts{Subject: s.Subject, Outcome: s.Outcome, Reason: s.Reason, Digest: s.Digest}
	if t.run.isStill(w, known) {
		return known, nil
	}
	all, err := t.run.Ledger.Facts(ctx, []string{s.Subject})
	return all[s.Subject], err
}

// take returns a subject that nobody has begun.
func (t *openShard) take() (w work, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == len(t.shard.work) {
		return w, false
	}
	if t.next > 0 && t.late() {
		t.left = len(t.shard.work) - t.next
		t.next = len(t.shard.work)
		return w, false
	}
	t.next++
	return t.shard.work[t.next-1], true
}

// compute computes subjects until all are begun.
func (t *openShard) compute(ctx context.Context, now *shift) error {
	for w, ok := t.take(); ok; w, ok = t.take() {
		w.entered = t.entries[w.subject.Number()]
		last, err := t.last(ctx, w)
		var result *subjectResult
		if err == nil {
			result, err = now.computeSafely(ctx, w, last)
		}
		if err == nil {
			err = now.take(w, result)
		}
		if err != nil {
			return err
		}
		t.run.Progress.Add(1)
	}
	return nil
}

// close waits for helpers. Nobody begins another subject.
func (t *openShard) close() {
	t.mu.Lock()
	t.next = len(t.shard.work)
	t.mu.Unlock()
	t.helping.Wait()
}

// join makes a shift of a helper's, nil when there is nothing left to begin.
func (t *openShard) join() *shift {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil || t.next == len(t.shard.work) {
		return nil
	}
	now := t.run.shift(t.shard)
	t.others = append(t.others, now)
	t.helping.Add(1)
	return now
}

// help computes subjects of the shard in the helper's shift.
func (t *openShard) help(ctx context.Context, now *shift) {
	defer t.helping.Done()
	if err := t.compute(ctx, now); err != nil {
		t.mu.Lock()
		t.failed = errors.Join(t.failed, err)
		t.mu.Unlock()
	}
}

// helpers knows the shards under way, for workers who have none any more. None is there where it is nil.
type helpers struct {
	mu       sync.Mutex
	news     sync.Cond // a shard was opened, or a worker has none any more
	busy     int       // workers who have a shard, or may get one
	underWay []*openShard
}

func newHelpers(workers int) *helpers {
	h := &helpers{busy: workers}
	h.news.L = &h.mu
	return h
}

func (h *helpers) begin(t *openShard) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.underWay = append(h.underWay, t)
	h.news.Broadcast()
}

func (h *helpers) end(t *openShard) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.underWay = slices.DeleteFunc(h.underWay, func(o *openShard) bool { return o == t })
}

// help is for a worker who has no shard any more: it helps until nobody has one.
func (h *helpers) help(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy--
	h.news.Broadcast()
	for h.busy > 0 {
		t, now := h.join()
		if t == nil {
			h.news.Wait()
			continue
		}
		h.mu.Unlock()
		t.help(ctx, now)
		h.mu.Lock()
	}
}

// join finds a shard that has something left to begin; the lock is held.
func (h *helpers) join() (*openShard, *shift) {
	for _, t := range h.underWay {
		if now := t.join(); now != nil {
			return t, now
		}
	}
	return nil, nil
}
