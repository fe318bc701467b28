package pipeline

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/crflink/crflink/ecrf"
)

// Preview collects, cell by cell, what a run would change. It is given to a dry run and holds all changes in memory. A run with
// one stores and delivers nothing.
type Preview struct {
	Only func(subject string, cell ecrf.CellKey) bool // what is collected; nil is everything

	mu      sync.Mutex
	changes map[string]*ecrf.SubjectChange
	cells   []PreviewCell
	empty   map[Slot]int // cells that would be new and have no value
	same    int          // cells of computed subjects that would stay as they are
}

// PreviewCell is a cell that would change. At is the target where it stands, "" for the ledger.
type PreviewCell struct {
	At, Subject string
	ecrf.CellKey
	Stored, Incoming string
	Missing          ecrf.MissingReason // why nothing comes in
	Action           string             // an ecrf.ChangeKind for the ledger, ecrf.Decision.Does for a target
	Provenance       ecrf.Provenance    // of what comes in, or of what is stored where nothing does
}

// take collects what would become of a subject in the ledger.
func (p *Preview) take(change *ecrf.SubjectChange, held []ecrf.CellChange) {
	if p == nil || change == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changes == nil {
		p.changes, p.empty = map[string]*ecrf.SubjectChange{}, map[Slot]int{}
	}
	p.changes[change.Facts.Subject] = change
	p.same += change.Unchanged
	for i := range change.Cells {
		if change.Cells[i].Kind != ecrf.Held { // shown with what would come in
			p.cell(change.Facts.Subject, &change.Cells[i])
		}
	}
	for i := range held {
		held[i].Kind += awaiting
		p.cell(change.Facts.Subject, &held[i])
	}
}

// awaiting is added to the action of a cell whose rule nobody has approved.
const awaiting = ", awaits approval"

func (p *Preview) cell(subject string, c *ecrf.CellChange) {
	now := &c.Cell
	switch {
	case p.Only != nil && !p.Only(subject, now.CellKey):
		return
	case c.Before == nil && now.Value == "":
		p.empty[Slot{now.Form, now.Item}]++
		return
	}
	cell := PreviewCell{Subject: subject, CellKey: now.CellKey, Incoming: now.Value, Missing: now.Missing, Action: string(c.Kind), Provenance: now.Provenance}
	if c.Before != nil {
		cell.Stored = c.Before.Value
	}
	if now.Missing != "" { // a value that vanished is kept beside the reason
		cell.Incoming = ""
	}
	p.cells = append(p.cells, cell)
}

// decided takes what would become of cells in a target; nil without a preview.
func (p *Preview) decided(target string) func(ecrf.Decision) {
	if p == nil {
		return nil
	}
	return func(d ecrf.Decision) {
		if p.Only == nil || p.Only(d.Subject, d.CellKey) {
			p.cells = append(p.cells, PreviewCell{target, d.Subject, d.CellKey, d.Stored, d.Incoming, d.Missing, d.Does, d.Provenance})
		}
	}
}

// Cells returns the cells that would change, by subject, first those of the ledger, then those of each target.
func (p *Preview) Cells(d *ecrf.Dictionary) []PreviewCell {
	all := slices.Clone(p.cells)
	slices.SortStableFunc(all, func(a, b PreviewCell) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.At, b.At), d.Compare(a.CellKey, b.CellKey))
	})
	return all
}

// Empty counts, by form and item, the cells that would be new and have no value.
func (p *Preview) Empty() map[Slot]int { return maps.Clone(p.empty) }

// Unchanged counts the cells that were computed and would stay as they are.
func (p *Preview) Unchanged() int { return p.same }

// casebooks yields what the ledger holds, in a preview as if the run had stored what it computed.
func (r *runner) casebooks(ctx context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
	if r.Preview == nil {
		return r.Ledger.Casebooks(ctx)
	}
	return func(yield func(*ecrf.StoredCasebook, error) bool) {
		added := maps.Clone(r.Preview.changes) // subjects that the ledger does not know
		for known, err := range r.Ledger.Standings(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			delete(added, known.Subject)
		}
		names := slices.Sorted(maps.Keys(added))
		for book, err := range r.Ledger.Casebooks(ctx) {
			for ; err == nil && len(names) > 0 && names[0] < book.Facts.Subject; names = names[1:] {
				if !yield(added[names[0]].After(nil, r.Study.Dictionary), nil) {
					return
				}
			}
			if err == nil {
				if c := r.Preview.changes[book.Facts.Subject]; c != nil {
					book = c.After(book, r.Study.Dictionary)
				}
			}
			if !yield(book, err) || err != nil {
				return
			}
		}
		for _, name := range names {
			if !yield(added[name].After(nil, r.Study.Dictionary), nil) {
				return
			}
		}
	}
}
