package gather

import (
	"cmp"
	"slices"
)

// places finds entries by the names of their keys. While an index is filled they are a map; freeze makes them a sorted
// list, which needs about half the memory for as long as the index is read.
type places struct {
	filling map[name]uint32
	sorted  []placed
}

type placed struct {
	key name
	at  uint32
}

func compareNames(a, b name) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }

func (p *places) put(key name, at uint32) {
	if p.filling == nil {
		p.filling = map[name]uint32{}
	}
	p.filling[key] = at
}

func (p *places) get(key name) (at uint32, ok bool) {
	if at, ok := p.filling[key]; ok {
		return at, true
	}
	i, ok := slices.BinarySearchFunc(p.sorted, key, func(e placed, key name) int { return compareNames(e.key, key) })
	if !ok {
		return 0, false
	}
	return p.sorted[i].at, true
}

func (p *places) freeze() {
	all := make([]placed, 0, len(p.sorted)+len(p.filling))
	all = append(all, p.sorted...)
	for key, at := range p.filling {
		all = append(all, placed{key, at})
	}
	slices.SortFunc(all, func(a, b placed) int { return compareNames(a.key, b.key) })
	p.sorted, p.filling = all, nil
}
