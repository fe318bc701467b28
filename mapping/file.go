package mapping

import (
	"github.com/crflink/crflink/internal/yamldoc"
)

// file is a mapping file as written, before it is checked against the dictionary.
type file struct {
	study, version string
	author         string
	studyAt        yamldoc.Value
	names          map[string]string
	parameters     map[string]*parameter
	expressions    map[string]yamldoc.Value
	units          yamldoc.Value // printed unit: UCUM code
	ownUnits       yamldoc.Value // of a source with rules of its own
	lists, maps    []yamldoc.Value
	visits         []yamldoc.Value
	events         []eventSpec
	forms          []formSpec
}

// eventSpec declares an event. It has several rules when any of them may tell when it happened.
type eventSpec struct {
	name     string
	label    string
	at       yamldoc.Value
	rules    []ruleSpec
	earliest bool // of several rules the earliest day counts, else that of the first rule that gives one
}

// formSpec holds the rules of one form.
type formSpec struct {
	name   string
	at     yamldoc.Value
	visits yamldoc.Value // at which visits of the schedule it is filled
	ties   yamldoc.Value // which visit counts that two are equally near to
	repeat *ruleSpec     // what a repeating form has one instance of
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
	factor    yamldoc.Value
	activity  yamldoc.Value
	compare   yamldoc.Value // comparator
	qualifier yamldoc.Value
	window    yamldoc.Value
	choose    yamldoc.Value
	ties      yamldoc.Value
	days      yamldoc.Value
	derive    yamldoc.Value
	imaging   yamldoc.Value
	optional  yamldoc.Value
	include   yamldoc.Value
	entered   yamldoc.Value            // of an event
	parts     map[string]yamldoc.Value // all of an item's rule by name
	own       string                   // where a source says something of its own, as file and line
}

// place is where the rule stands, or where a source says what of it is its own.
func (s ruleSpec) place() string {
	if s.own != "" {
		return s.own
	}
	return s.at.Place()
}

// topParts are the keys of a mapping file.
var topParts = []string{"study", "version", "author", "names", "parameters", "expressions", "units", "lists", "maps", "visits", "events", "forms"}

func readFile(doc *yamldoc.Doc) file {
	top := doc.Root().Fields(topParts...)
	f := file{
		study: top["study"].Text(), studyAt: top["study"], version: top["version"].Text(), author: top["author"].Text(),
		names: texts(top["names"]), units: top["units"], expressions: map[string]yamldoc.Value{}, maps: top["maps"].Entries(),
		parameters: readParameters(top["parameters"]), lists: top["lists"].Entries(), visits: top["visits"].Entries(),
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

// eventRuleParts are the keys of a rule of an event.
var eventRuleParts = []string{"resource", "where", "value", "date", "choose", "ties", "include", "entered"}

// eventParts are the keys of an event.
var eventParts = []string{"label", "resource", "where", "value", "date", "choose", "ties", "include", "entered", "earliest-of", "first-of"}

func readEvent(v yamldoc.Value) eventSpec {
	f := v.Fields(eventParts...)
	spec := eventSpec{name: v.Key(), label: f["label"].Text(), at: v, earliest: f["earliest-of"].Exists()}
	several := f["earliest-of"]
	if first := f["first-of"]; first.Exists() {
		if several.Exists() {
			first.Errorf("leave one of the two out", "the event has both earliest-of and first-of")
		}
		several = first
	}
	if !several.Exists() {
		spec.rules = []ruleSpec{eventRule(v.Key(), v, f)}
		return spec
	}
	for _, name := range eventRuleParts {
		if own := f[name]; own.Exists() {
			own.Errorf("write it in each rule of the list", "%s has no effect beside a list of rules", name)
		}
	}
	if len(several.Items()) == 0 {
		several.Errorf("a list of rules, each with resource and value, or with entered", "%s has no rules: the event would never happen", several.Key())
	}
	for _, item := range several.Items() {
		spec.rules = append(spec.rules, eventRule(v.Key(), item, item.Fields(eventRuleParts...)))
	}
	return spec
}

func eventRule(name string, at yamldoc.Value, f map[string]yamldoc.Value) ruleSpec {
	return ruleSpec{
		name: name, at: at, resource: f["resource"], where: f["where"], value: f["value"], date: f["date"], choose: f["choose"],
		ties: f["ties"], include: f["include"], entered: f["entered"],
	}
}

// formParts are the keys of a form that are no items. An item of such a name is a mapping, as every rule is; so is repeat.
var formParts = []string{"repeat", "visits", "ties"}

// repeatParts are the keys of repeat.
var repeatParts = []string{"resource", "where", "key", "order", "window", "include"}

func readForm(v yamldoc.Value) formSpec {
	form := formSpec{name: v.Key(), at: v}
	for _, e := range v.Entries() {
		switch {
		case e.Key() == "visits" && !e.IsMapping():
			form.visits = e
			continue
		case e.Key() == "ties" && !e.IsMapping():
			form.ties = e
			continue
		case e.Key() == "repeat":
			f := e.Fields(repeatParts...)
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
	"resource", "where", "value", "date", "map", "molar-mass", "factor", "activity", "comparator", "qualifier", "window", "choose", "ties",
	"days", "derive", "imaging", "optional", "include",
}

func readRule(v yamldoc.Value) ruleSpec {
	f := v.Fields(rulePartNames...)
	return ruleSpec{
		name: v.Key(), at: v, resource: f["resource"], where: f["where"], value: f["value"], date: f["date"],
		codes: f["map"], molarMass: f["molar-mass"], factor: f["factor"], activity: f["activity"], compare: f["comparator"],
		qualifier: f["qualifier"], window: f["window"], choose: f["choose"], ties: f["ties"], days: f["days"], derive: f["derive"], imaging: f["imaging"],
		optional: f["optional"], include: f["include"], parts: f,
	}
}
