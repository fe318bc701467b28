package mapping

import (
	"maps"
	"slices"
)

// Reads returns, sorted, the elements that the rule of form.item reads, as Observation.value[x].unit; those of the
// repeat rule of a repeating form with it.
func (m *Mapping) Reads(name string) []string {
	seen := map[string]bool{}
	for i := range m.forms {
		f := &m.forms[i]
		for _, r := range f.rules {
			if r.id != name {
				continue
			}
			read(seen, r.where, r.date, r.value)
			if r.days != nil {
				read(seen, r.days.toDate)
			}
			if f.repeat != nil {
				read(seen, f.repeat.where, f.repeat.date, f.repeat.key, f.repeat.order)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func read(seen map[string]bool, expressions ...*expression) {
	for _, e := range expressions {
		if e == nil {
			continue
		}
		for _, x := range e.byType {
			for _, p := range x.Paths() {
				seen[p.String()] = true
			}
		}
	}
}
