package consent

import (
	"cmp"
	"maps"
	"slices"
)

// Drop counts resources of one type that were dropped for one reason.
type Drop struct {
	Type   string     `json:"type"`
	Reason DropReason `json:"reason"`
	Count  int        `json:"count"`
}

// Drops says what Admit did not let through. The zero value is empty.
type Drops struct {
	counts map[dropKey]int
}

type dropKey struct {
	typ    string
	reason DropReason
}

func (d *Drops) add(typ string, reason DropReason, n int) {
	if d.counts == nil {
		d.counts = map[dropKey]int{}
	}
	d.counts[dropKey{typ, reason}] += n
}

// Add adds the counts of another patient.
func (d *Drops) Add(other Drops) {
	for k, n := range other.counts {
		d.add(k.typ, k.reason, n)
	}
}

// Total returns how many resources were dropped.
func (d Drops) Total() int {
	total := 0
	for _, n := range d.counts {
		total += n
	}
	return total
}

// Count returns how many resources of the type were dropped for the reason.
func (d Drops) Count(typ string, reason DropReason) int { return d.counts[dropKey{typ, reason}] }

// List returns the counts by type and reason, in order.
func (d Drops) List() []Drop {
	list := make([]Drop, 0, len(d.counts))
	for _, k := range slices.SortedFunc(maps.Keys(d.counts), func(a, b dropKey) int {
		return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.reason, b.reason))
	}) {
		list = append(list, Drop{k.typ, k.reason, d.counts[k]})
	}
	return list
}
