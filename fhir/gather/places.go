package gather

import (
	"cmp"
	"math/bits"
	"slices"
)

// places finds entries by the names of their keys. While an index is filled they are a map; freeze makes them a sorted
// list with a directory, which needs about half the memory for as long as the index is read.
type places struct {
	filling map[name]uint32
	sorted  []placed
	begins  []uint32 // where the keys begin whose leading bits are the position here; one more at the end
	shift   int      // the leading bits are those above
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
	if len(p.sorted) == 0 {
		return 0, false
	}
	drawer := key[0] >> p.shift
	for _, e := range p.sorted[p.begins[drawer]:p.begins[drawer+1]] {
		if e.key == key {
			return e.at, true
		}
	}
	return 0, false
}

func (p *places) freeze() {
	all := make([]placed, 0, len(p.sorted)+len(p.filling))
	all = append(all, p.sorted...)
	for key, at := range p.filling {
		all = append(all, placed{key, at})
	}
	slices.SortFunc(all, func(a, b placed) int { return compareNames(a.key, b.key) })
	p.sorted, p.filling = all, nil
	p.direct()
}

// direct makes the directory: two to four keys in a drawer, because keys are hashes.
func (p *places) direct() {
	width := max(1, bits.Len(uint(len(p.sorted)))-2)
	p.shift = 64 - width
	p.begins = make([]uint32, 1<<width+1)
	for _, e := range p.sorted {
		p.begins[e.key[0]>>p.shift+1]++
	}
	for i := 1; i < len(p.begins); i++ {
		p.begins[i] += p.begins[i-1]
	}
}
