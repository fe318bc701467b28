package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// HasEvent reports whether the mapping declares the event.
func (m *Mapping) HasEvent(name string) bool {
	return slices.ContainsFunc(m.events, func(e event) bool { return e.name == name })
}

// Events returns the days of the events that happened to the subject. It is what Fill finds first, for those who need
// the days before the casebook.
func (m *Mapping) Events(in Input) (map[string]fhir.Day, error) {
	r := newRun(m, in)
	err := r.findEvents()
	return r.days, err
}

// Types returns the types of resource that the mapping reads, sorted: those that its rules name, and Medication when
// a rule reads a type that refers to it.
func (m *Mapping) Types() []string {
	types := map[string]bool{"Patient": true}
	for s := range m.selectors() {
		for _, t := range s.types {
			types[t] = true
			if strings.HasPrefix(t, "Medication") {
				types["Medication"] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(types))
}

// selectors yields every selection of resources.
func (m *Mapping) selectors() func(func(*selector) bool) {
	return func(yield func(*selector) bool) {
		for i := range m.events {
			if !yield(&m.events[i].rule.selector) {
				return
			}
		}
		for i := range m.forms {
			if rep := m.forms[i].repeat; rep != nil && !yield(&rep.selector) {
				return
			}
			for _, rule := range m.forms[i].rules {
				if !yield(&rule.selector) {
					return
				}
			}
		}
	}
}

// UsesAsOf reports whether what the mapping computes depends on the as-of: an expression asks for now or today.
func (m *Mapping) UsesAsOf() bool { return m.usesAsOf }
