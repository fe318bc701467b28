package targettest

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/crflink/crflink/ecrf"
)

// Readable says how to make a reader, and what stands in the target that it reads: the entries of two subjects or more,
// with two cells or more.
type Readable struct {
	Open    func(t testing.TB) ecrf.Reader
	Entries map[string]ecrf.Entries
}

// Read examines a reader.
func Read(t *testing.T, c Readable) {
	cells, subjects := c.all()
	if len(subjects) < 2 || len(cells) < 2 {
		t.Fatalf("the exam needs more than %d subjects and %d cells", len(subjects), len(cells))
	}
	t.Run("EveryEntryIsReadAsItStands", func(t *testing.T) { c.same(t, c.Open(t), subjects, cells) })
	t.Run("NothingElseIsReadThanWasAskedFor", func(t *testing.T) {
		c.same(t, c.Open(t), subjects[:1], cells[:1])
		c.same(t, c.Open(t), subjects[1:], cells[1:])
		c.same(t, c.Open(t), nil, cells)
		c.same(t, c.Open(t), subjects, nil)
	})
	t.Run("WhatIsNotThereIsAbsent", func(t *testing.T) {
		r := c.Open(t)
		got, err := r.Entered(t.Context(), []string{"nobody"}, append(cells, ecrf.CellKey{Event: "never", Form: "none", Item: "nothing"}))
		if err != nil || len(got["nobody"]) != 0 {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("ItMayBeAskedConcurrently", func(t *testing.T) {
		r := c.Open(t)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { c.same(t, r, subjects, cells) })
		}
		all.Wait()
	})
	t.Run("ACancelledReadStops", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Open(t).Entered(ctx, subjects, cells); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("ItHasAName", func(t *testing.T) {
		if strings.TrimSpace(c.Open(t).Name()) == "" {
			t.Error("no name")
		}
	})
}

func (c Readable) all() (cells []ecrf.CellKey, subjects []string) {
	seen := map[ecrf.CellKey]bool{}
	for s, entries := range c.Entries {
		subjects = append(subjects, s)
		for cell := range entries {
			if !seen[cell] {
				seen[cell] = true
				cells = append(cells, cell)
			}
		}
	}
	return cells, subjects
}

// same compares what a reader says with what is there.
func (c Readable) same(t *testing.T, r ecrf.Reader, subjects []string, cells []ecrf.CellKey) {
	t.Helper()
	got, err := r.Entered(t.Context(), subjects, cells)
	if err != nil {
		t.Error(err)
		return
	}
	for s := range got {
		if c.Entries[s] == nil {
			t.Error("a subject is there that was not asked for")
		}
	}
	for _, s := range subjects {
		want := ecrf.Entries{}
		for _, cell := range cells {
			if text, ok := c.Entries[s][cell]; ok {
				want[cell] = text
			}
		}
		if !maps.Equal(got[s], want) {
			t.Errorf("subject %s: %v, want %v", s, got[s], want)
		}
	}
}
