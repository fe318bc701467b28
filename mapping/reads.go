package mapping

import (
	"maps"
	"slices"
)

// HasEvent reports whether the mapping declares the event.
func (m *Mapping) HasEvent(name string) bool {
	return slices.ContainsFunc(m.events, func(e event) bool { return e.name == name })
}

// Types returns, sorted, the types of resource that the mapping reads: those that its rules name, those that their
// expressions reach through resolve(), and Patient.
func (m *Mapping) Types() []string { return slices.Clone(m.types) }

// UsesAsOf reports whether what the mapping computes depends on the as-of: an expression asks for now or today.
func (m *Mapping) UsesAsOf() bool { return m.usesAsOf }

// Items returns form.item of every item that a rule fills, in the order of the mapping file's forms.
func (m *Mapping) Items() []string {
	return m.ids(func(*rule) bool { return true })
}

// EventsOf returns the dictionary's events in which the mapping fills the form, in the order of its visits.
func (m *Mapping) EventsOf(form string) []string {
	var all []string
	for i := range m.forms {
		if m.forms[i].name == form {
			all = append(all, m.forms[i].event)
		}
	}
	return all
}

// Fills reports whether a rule fills form.item in the dictionary's event.
func (m *Mapping) Fills(event, name string) bool {
	return slices.ContainsFunc(m.forms, func(f form) bool {
		return f.event == event && slices.ContainsFunc(f.rules, func(r *rule) bool { return r.id == name })
	})
}

// ids lists form.item of the rules for which the condition holds, each once.
func (m *Mapping) ids(holds func(*rule) bool) []string {
	var all []string
	seen := map[string]bool{}
	for i := range m.forms {
		for _, r := range m.forms[i].rules {
			if holds(r) && !seen[r.id] {
				seen[r.id] = true
				all = append(all, r.id)
			}
		}
	}
	return all
}

// MapRows returns the rows of the code maps that rules use.
func (m *Mapping) MapRows() []MapRow {
	var all []MapRow
	for _, c := range m.maps {
		all = append(all, c.rows()...)
	}
	return all
}

// Names returns the names that the mapping file gives to long texts such as the URLs of code systems.
func (m *Mapping) Names() map[string]string { return maps.Clone(m.names) }

// Strict returns form.item of every item whose code map knows no unknown codes (unmapped: error): a cell of it that is
// missing as unmapped is a problem of the run.
func (m *Mapping) Strict() []string {
	return m.ids(func(r *rule) bool {
		for _, own := range r.variants {
			if own.strict() {
				return true
			}
		}
		return r.strict()
	})
}

func (rule *rule) strict() bool { return rule.codes != nil && rule.codes.strict }
