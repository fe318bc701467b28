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
	entries map[string]ecrf.Entries
	late    func() bool

	mu      sync.Mutex
	next    int      // subject
	left    int      // subjects that nobody began before it was late
	others  []*shift // of helpers
	failed  error    // of theirs
	helping sync.WaitGroup
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
		result, err := now.computeSafely(ctx, w, t.facts[w.subject.Number()])
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
