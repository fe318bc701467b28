package fhirpath

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/model"
)

// static is what is known about a collection before any resource is read.
type static struct {
	set       []*model.Type // the types that items may have; nil when nothing is known
	many      bool          // it may have more than one item
	none      bool          // it is certainly empty
	unordered bool          // the order of its items has no meaning
	targets   []string      // of References: the types of resource that they may name
	paths     []string      // the elements that the items are, from their resource's type
}

func typed(t ...*model.Type) static { return static{set: t} }
func ofKind(k Kind) static          { return typed(systemTypes[k]) }
func (s static) all() static        { s.many = true; return s }
func (s static) one() static        { s.many = false; return s }
func (s static) plain() static      { return static{set: s.set, many: s.many, none: s.none} }
func (s static) resource() bool     { return len(s.set) > 0 && s.set[0].Kind == model.Resource }
func (s static) single() *model.Type {
	if len(s.set) == 1 {
		return s.set[0]
	}
	return nil
}

// join is what is known about the items of either.
func (s static) join(o static) static {
	r := static{many: s.many || o.many, none: s.none && o.none, unordered: s.unordered || o.unordered}
	r.paths = append(slices.Clip(s.paths), o.paths...)
	switch {
	case s.none:
		r.set = o.set
	case o.none:
		r.set = s.set
	case s.set == nil || o.set == nil:
	default:
		r.set = slices.Clip(s.set)
		for _, t := range o.set {
			if !slices.Contains(r.set, t) {
				r.set = append(r.set, t)
			}
		}
	}
	return r
}

// orKind adds a kind to a set that begins as nothing.
func (s static) orKind(k Kind) static {
	if t := systemTypes[k]; !slices.Contains(s.set, t) {
		s.set = append(s.set, t)
	}
	return s
}

// kinds is a set of Kinds; Element stands for what has no system value.
type kinds uint16

func kindSet(ks ...Kind) (s kinds) {
	for _, k := range ks {
		s |= 1 << k
	}
	return s
}

const (
	kindsNumber   = kinds(1<<Integer | 1<<Long | 1<<Decimal)
	kindsMoment   = kinds(1<<Date | 1<<DateTime | 1<<Time)
	kindsAnything = kinds(1<<16 - 1)
)

// kinds returns what the items may stand for in an operation.
func (s static) kinds() kinds {
	if s.set == nil {
		return kindsAnything
	}
	var r kinds
	for _, t := range s.set {
		r |= kindsOfType(t)
	}
	return r
}

func kindsOfType(t *model.Type) kinds {
	switch {
	case t.Kind == model.System:
		if k := slices.Index(kindNames[:], t.Name); k > 0 {
			return kindSet(Kind(k)) // #nosec G115 -- an index of kindNames
		}
	case t.Kind == model.Primitive:
		return kindSet(primitiveKind[t.ID])
	case t.IsA(typeQuantity):
		return kindSet(Quantity)
	case t == anyElement:
		return kindsAnything
	}
	return kindSet(Element)
}

// String names the types for a message.
func (s static) String() string {
	if s.none {
		return "an empty collection"
	}
	if len(s.set) == 0 {
		return "any type"
	}
	names := make([]string, 0, 4)
	for _, t := range s.set {
		if len(names) == 4 {
			names = append(names, "…")
			break
		}
		names = append(names, t.String())
	}
	return strings.Join(names, " or ")
}

func (s kinds) String() string {
	var names []string
	for k := Boolean; k <= Quantity; k++ {
		if s&kindSet(k) != 0 {
			names = append(names, k.String())
		}
	}
	return strings.Join(names, ", ")
}

// Type is what is known about the items of a collection before evaluation.
type Type struct {
	Names []string // possible types: "Patient", "code", "System.String"; empty when any is possible
	Many  bool     // there may be more than one item
}

func (s static) exported() Type {
	t := Type{Many: s.many}
	for _, m := range s.set {
		t.Names = append(t.Names, m.String())
	}
	return t
}

// lookupType finds a type by its name, with or without namespace. Without one, FHIR's types go first.
func lookupType(name string) *model.Type {
	if s, ok := strings.CutPrefix(name, "System."); ok {
		if t := model.LookupSystem(s); t != nil || model.Lookup(s) == nil {
			return t
		}
		return typeNever
	}
	s := strings.TrimPrefix(name, "FHIR.")
	if t := model.Lookup(s); t != nil {
		return t
	}
	if s == name {
		return model.LookupSystem(name)
	}
	return nil
}
