package fhirpath

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/fhir"
)

// NewBoolean returns a Boolean.
func NewBoolean(b bool) Value { return booleanValue(b) }

// NewInteger returns an Integer, or a Long where it needs more than 32 bits.
func NewInteger(i int64) Value {
	if int64(int32(i)) != i { // #nosec G115 -- compared
		return Value{kind: Long, num: i}
	}
	return integerValue(i)
}

// NewString returns a String.
func NewString(s string) Value { return stringValue(s) }

// NewDecimal returns a Decimal with the digits of d. The error is for a NaN, an infinity, or more than 400 digits.
func NewDecimal(d *apd.Decimal) (Value, error) {
	if d.Form != apd.Finite || d.Exponent > maxDigits || d.Exponent < -maxDigits || d.NumDigits() > maxDigits {
		return Value{}, fmt.Errorf("not a number that FHIRPath can hold")
	}
	return decimalValue(decFrom(d)), nil
}

// NewQuantity returns a Quantity. The unit is a UCUM code, or a calendar word such as "days".
func NewQuantity(d *apd.Decimal, unit string) (Value, error) {
	v, err := NewDecimal(d)
	if err != nil {
		return v, err
	}
	_, word := calendarWords[unit]
	return quantityValue(v.dec(), unit, word), nil
}

// NewMoment reads a Date, DateTime or Time from its ISO form.
func NewMoment(kind Kind, text string) (Value, error) {
	m, ok := parseMoment(text, kind)
	if !ok || kind < Date || kind > Time {
		return Value{}, fmt.Errorf("not a %s", kind)
	}
	return momentValue(m), nil
}

// NewElement returns an element. typ is its model type ("Coding"); for a resource it may be empty.
func NewElement(n fhir.Node, typ string) (Value, error) {
	if !n.Exists() {
		return Value{}, fmt.Errorf("a missing node is no element")
	}
	if typ == "" {
		return Value{kind: Element, node: n, typ: own(n, anyResource.ID)}, nil
	}
	t := lookupType(typ)
	if t == nil || systemTypes[Boolean].Kind == t.Kind {
		return Value{}, fmt.Errorf("%q is not a type of FHIR R4", typ)
	}
	return Value{kind: Element, node: n, typ: own(n, t.ID)}, nil
}
