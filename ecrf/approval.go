package ecrf

import (
	"context"
	"slices"
	"time"
)

// Approval says that the rules of a mapping may change what people work with.
type Approval struct {
	Mapping string // SHA-256 of the mapping in hex
	Author  string // of the mapping, as its file says
	By      string // who approved it; "" for the mapping that the first delivery was made with
	Reason  string
	At      time.Time
	Rules   map[string]string // hash of each item's rule, by form.item
}

// ApprovalLedger keeps the approvals of mappings. What it changes is durable when the call returns.
type ApprovalLedger interface {
	// Approved returns the newest approval, nil when there is none.
	Approved(ctx context.Context) (*Approval, error)
	Approve(ctx context.Context, a Approval) error
}

// Waiting returns the items, by form.item and sorted, whose rules are others than those that were approved, or new, or gone.
func (a *Approval) Waiting(rules map[string]string) []string {
	var waiting []string
	for id, hash := range rules {
		if a.Rules[id] != hash {
			waiting = append(waiting, id)
		}
	}
	for id := range a.Rules {
		if _, there := rules[id]; !there {
			waiting = append(waiting, id)
		}
	}
	slices.Sort(waiting)
	return waiting
}

// Hold takes back what the change would do to cells that wait for an approval, and returns what it took back: a cell keeps what it
// holds and becomes Outdated, a new one is not stored. What the consent takes away, and the same value from another source,
// waits for nobody.
func (s *SubjectChange) Hold(waits func(form, item string) bool) (held []CellChange) {
	var stay []CellChange
	for _, c := range s.Cells {
		same := c.Before != nil && c.Before.Value == c.Cell.Value && c.Before.Missing == c.Cell.Missing
		if c.Kind == Revoked || same || !waits(c.Cell.Form, c.Cell.Item) {
			stay = append(stay, c)
			continue
		}
		held = append(held, c)
		if c.Kind == Added {
			continue
		}
		kept := *c.Before
		if kept.State == Outdated {
			s.Unchanged++
			continue
		}
		kept.State = Outdated
		stay = append(stay, CellChange{Held, c.Before, kept})
	}
	s.Cells = stay
	return held
}
