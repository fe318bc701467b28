package pipeline

import (
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Part is a part of a study of which each run remembers how complete it is: a form, an event or a site. The zero value is the whole.
type Part struct{ Dimension, Name string }

// The dimensions of parts.
const (
	PartForm  = "form"
	PartEvent = "event"
	PartSite  = "site"
)

// Share is how complete a part was after a run: by value, cells that have one of those that could; by variable, items that have a
// value anywhere of those that are there.
type Share struct {
	Filled    int64 `json:"filled"`
	Expected  int64 `json:"expected"`
	Variables int64 `json:"variables"`
	Seen      int64 `json:"variablesFilled"`
}

// Names of what the ledger keeps of a run's completeness. Those of a part have its dimension and name behind them.
const (
	CountFilled    = "filled"
	CountExpected  = "expected"
	countVariables = "variables"
	countSeen      = "variables-filled"
)

// remember adds the share to what the ledger keeps of a run.
func (s Share) remember(counts map[string]int64, p Part) {
	behind := ""
	if p != (Part{}) {
		behind = ":" + p.Dimension + ":" + p.Name
	}
	counts[CountFilled+behind], counts[CountExpected+behind] = s.Filled, s.Expected
	counts[countVariables+behind], counts[countSeen+behind] = s.Variables, s.Seen
}

// counted is what the ledger keeps of a run: Shares reads it.
func counted(shares map[Part]Share) map[string]int64 {
	counts := make(map[string]int64, 4*len(shares))
	for part, share := range shares {
		share.remember(counts, part)
	}
	return counts
}

// Shares reads what the ledger keeps of a run. Runs of before parts were remembered have the whole only, or nothing.
func Shares(counts map[string]int64) map[Part]Share {
	all := map[Part]Share{}
	for key, n := range counts {
		name, behind, _ := strings.Cut(key, ":")
		var p Part
		p.Dimension, p.Name, _ = strings.Cut(behind, ":")
		s := all[p]
		switch name {
		case CountFilled:
			s.Filled = n
		case CountExpected:
			s.Expected = n
		case countVariables:
			s.Variables = n
		case countSeen:
			s.Seen = n
		default:
			continue
		}
		all[p] = s
	}
	return all
}

// counting counts the cells of subjects by event and site.
type counting map[[2]string]Matrix

func (c counting) take(book *ecrf.StoredCasebook) {
	var m Matrix
	for i := range book.Cells {
		cell := &book.Cells[i]
		if i == 0 || cell.Event != book.Cells[i-1].Event { // cells come event by event
			at := [2]string{cell.Event, book.Facts.Site}
			if m = c[at]; m == nil {
				m = Matrix{}
				c[at] = m
			}
		}
		m.take(cell)
	}
}

// total is the count over all events and sites.
func (c counting) total() Matrix {
	all := Matrix{}
	for _, m := range c {
		all.add(m)
	}
	return all
}

// shares are those of the whole and of each part.
func (c counting) shares() map[Part]Share {
	parts := map[Part]Matrix{{}: {}}
	add := func(p Part, m Matrix) {
		if parts[p] == nil {
			parts[p] = Matrix{}
		}
		parts[p].add(m)
	}
	for at, m := range c {
		add(Part{}, m)
		add(Part{PartEvent, at[0]}, m)
		if at[1] != "" {
			add(Part{PartSite, at[1]}, m)
		}
		for slot, f := range m {
			add(Part{PartForm, slot.Form}, Matrix{slot: f})
		}
	}
	shares := map[Part]Share{}
	for p, m := range parts {
		shares[p] = m.share()
	}
	return shares
}

func (m Matrix) add(o Matrix) {
	for slot, f := range o {
		if m[slot] == nil {
			m[slot] = &Fill{Missing: map[ecrf.MissingReason]int{}}
		}
		m[slot].Filled += f.Filled
		for reason, n := range f.Missing {
			m[slot].Missing[reason] += n
		}
	}
}

// share counts the cells that have a value, and those that could: all but those that do not apply.
func (m Matrix) share() Share {
	var s Share
	for _, f := range m {
		s.Variables++
		if f.Filled > 0 {
			s.Seen++
		}
		s.Filled += int64(f.Filled)
		s.Expected += int64(f.Filled)
		for reason, n := range f.Missing {
			if reason != ecrf.NotApplicable {
				s.Expected += int64(n)
			}
		}
	}
	return s
}

func (m Matrix) take(c *ecrf.StoredCell) {
	f := m[Slot{c.Form, c.Item}]
	if f == nil {
		f = &Fill{Missing: map[ecrf.MissingReason]int{}}
		m[Slot{c.Form, c.Item}] = f
	}
	if c.Value != "" {
		f.Filled++
	} else {
		f.Missing[c.Missing]++
	}
}
