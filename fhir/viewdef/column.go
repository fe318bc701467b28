package viewdef

import (
	"strings"

	"github.com/crflink/crflink/fhir/model"
)

// Column is a column of a view.
type Column struct {
	Name        string
	Type        Type
	FHIRType    string // as declared ("dateTime", "System.String"), or known from the path; "" when neither
	Collection  bool   // a cell is a list of any number of values
	Description string
}

// Type says what the cells of a column hold, after the default mapping from FHIR to SQL types of the specification.
type Type uint8

// The types. What is no number, Boolean, moment in UTC or binary is Text: dates of any precision too, and decimals,
// which so keep their digits.
const (
	Text      Type = iota
	Boolean        // boolean
	Integer        // integer, positiveInt, unsignedInt: 32 bits
	Integer64      // integer64, Long
	Decimal        // decimal: written as it is in JSON, as text where a table knows only binary fractions
	Instant        // instant
	Binary         // base64Binary
	Complex        // anything with members: JSON
)

var typeNames = [...]string{"text", "Boolean", "integer", "64-bit integer", "decimal", "instant", "binary", "complex"}

// String names the type for messages.
func (t Type) String() string { return typeNames[t] }

// accepts reports whether a column of the type can hold values of another one.
func (t Type) accepts(other Type) bool {
	switch {
	case t == other:
		return true
	case t == Text:
		return other != Complex
	case t == Decimal:
		return other == Integer || other == Integer64
	case t == Integer64:
		return other == Integer
	case t == Instant || t == Binary: // FHIRPath computes them as dateTime and String
		return other == Text
	}
	return false
}

var namedTypes = map[string]Type{
	"boolean": Boolean, "integer": Integer, "positiveInt": Integer, "unsignedInt": Integer, "integer64": Integer64, "decimal": Decimal,
	"instant": Instant, "base64Binary": Binary,
	"System.Boolean": Boolean, "System.Integer": Integer, "System.Long": Integer64, "System.Decimal": Decimal, "System.String": Text,
	"System.Date": Text, "System.DateTime": Text, "System.Time": Text, "System.Quantity": Complex,
}

// typeOf returns the type of cells that hold a FHIR or FHIRPath type. Names may be StructureDefinition URLs and element
// ids of nested elements (Patient.contact).
func typeOf(name string) (t Type, short string, ok bool) {
	short = strings.TrimPrefix(name, "http://hl7.org/fhir/StructureDefinition/")
	short = strings.TrimPrefix(short, "http://hl7.org/fhirpath/")
	if t, ok := namedTypes[short]; ok {
		return t, short, true
	}
	m := model.Lookup(short)
	switch {
	case m == nil || m.Name == "":
		return 0, short, false
	case m.Kind == model.Primitive:
		return Text, short, true
	}
	return Complex, short, true
}

// typeOfAll returns the type of cells that may hold any of several types: JSON as soon as one has members, text where
// they differ or are not known.
func typeOfAll(names []string) Type {
	if len(names) == 0 {
		return Text
	}
	all, _, _ := typeOf(names[0])
	for _, name := range names[1:] {
		t, _, _ := typeOf(name)
		switch {
		case t == Complex || all == Complex:
			return Complex
		case all.accepts(t):
		case t.accepts(all):
			all = t
		default:
			all = Text
		}
	}
	return all
}
