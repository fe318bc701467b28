package casetest

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// resource reads a resource that is written out. The R4 model decides what is text, number or list, so that
// birthDate: 1951 and a list of one without brackets mean what they should, and a misspelt element is a finding.
func (l *loader) resource(v yamldoc.Value) (*fhir.Resource, bool) {
	before := len(l.doc.Findings)
	w := writer{l: l}
	w.resource(v)
	if len(l.doc.Findings) > before {
		return nil, false
	}
	line, _ := v.Pos()
	res, err := fhir.ReadResource(w.b.String(), fhir.Origin{Source: l.doc.File, Position: int64(line)})
	if err != nil {
		v.Errorf("", "%v", err)
		return nil, false
	}
	return res, true
}

// writer writes YAML as FHIR JSON.
type writer struct {
	l *loader
	b strings.Builder
}

func (w *writer) resource(v yamldoc.Value) {
	name := ""
	for _, e := range v.Entries() {
		if e.Key() == "resourceType" {
			name = e.Text()
		}
	}
	t := model.Lookup(name)
	if t == nil || t.Kind != model.Resource || t.Abstract {
		v.Errorf("begin with resourceType: Patient, Observation, …", "%q is no resource type of FHIR R4", name)
		return
	}
	w.object(v, t)
}

func (w *writer) object(v yamldoc.Value, t *model.Type) {
	w.b.WriteByte('{')
	for i, e := range v.Entries() {
		if i > 0 {
			w.b.WriteByte(',')
		}
		w.text(e.Key())
		w.b.WriteByte(':')
		w.member(e, t)
	}
	w.b.WriteByte('}')
}

func (w *writer) member(v yamldoc.Value, t *model.Type) {
	name := v.Key()
	if name == "resourceType" && t.Kind == model.Resource {
		w.text(v.Text())
		return
	}
	if primitive, ok := strings.CutPrefix(name, "_"); ok {
		w.shadow(v, t, primitive)
		return
	}
	elem, typ := elementOf(t, name)
	if elem == nil {
		w.unknown(v, t)
		return
	}
	w.list(v, elem.Many, func(item yamldoc.Value) { w.value(item, typ) })
}

// elementOf finds the element of a JSON name, and its type.
func elementOf(t *model.Type, name string) (*model.Element, *model.Type) {
	if e := t.Element(name); e != nil && !e.Choice && len(e.Types) > 0 {
		return e, e.Types[0]
	}
	return t.ChoiceOf(name)
}

// shadow writes the extensions of a primitive (_birthDate beside birthDate).
func (w *writer) shadow(v yamldoc.Value, t *model.Type, primitive string) {
	elem, typ := elementOf(t, primitive)
	if elem == nil || !isPrimitive(typ) {
		w.unknown(v, t)
		return
	}
	w.list(v, elem.Many, func(item yamldoc.Value) { w.object(item, model.Lookup("Element")) })
}

func isPrimitive(t *model.Type) bool { return t.Kind == model.Primitive || t.Kind == model.System }

func (w *writer) unknown(v yamldoc.Value, t *model.Type) {
	var names []string
	for _, e := range t.Elements() {
		if !e.Choice {
			names = append(names, e.Name)
			continue
		}
		for _, u := range e.Types {
			names = append(names, e.Name+strings.ToUpper(u.Name[:1])+u.Name[1:])
		}
	}
	w.l.atKey(v, finding.DidYouMean(v.Key(), names), "%s has no element %s", t, v.Key())
	w.b.WriteString("null")
}

// list writes a list, also one of a single element without brackets.
func (w *writer) list(v yamldoc.Value, many bool, write func(yamldoc.Value)) {
	if v.IsList() && !many {
		v.Errorf("leave the brackets out", "%s does not repeat", v.Key())
		w.b.WriteString("null")
		return
	}
	if !many {
		write(v)
		return
	}
	w.b.WriteByte('[')
	for i, item := range v.Items() {
		if i > 0 {
			w.b.WriteByte(',')
		}
		write(item)
	}
	w.b.WriteByte(']')
}

func (w *writer) value(v yamldoc.Value, t *model.Type) {
	switch {
	case !v.Exists():
		w.b.WriteString("null")
	case t.Kind == model.Resource:
		w.resource(v)
	case !isPrimitive(t):
		w.object(v, t)
	default:
		w.primitive(v, t)
	}
}

// numberText is a JSON number.
var numberText = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (w *writer) primitive(v yamldoc.Value, t *model.Type) {
	text := v.Text()
	switch t.Name {
	case "boolean":
		v.Bool()
	case "decimal", "integer", "positiveInt", "unsignedInt":
		if !numberText.MatchString(text) {
			v.Errorf("write it as 12.5", "a %s is a number", t)
		}
	default:
		w.text(w.l.named(v, text))
		return
	}
	w.b.WriteString(text)
}

func (w *writer) text(s string) {
	b, err := json.Marshal(s)
	if err != nil {
		b = []byte(`""`) // cannot happen: any string can be written
	}
	w.b.Write(b)
}

// named replaces %name by the mapping's name, so that tests need not repeat long URLs.
func (l *loader) named(v yamldoc.Value, text string) string {
	name, ok := strings.CutPrefix(text, "%") // a lone % is the unit
	if !ok || name == "" {
		return text
	}
	names := l.study.Mapping.NamesOf(l.alias)
	full, ok := names[name]
	if !ok {
		var known []string
		for n := range names {
			known = append(known, n)
		}
		v.Errorf(finding.DidYouMean(name, known), "the mapping has no name %q", name)
	}
	return full
}
