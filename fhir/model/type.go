package model

// Kind says what sort of type a Type is.
type Kind uint8

// The kinds of types.
const (
	Resource  Kind = iota + 1
	Complex        // a data type with elements
	Primitive      // a data type with a value
	Nested         // the type of an element that has elements of its own
	System         // FHIRPath's own types
)

// Type is one type. Types are compared by pointer.
type Type struct {
	ID       uint16 // position in All
	Name     string // "Patient", "Patient.contact", "code", "Boolean"
	Base     *Type  // nil for Element, Resource and the System types
	Kind     Kind
	Abstract bool
	own      []*Element
	all      map[string]*Element
}

// Element is a member of a type.
type Element struct {
	Name   string
	Types  []*Type
	Many   bool     // it repeats
	Choice bool     // its JSON name ends in the type, as valueQuantity
	Target []string // types of resource that a Reference may name; empty: any
}

// String returns the name, with the namespace for FHIRPath's own types.
func (t *Type) String() string {
	if t.Kind == System {
		return "System." + t.Name
	}
	return t.Name
}

// Namespace returns "System" or "FHIR".
func (t *Type) Namespace() string {
	if t.Kind == System {
		return "System"
	}
	return "FHIR"
}

// IsA reports whether t is u or derives from it.
func (t *Type) IsA(u *Type) bool {
	for ; t != nil; t = t.Base {
		if t == u {
			return true
		}
	}
	return false
}

// Element returns the element of that name, inherited ones included, or nil. A choice is found by its name without
// the type.
func (t *Type) Element(name string) *Element { return t.all[name] }

// Elements returns the elements, inherited ones first.
func (t *Type) Elements() []*Element {
	if t.Base == nil {
		return t.own
	}
	return append(append([]*Element(nil), t.Base.Elements()...), t.own...)
}

// ChoiceOf returns the choice element and the type that a JSON name such as valueQuantity stands for; nil when it is
// none.
func (t *Type) ChoiceOf(jsonName string) (*Element, *Type) {
	for i := len(jsonName) - 1; i > 0; i-- {
		if c := jsonName[i]; c < 'A' || c > 'Z' {
			continue
		}
		if e := t.all[jsonName[:i]]; e != nil && e.Choice {
			if u := e.TypeOf(jsonName[i:]); u != nil {
				return e, u
			}
		}
	}
	return nil, nil
}

// TypeOf returns the type of a choice that the suffix of its JSON name stands for, or nil.
func (e *Element) TypeOf(suffix string) *Type {
	for _, t := range e.Types {
		if len(t.Name) == len(suffix) && t.Name[1:] == suffix[1:] && t.Name[0]&^0x20 == suffix[0] {
			return t
		}
	}
	return nil
}
