package mapping

import (
	"strings"

	"github.com/crflink/crflink/internal/yamldoc"
)

// file is a mapping file as written, before it is checked against the dictionary.
type file struct {
	study, version string
	studyAt        yamldoc.Value
	names          map[string]string
	expressions    map[string]yamldoc.Value
	units          map[string]string
	maps           map[string]yamldoc.Value
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
}

func readFile(doc *yamldoc.Doc) file {
	top := doc.Root().Fields("study", "version", "names", "expressions", "units", "maps", "events", "forms")
	f := file{
		study: top["study"].Text(), studyAt: top["study"], version: top["version"].Text(),
		names: texts(top["names"]), units: texts(top["units"]),
		expressions: map[string]yamldoc.Value{}, maps: map[string]yamldoc.Value{},
	}
	for _, e := range top["expressions"].Entries() {
		f.expressions[e.Key()] = e
	}
	for _, m := range top["maps"].Entries() {
		f.maps[m.Key()] = m
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

func readRule(v yamldoc.Value) ruleSpec {
	f := v.Fields("resource", "where", "value", "date", "map", "molar-mass", "activity", "comparator", "window", "choose",
		"days", "derive", "imaging", "optional", "include")
	return ruleSpec{
		name: v.Key(), at: v, resource: f["resource"], where: f["where"], value: f["value"], date: f["date"],
		codes: f["map"], molarMass: f["molar-mass"], activity: f["activity"], compare: f["comparator"],
		window: f["window"], choose: f["choose"], days: f["days"], derive: f["derive"], imaging: f["imaging"],
		optional: f["optional"], include: f["include"],
	}
}

// expand replaces %name of the file's names and expressions by a literal or by the parenthesised expression, outside
// of quoted text. Other %names are left to FHIRPath. Offsets tells for every byte of the result the byte of the
// source it stands for.
func (f *file) expand(text string) (expanded string, offsets []int) {
	var b strings.Builder
	emit := func(s string, from int, advance bool) {
		for i := range len(s) {
			if advance {
				offsets = append(offsets, from+i)
			} else {
				offsets = append(offsets, from)
			}
		}
		b.WriteString(s)
	}
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '\'', '`', '"':
			end := quotedEnd(text, i)
			emit(text[i:end], i, true)
			i = end
		case '%':
			name := identifier(text[i+1:])
			if s, ok := f.substitute(name); ok {
				emit(s, i, false)
			} else {
				emit(text[i:i+1+len(name)], i, true)
			}
			i += 1 + len(name)
		default:
			emit(text[i:i+1], i, true)
			i++
		}
	}
	return b.String(), append(offsets, len(text))
}

// substitute returns what %name stands for. An expression cannot use itself: within its text its own name is unknown.
func (f *file) substitute(name string) (string, bool) {
	if s, ok := f.names[name]; ok {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'", true
	}
	e, ok := f.expressions[name]
	if !ok {
		return "", false
	}
	inner, _ := (&file{names: f.names, expressions: without(f.expressions, name)}).expand(e.Text())
	return "(" + inner + ")", true
}

func without(m map[string]yamldoc.Value, name string) map[string]yamldoc.Value {
	rest := make(map[string]yamldoc.Value, len(m))
	for k, v := range m {
		if k != name {
			rest[k] = v
		}
	}
	return rest
}

func quotedEnd(s string, start int) int {
	for i := start + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[start]:
			return i + 1
		}
	}
	return len(s)
}

func identifier(s string) string {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c-'0' > 9) {
			return s[:i]
		}
	}
	return s
}
