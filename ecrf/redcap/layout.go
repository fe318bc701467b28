package redcap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// place is where a form of an event stands in the project.
type place struct {
	event, form string // event is "" in a classic project
	repetition
}

// layout says where the study's cells stand in a project.
type layout struct {
	*project
	columns map[string]*column   // by item
	places  map[[2]string]*place // by event and form
}

// DriftError is a project that the study's dictionary does not fit any more. Nothing was written.
type DriftError struct{ Problems []string }

func (e *DriftError) Error() string {
	return fmt.Sprintf("the project does not fit the study (%d problems), so nothing was written: %s", len(e.Problems), strings.Join(e.Problems, "; "))
}

// fitting compares a study's dictionary with a project.
type fitting struct {
	*layout
	dictionary *ecrf.Dictionary
	options    *Options
	unsafe     []string
	notes      []string
	taken      map[string]string   // column or place: who has it
	whole      map[string][]string // forms of ours in an event that repeats as a whole
	known      map[string]bool     // variables that items have
}

// fit finds the place of everything that the study fills. What cannot be written safely is an error with all of it; notes
// are what a person may want to look at.
func fit(p *project, d *ecrf.Dictionary, o *Options) (*layout, []string, error) {
	f := &fitting{
		layout: &layout{project: p, columns: map[string]*column{}, places: map[[2]string]*place{}}, dictionary: d, options: o,
		taken: map[string]string{}, whole: map[string][]string{}, known: map[string]bool{},
	}
	f.settings()
	for i := range d.Forms {
		f.form(&d.Forms[i])
	}
	f.sharedEvents()
	f.unknown()
	if len(f.unsafe) > 0 {
		return nil, f.notes, &DriftError{f.unsafe}
	}
	return f.layout, f.notes, nil
}

func (f *fitting) problem(where, format string, args ...any) {
	f.unsafe = append(f.unsafe, where+": "+fmt.Sprintf(format, args...))
}

// settings checks what the study file says of the project as a whole.
func (f *fitting) settings() {
	if want := f.options.Project; want != "" && want != f.id {
		f.problem("project", "the token opens project %s, and the study is for project %s", f.id, want)
	}
	for _, site := range slices.Sorted(maps.Keys(f.options.Groups)) {
		if g := f.options.Groups[site]; !f.groups[g] {
			f.problem("site "+site, "the project has no data access group %s", g)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(f.options.MissingCodes)) {
		code := f.options.MissingCodes[reason]
		if !slices.ContainsFunc(f.missing, func(c ecrf.Code) bool { return c.Value == code }) {
			f.problem("missing reason "+string(reason), "the project has no missing-data code %s", code)
		}
	}
}

// form places a form in each of its events, and its items.
func (f *fitting) form(form *ecrf.Form) {
	name := first(f.options.Names.Forms[form.Name], f.project.names.Forms[form.Name], form.Name)
	for _, event := range f.dictionary.EventsOf(form.Name) {
		f.place(event, form, name)
	}
	for i := range form.Items {
		it := &form.Items[i]
		c, problem := f.column(it, name)
		switch where := form.Name + "." + it.Name; {
		case problem == "":
			f.columns[it.Name] = c
		case f.fills(form, it):
			f.problem(where, "%s", problem)
		default:
			f.notes = append(f.notes, where+": "+problem+" (no rule fills the item)")
		}
	}
}

func first(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}

// fills reports whether a rule fills the item anywhere.
func (f *fitting) fills(form *ecrf.Form, it *ecrf.Item) bool {
	return slices.ContainsFunc(f.dictionary.EventsOf(form.Name), func(event string) bool { return f.options.fills(event, form.Name, it.Name) })
}

// place finds the event and the instrument of a form, and whether they repeat as the form does.
func (f *fitting) place(event string, form *ecrf.Form, name string) {
	filled := slices.ContainsFunc(form.Items, func(it ecrf.Item) bool { return f.options.fills(event, form.Name, it.Name) })
	at := &place{form: name}
	if f.longitudinal() {
		at.event = first(f.options.Names.Events[event], f.project.names.Events[event], event)
	}
	at.repetition = f.repetition(at.event, name)
	f.places[[2]string{event, form.Name}] = at
	if !filled {
		return
	}
	where := "form " + form.Name + " in event " + event
	switch {
	case !slices.Contains(f.forms, name):
		f.problem(where, "the project has no instrument %s", name)
		return
	case f.longitudinal() && !slices.Contains(f.project.events, at.event):
		f.problem(where, "the project has no event %s", at.event)
		return
	case f.longitudinal() && !f.filled[[2]string{at.event, name}]:
		f.problem(where, "the instrument %s is not designated for the event %s", name, at.event)
	case form.Repeating && at.repetition == once:
		f.problem(where, "the form repeats, and neither the instrument nor the event does in the project")
	case !form.Repeating && at.repetition != once:
		f.problem(where, "the form does not repeat, and the instrument or the event does in the project")
	}
	if other := f.claim("place "+at.event+" "+name, where); other != "" {
		f.problem(where, "%s stands at the same place of the project: its events have to be told apart", other)
	}
	if at.repetition == byEvent {
		f.whole[at.event] = append(f.whole[at.event], form.Name)
	}
}

// claim takes a place for somebody and returns who has it already.
func (f *fitting) claim(what, who string) string {
	other := f.taken[what]
	f.taken[what] = who
	return other
}

// sharedEvents refuses several forms in an event that repeats as a whole: crflink counts the instances of each form by itself,
// so that the forms of one instance would be of different visits.
func (f *fitting) sharedEvents() {
	for event, forms := range f.whole {
		if len(forms) > 1 {
			f.problem("event "+event, "it repeats as a whole, and the study fills %s in it: let the instruments repeat instead", strings.Join(forms, ", "))
		}
	}
	slices.Sort(f.unsafe)
}

// column finds where an item stands.
func (f *fitting) column(it *ecrf.Item, form string) (*column, string) {
	name := first(f.options.Names.Items[it.Name], f.project.names.Items[it.Name], it.Name)
	v, column := f.variables[name], name
	if v == nil || v.kind == "checkbox" {
		b, ok := f.boxes[name]
		if x := f.exports[name]; !ok && x.choice != "" {
			b, ok = box{x.variable, name}, true
		}
		if !ok {
			return nil, "the project has no field " + name
		}
		v, column = f.variables[b.variable], b.column
	}
	if v == nil {
		return nil, "the project has no field " + name
	}
	f.known[v.name] = true
	switch {
	case v.name == f.record:
		return nil, "the field is the record ID"
	case v.form != form:
		return nil, fmt.Sprintf("the field %s stands in the instrument %s, not in %s", v.name, v.form, form)
	}
	if other := f.claim("column "+column, it.Name); other != "" {
		return nil, "the item " + other + " has the same field"
	}
	var codes []ecrf.Code
	if list := f.dictionary.CodeList(it.CodeList); list != nil {
		codes = list.Codes
	}
	c, problem := newColumn(it, codes, v, column)
	if problem == "" {
		problem = swapped(codes, v.choices)
	}
	return c, problem
}

// swapped reports a code that has another code's label in the project: it means something else there.
func swapped(codes, there []ecrf.Code) string {
	label := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	for _, code := range codes {
		for _, x := range there {
			if x.Value != code.Value || label(x.Label) == label(code.Label) {
				continue
			}
			for _, other := range codes {
				if other.Value != code.Value && label(other.Label) == label(x.Label) {
					return fmt.Sprintf("the code %s means in the project what the code %s means in the study's dictionary", code.Value, other.Value)
				}
			}
		}
	}
	return ""
}

// unknown notes fields that the study's dictionary does not have.
func (f *fitting) unknown() {
	var more []string
	for _, name := range slices.Sorted(maps.Keys(f.variables)) {
		if v := f.variables[name]; !f.known[name] && name != f.record && !v.calculates() {
			more = append(more, name)
		}
	}
	if n := len(more); n > 0 {
		const shown = 5
		list := strings.Join(more[:min(n, shown)], ", ")
		if n > shown {
			list += ", …"
		}
		f.notes = append(f.notes, fmt.Sprintf("%d fields of the project are not in the study's dictionary: %s", n, list))
	}
}
