// Package audittest is the exam that every audit.Log passes, and a log in memory for tests.
package audittest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pseudonym"
)

// Memory is an audit.Log that lives as long as the test. A test may damage Stored.
type Memory struct {
	mu     sync.Mutex
	Stored []audit.Entry
}

var _ audit.Log = (*Memory)(nil)

// Append stores the entries that next returns.
func (m *Memory) Append(_ context.Context, _ bool, next func(audit.Head) ([]audit.Entry, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	entries, err := next(m.head())
	if err != nil {
		return err
	}
	last := m.head().Number
	for _, e := range entries {
		if e.Number <= last {
			return errors.New("an entry's number is not above those that are stored")
		}
		last = e.Number
	}
	m.Stored = append(m.Stored, entries...)
	return nil
}

func (m *Memory) head() audit.Head {
	if len(m.Stored) == 0 {
		return audit.Head{}
	}
	return m.Stored[len(m.Stored)-1].Head()
}

// Head returns number and digest of the last entry.
func (m *Memory) Head(context.Context) (audit.Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head(), nil
}

// Entry returns the entry of a number.
func (m *Memory) Entry(_ context.Context, number int64) (audit.Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.Stored {
		if e.Number == number {
			return e, true, nil
		}
	}
	return audit.Entry{}, false, nil
}

// Entries yields the entries from a number on.
func (m *Memory) Entries(_ context.Context, from int64) iter.Seq2[audit.Entry, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored := slices.Clone(m.Stored)
	return func(yield func(audit.Entry, error) bool) {
		for _, e := range stored {
			if e.Number >= from && !yield(e, nil) {
				return
			}
		}
	}
}

// Marks yields the newest mark of every subject that has one.
func (m *Memory) Marks(context.Context) iter.Seq2[audit.Standing, error] {
	newest := map[pseudonym.AuditName]audit.Mark{}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.Stored {
		if e.Mark != nil {
			newest[pseudonym.AuditName(e.Subject)] = audit.Mark(e.Mark)
		}
	}
	return func(yield func(audit.Standing, error) bool) {
		for name, mark := range newest {
			if !yield(audit.Standing{Subject: name, Mark: mark}, nil) {
				return
			}
		}
	}
}
