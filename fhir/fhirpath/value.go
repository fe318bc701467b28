package fhirpath

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// Kind says what a Value is.
type Kind uint8

// The kinds of values: an element of a resource, or one of FHIRPath's own types.
const (
	Nothing Kind = iota // the zero Value
	Element
	Boolean
	Integer
	Long
	Decimal
	String
	Date
	DateTime
	Time
	Quantity
	typeInfo // what type() returns
)

var kindNames = [...]string{"nothing", "element", "Boolean", "Integer", "Long", "Decimal", "String", "Date", "DateTime", "Time", "Quantity", "TypeInfo"}

// String returns the name of the FHIRPath type, "element" for elements.
func (k Kind) String() string { return kindNames[k] }

// Value is one item of a collection: an element of a resource with its model type, or a computed value.
type Value struct {
	node fhir.Node
	text string       // String; the unit of a Quantity; the written form of a Decimal from a resource
	num  int64        // Boolean, Integer, Long; the coefficient of a Decimal or Quantity; seconds of a moment
	big  *apd.Decimal // Decimal or Quantity beyond num

	exp    int32 // of num; nanoseconds of a moment
	offset int16 // of a moment
	typ    uint16

	kind   Kind
	res    resolution
	digits uint8
	flags  uint8
}

const (
	flagZoned    = 1 << iota // a moment with zone
	flagUTC                  // written as Z
	flagWord                 // a Quantity whose unit is a calendar word
	flagElement              // a Quantity that was an element: its a and mo may be read as calendar units
	flagForeign              // a Quantity whose unit is not from UCUM
	flagResource             // a resource whose own type decides
)

func booleanValue(b bool) Value {
	v := Value{kind: Boolean}
	if b {
		v.num = 1
	}
	return v
}

func integerValue(i int64) Value { return Value{kind: Integer, num: i} }
func stringValue(s string) Value { return Value{kind: String, text: s} }
func decimalValue(d dec) Value   { return Value{kind: Decimal, num: d.coef, exp: d.exp, big: d.big} }
func (v *Value) dec() dec        { return dec{v.num, v.exp, v.big} }
func (v *Value) isNumber() bool  { return v.kind >= Integer && v.kind <= Decimal }
func (v *Value) isMoment() bool  { return v.kind >= Date && v.kind <= Time }
func (v *Value) modelType() *model.Type {
	if v.kind == Element {
		return types[v.typ]
	}
	return systemTypes[v.kind]
}

func momentValue(m moment) Value {
	v := Value{kind: m.kind, num: m.sec, exp: m.nano, offset: m.offset, res: m.res, digits: m.digits}
	if m.zoned {
		v.flags |= flagZoned
	}
	if m.utc {
		v.flags |= flagUTC
	}
	return v
}

func (v *Value) moment() moment {
	return moment{
		sec: v.num, nano: v.exp, offset: v.offset, res: v.res, digits: v.digits, kind: v.kind,
		zoned: v.flags&flagZoned != 0, utc: v.flags&flagUTC != 0,
	}
}

// quantityValue makes a Quantity; word says that the unit is a calendar word.
func quantityValue(d dec, unit string, word bool) Value {
	v := Value{kind: Quantity, num: d.coef, exp: d.exp, big: d.big, text: unit}
	if word {
		v.flags |= flagWord
	}
	return v
}

// Kind returns what the value is.
func (v Value) Kind() Kind { return v.kind }

// Node returns the element, or a Missing node for a computed value.
func (v Value) Node() fhir.Node { return v.node }

// TypeName returns the model type of an element ("code", "Patient.contact", "" when unknown) or, with its namespace,
// the type of a computed value ("System.Boolean").
func (v Value) TypeName() string {
	if t := v.modelType(); t != nil {
		return t.String()
	}
	return ""
}

// system returns the value that an element stands for, computed values as they are. ok is false for an element that
// stands for none: one with members, other than a Quantity, or one that has extensions only.
func (v Value) system() (Value, bool) {
	if v.kind != Element {
		return v, true
	}
	return systemOf(v.node, types[v.typ])
}

// Bool returns a Boolean; ok is false for any other value.
func (v Value) Bool() (value, ok bool) {
	s, _ := v.system()
	return s.num != 0, s.kind == Boolean
}

// Decimal returns a Decimal, Integer, Long or the number of a Quantity; ok is false for any other value.
func (v Value) Decimal() (d *apd.Decimal, ok bool) {
	s, _ := v.system()
	if !s.isNumber() && s.kind != Quantity {
		return nil, false
	}
	var x apd.Decimal
	return new(apd.Decimal).Set(s.dec().apd(&x)), true
}

// DateTime returns a Date or DateTime; ok is false for any other value. Precision Hour has no counterpart there and
// is given as Minute.
func (v Value) DateTime() (d fhir.DateTime, ok bool) {
	s, _ := v.system()
	if s.kind != Date && s.kind != DateTime {
		return d, false
	}
	m := s.moment()
	d.Year, d.Month, d.Day = m.date()
	ofDay := int(m.sec - floorDiv(m.sec, secondsPerDay)*secondsPerDay)
	d.Hour, d.Minute, d.Second = ofDay/3600, ofDay/60%60, ofDay%60
	d.Nanosecond, d.Digits = int(m.nano), int(m.digits)
	d.Zoned, d.UTC, d.Offset = m.zoned, m.utc, int(m.offset)
	d.Precision = [...]fhir.Precision{0, fhir.Year, fhir.Month, fhir.DayPrecision, fhir.Minute, fhir.Minute, fhir.Second, fhir.Fraction}[m.res]
	if m.res < toDay {
		d.Day = 0
	}
	if m.res < toMonth {
		d.Month = 0
	}
	return d, true
}

// Quantity returns the number and unit of a Quantity. The unit is a UCUM code or a calendar word ("day"); an element
// gives its code, and ok is false when that is not from UCUM or when it has a comparator.
func (v Value) Quantity() (value *apd.Decimal, unit string, ok bool) {
	s, _ := v.system()
	if s.kind != Quantity || s.flags&flagForeign != 0 {
		return nil, "", false
	}
	d, _ := s.Decimal()
	return d, s.text, true
}
