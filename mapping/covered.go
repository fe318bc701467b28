package mapping

import (
	"maps"
	"slices"

	"github.com/crflink/crflink/ecrf"
)

// of returns the run that fills the form: r itself where one record is for all forms, else one over the form's own record,
// nil when consent covers none. Events are those that the form's record knows.
func (r *run) of(f *form) (*run, error) {
	if r.in.Of == nil {
		return r, nil
	}
	return r.over(f.name)
}

// ofOther returns the run that fills an item of another form for the form of r.
func (r *run) ofOther(f *form) (*run, error) {
	if r.in.Of == nil || slices.Contains(r.forms, f.name) {
		return r, nil
	}
	return r.over(append(slices.Clone(r.forms), f.name)...)
}

// over returns the run over what is permitted for all of the forms, nil when nothing is.
func (r *run) over(forms ...string) (*run, error) {
	in := r.in
	if in.Record = r.in.Of(forms...); in.Record == nil {
		return nil, nil
	}
	own := newRun(r.mapping, in)
	own.forms = forms
	return own, own.findEvents()
}

// uncovered returns the instance of a form for which consent covers nothing; a repeating one has none.
func (f *form) uncovered() []ecrf.Instance {
	if f.repeat != nil {
		return nil
	}
	instance := ecrf.Instance{Event: f.event, Form: f.name}
	for _, rule := range f.rules {
		instance.Cells = append(instance.Cells, ecrf.Cell{Item: rule.item.Name, Missing: ecrf.NoConsent, Provenance: ecrf.Provenance{Rule: rule.id}})
	}
	return []ecrf.Instance{instance}
}

// Crossings returns the sets of forms whose records are asked for together when all forms are filled: each form alone, and with
// the others whose items it uses, directly or through others. Each set is in the order of its names.
func (m *Mapping) Crossings() [][]string {
	var all [][]string
	for i := range m.forms {
		m.cross([]*form{&m.forms[i]}, &all)
	}
	return all
}

func (m *Mapping) cross(way []*form, all *[][]string) {
	var names []string
	for _, f := range way {
		names = append(names, f.name)
	}
	slices.Sort(names)
	if slices.ContainsFunc(*all, func(known []string) bool { return slices.Equal(known, names) }) {
		return
	}
	*all = append(*all, names)
	for _, f := range way {
		for _, r := range f.rules {
			for _, name := range r.uses() {
				if to := m.across[name]; to != nil && !slices.Contains(names, to.form.name) {
					m.cross(append(slices.Clone(way), to.form), all)
				}
			}
		}
	}
}

// TypesOf returns, sorted, the types of resource that are read to fill the given forms: events and items of other forms that
// they use included, and Patient.
func (m *Mapping) TypesOf(forms func(name string) bool) []string {
	seen := map[string]bool{"Patient": true}
	for i := range m.events {
		for _, r := range m.events[i].rules {
			r.readsTypes(seen)
		}
	}
	for i := range m.forms {
		if f := &m.forms[i]; forms(f.name) {
			m.formTypes(f, seen, map[string]bool{})
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func (m *Mapping) formTypes(f *form, seen, done map[string]bool) {
	if done[f.name] {
		return
	}
	done[f.name] = true
	if f.repeat != nil {
		f.repeat.readsTypes(seen)
		for _, e := range []*expression{f.repeat.key, f.repeat.order} {
			e.readsTypes(seen)
		}
	}
	for _, r := range f.rules {
		r.readsTypes(seen)
		for _, name := range r.uses() {
			if to := m.across[name]; to != nil {
				m.formTypes(to.form, seen, done)
			}
		}
	}
}

func (r *rule) readsTypes(seen map[string]bool) {
	r.selector.readsTypes(seen)
	r.value.readsTypes(seen)
	if r.days != nil {
		r.days.toDate.readsTypes(seen)
	}
}

func (s *selector) readsTypes(seen map[string]bool) {
	for _, t := range s.types {
		seen[t] = true
	}
	s.where.readsTypes(seen)
	s.date.readsTypes(seen)
}

func (e *expression) readsTypes(seen map[string]bool) {
	if e == nil {
		return
	}
	for _, x := range e.byType {
		for _, p := range x.Paths() {
			if isResourceType(p.Type) {
				seen[p.Type] = true
			}
		}
	}
}
