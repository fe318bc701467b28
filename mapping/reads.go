package mapping

import (
	"slices"

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

// Types returns, sorted, the types of resource that the mapping reads: those that its rules name, those that their
// expressions reach through resolve(), and Patient.
func (m *Mapping) Types() []string { return slices.Clone(m.types) }

// UsesAsOf reports whether what the mapping computes depends on the as-of: an expression asks for now or today.
func (m *Mapping) UsesAsOf() bool { return m.usesAsOf }
