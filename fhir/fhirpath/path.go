package fhirpath

import (
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// path is a chain of elements: names followed from each item of a collection, without buffers in between.
type path struct {
	links []link
}

// link is one element of a chain. of and elem are set when the type that it is asked from is known beforehand.
type link struct {
	name string
	of   *model.Type
	elem *model.Element
}

func newLink(name string, of static) link {
	l := link{name: name, of: of.single()}
	if l.of != nil {
		l.elem = l.of.Element(name)
	}
	return l
}

func (p *path) run(_ *ctx, this, out []Value) []Value {
	for i := range this {
		if this[i].kind == Element {
			out = p.follow(this[i].node, this[i].typ, 0, out)
		} else if len(p.links) == 1 {
			out = p.links[0].computed(&this[i], out)
		}
	}
	return out
}

// follow appends what the links from depth on lead to.
func (p *path) follow(n fhir.Node, typ uint16, depth int, out []Value) []Value {
	if depth == len(p.links) {
		return append(out, Value{kind: Element, node: n, typ: typ})
	}
	member, typ := p.links[depth].get(n, typ)
	switch member.Kind() {
	case fhir.Missing:
		return out
	case fhir.Array:
		for e := member.First(); e.Exists(); e = e.Next() {
			if e.Kind() != fhir.Null || e.Extensions().Exists() {
				out = p.follow(e, own(e, typ), depth+1, out)
			}
		}
		return out
	case fhir.Null:
		if !member.Extensions().Exists() {
			return out
		}
	}
	return p.follow(member, own(member, typ), depth+1, out)
}

// own returns the type of a resource by what it says itself, of anything else the type given.
func own(n fhir.Node, typ uint16) uint16 {
	if types[typ].Kind == model.Resource {
		if t := model.Lookup(n.Get("resourceType").Text()); t != nil {
			return t.ID
		}
	}
	return typ
}

// get returns the member and its type.
func (l *link) get(n fhir.Node, typ uint16) (fhir.Node, uint16) {
	if n.Kind() != fhir.Object {
		if n = n.Extensions(); !n.Exists() {
			return n, 0
		}
		typ = anyElement.ID
	}
	elem := l.elem
	if l.of == nil || typ != l.of.ID {
		if typ == 0 {
			return n.Get(l.name), 0
		}
		if elem = types[typ].Element(l.name); elem == nil {
			return fhir.Node{}, 0
		}
	}
	if elem.Choice {
		return l.choice(n, elem)
	}
	return n.Get(l.name), elem.Types[0].ID
}

func (l *link) choice(n fhir.Node, elem *model.Element) (fhir.Node, uint16) {
	m := n.Choice(l.name)
	if !m.Exists() {
		return m, 0
	}
	t := elem.TypeOf(m.Key()[len(l.name):])
	if t == nil {
		return fhir.Node{}, 0
	}
	return m, t.ID
}

// computedElements are the elements of computed values (FHIRPath N1, 2.1.6 and 10.2).
var computedElements = map[Kind]map[string]Kind{
	Quantity: {"value": Decimal, "unit": String},
	typeInfo: {"namespace": String, "name": String},
}

// computed appends an element of a computed value.
func (l *link) computed(v *Value, out []Value) []Value {
	switch {
	case v.kind == Quantity && l.name == "value":
		return append(out, decimalValue(v.dec()))
	case v.kind == Quantity && l.name == "unit":
		return append(out, stringValue(v.text))
	case v.kind == typeInfo && l.name == "namespace":
		namespace, _ := v.typeInfo()
		return append(out, stringValue(namespace))
	case v.kind == typeInfo && l.name == "name":
		_, name := v.typeInfo()
		return append(out, stringValue(name))
	}
	return out
}
