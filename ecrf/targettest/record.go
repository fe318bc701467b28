package targettest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/crflink/crflink/ecrf"
)

// Record is a target's memory without a ledger. Its zero value is empty.
type Record struct {
	mu      sync.Mutex
	cells   map[string]map[ecrf.CellKey]ecrf.Delivered
	queries map[ecrf.Doubt]ecrf.QueryState // by doubt without what is stored and incoming
	// Fail, where it is set, is asked before each change; what it returns is the change's error.
	Fail func() error
}

var _ ecrf.DeliveryRecord = (*Record)(nil)

// LastWritten implements ecrf.DeliveryRecord.
func (r *Record) LastWritten(_ context.Context, subject string) (map[ecrf.CellKey]ecrf.Delivered, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.cells[subject]), nil
}

// MarkWritten implements ecrf.DeliveryRecord.
func (r *Record) MarkWritten(_ context.Context, cells []ecrf.Delivered) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Fail != nil {
		if err := r.Fail(); err != nil {
			return err
		}
	}
	for _, c := range cells {
		if r.cells == nil {
			r.cells = map[string]map[ecrf.CellKey]ecrf.Delivered{}
		}
		if r.cells[c.Subject] == nil {
			r.cells[c.Subject] = map[ecrf.CellKey]ecrf.Delivered{}
		}
		r.cells[c.Subject][c.CellKey] = c
	}
	return nil
}

// Settle implements ecrf.DeliveryRecord.
func (r *Record) Settle(_ context.Context, subjects []string, doubts []ecrf.Doubt) (opened int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queries == nil {
		r.queries = map[ecrf.Doubt]ecrf.QueryState{}
	}
	now := map[ecrf.Doubt]bool{}
	for _, d := range doubts {
		d.Stored, d.Incoming = "", ""
		now[d] = true
		if r.queries[d].Next(true) != "" {
			opened++
		}
		r.queries[d] = ecrf.QueryOpen
	}
	for d, state := range r.queries {
		if slices.Contains(subjects, d.Subject) && !now[d] && state.Pending() && !d.Cause.Sticky() {
			r.queries[d] = ecrf.QueryResolved
		}
	}
	return opened, nil
}

// Cell returns what is remembered of a cell.
func (r *Record) Cell(subject string, key ecrf.CellKey) ecrf.Delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cells[subject][key]
}

// Pending returns the causes of the queries about a cell that nobody has settled, sorted.
func (r *Record) Pending(subject string, key ecrf.CellKey) []ecrf.Cause {
	r.mu.Lock()
	defer r.mu.Unlock()
	var causes []ecrf.Cause
	for d, state := range r.queries {
		if d.Subject == subject && d.CellKey == key && state.Pending() {
			causes = append(causes, d.Cause)
		}
	}
	slices.Sort(causes)
	return causes
}

// All returns a copy of everything that is remembered of cells.
func (r *Record) All() []ecrf.Delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []ecrf.Delivered
	for _, cells := range r.cells {
		all = slices.AppendSeq(all, maps.Values(cells))
	}
	return all
}
