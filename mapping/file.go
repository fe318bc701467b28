package mapping

import (
	"github.com/crflink/crflink/internal/yamldoc"
)

// file is a mapping file as written, before it is checked against the dictionary.
type file struct {
	study, version string
	studyAt        yamldoc.Value
	names          map[string]string
	expressions    map[string]yamldoc.Value
	units          yamldoc.Value // printed unit: UCUM code
	maps           []yamldoc.Value
	events         []eventSpec
	forms          []formSpec
}

// eventSpec declares an event.
type eventSpec struct {
	name  string
	label string
	at    yamldoc.Value
	rule  ruleSpec
}

// formSpec holds the rules of one form.
type formSpec struct {
	name   string
	at     yamldoc.Value
	repeat *ruleSpec // what a repeating form has one instance of
	items  []ruleSpec
}

// ruleSpec is one rule as written. Absent parts do not exist.
type ruleSpec struct {
	name      string
	at        yamldoc.Value
	resource  yamldoc.Value
	where     yamldoc.Value
	value     yamldoc.Value
	date      yamldoc.Value
	key       yamldoc.Value // repeat: the stable instance key
	order     yamldoc.Value // repeat: what instances are numbered by
	codes     yamldoc.Value // map
	molarMass yamldoc.Value
	activity  yamldoc.Value
	compare   yamldoc.Value // comparator
	window    yamldoc.Value
	choose    yamldoc.Value
	days      yamldoc.Value
	derive    yamldoc.Value
	imaging   yamldoc.Value
	optional  yamldoc.Value
	include   yamldoc.Value
	parts     map[string]yamldoc.Value // all of an item's rule by name
}

func readFile(doc *yamldoc.Doc) file {
	top := doc.Root().Fields("study", "version", "names", "expressions", "units", "maps", "events", "forms")
	f := file{
		study: top["study"].Text(), studyAt: top["study"], version: top["version"].Text(),
		names: texts(top["names"]), units: top["units"], expressions: map[string]yamldoc.Value{}, maps: top["maps"].Entries(),
	}
	for _, e := range top["expressions"].Entries() {
		f.expressions[e.Key()] = e
	}
	for _, e := range top["events"].Entries() {
		f.events = append(f.events, readEvent(e))
	}
	for _, e := range top["forms"].Entries() {
		f.forms = append(f.forms, readForm(e))
	}
	return f
}

func texts(v yamldoc.Value) map[string]string {
	m := map[string]string{}
	for _, e := range v.Entries() {
		m[e.Key()] = e.Text()
	}
	return m
}

func readEvent(v yamldoc.Value) eventSpec {
	f := v.Fields("label", "resource", "where", "value", "choose", "include")
	return eventSpec{name: v.Key(), label: f["label"].Text(), at: v, rule: ruleSpec{
		name: v.Key(), at: v, resource: f["resource"], where: f["where"], value: f["value"], choose: f["choose"], include: f["include"],
	}}
}

func readForm(v yamldoc.Value) formSpec {
	form := formSpec{name: v.Key(), at: v}
	for _, e := range v.Entries() {
		if e.Key() == "repeat" {
			f := e.Fields("resource", "where", "key", "order", "window", "include")
			form.repeat = &ruleSpec{
				name: v.Key(), at: e, resource: f["resource"], where: f["where"], key: f["key"], order: f["order"],
				window: f["window"], include: f["include"],
			}
			continue
		}
		form.items = append(form.items, readRule(e))
	}
	return form
}

// rulePartNames are the keys of an item's rule.
var rulePartNames = []string{
	"resource", "where", "value", "date", "map", "molar-mass", "activity", "comparator", "window", "choose", "days", "derive", "imaging",
	"optional", "include",
}

func readRule(v yamldoc.Value) ruleSpec {
	f := v.Fields(rulePartNames...)
	return ruleSpec{
		name: v.Key(), at: v, resource: f["resource"], where: f["where"], value: f["value"], date: f["date"],
		codes: f["map"], molarMass: f["molar-mass"], activity: f["activity"], compare: f["comparator"],
		window: f["window"], choose: f["choose"], days: f["days"], derive: f["derive"], imaging: f["imaging"],
		optional: f["optional"], include: f["include"], parts: f,
	}
}
