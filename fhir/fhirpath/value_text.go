package fhirpath

import (
	"strconv"

	"github.com/crflink/crflink/fhir"
)

// Text returns the canonical text: numbers as they were written, dates in the ISO form, "5 'mg'" for a Quantity; "" for
// an element with members, and "FHIR.Patient" for what type() returns.
func (v Value) Text() string {
	switch v.kind {
	case Element:
		if v.node.Kind() == fhir.Object {
			if s, ok := v.system(); ok {
				return s.Text()
			}
		}
		return v.node.Text()
	case Boolean:
		return strconv.FormatBool(v.num != 0)
	case Integer, Long:
		return strconv.FormatInt(v.num, 10)
	case String:
		return v.text
	case typeInfo:
		namespace, name := v.typeInfo()
		return namespace + "." + name
	case Decimal, Date, DateTime, Time, Quantity:
		return string(v.appendText(nil))
	}
	return ""
}

func (v *Value) appendText(b []byte) []byte {
	switch v.kind {
	case Decimal:
		if v.text != "" {
			return append(b, v.text...)
		}
		return append(b, v.dec().String()...)
	case Date, DateTime, Time:
		return v.moment().append(b)
	case Quantity:
		return v.appendQuantity(b)
	}
	return append(b, v.Text()...)
}

func (v *Value) appendQuantity(b []byte) []byte {
	b = append(append(b, v.dec().String()...), ' ')
	if v.flags&flagWord != 0 {
		return append(b, v.text...)
	}
	b = append(b, '\'')
	b = append(b, v.text...)
	return append(b, '\'')
}

// AppendJSON appends the value as JSON: numbers with their written precision, dates as strings, elements with members
// and Quantities as objects.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case Nothing:
		return append(dst, "null"...)
	case Element:
		return fhir.AppendJSON(dst, v.node)
	case Boolean, Integer, Long, Decimal:
		return v.appendText(dst)
	case Quantity:
		return v.appendQuantityJSON(dst)
	case typeInfo:
		namespace, name := v.typeInfo()
		dst = fhir.AppendQuoted(append(dst, `{"namespace":`...), namespace)
		dst = fhir.AppendQuoted(append(dst, `,"name":`...), name)
		return append(dst, '}')
	}
	return fhir.AppendQuoted(dst, v.Text())
}

func (v *Value) appendQuantityJSON(dst []byte) []byte {
	dst = append(append(dst, `{"value":`...), v.dec().String()...)
	dst = fhir.AppendQuoted(append(dst, `,"unit":`...), v.text)
	if v.flags&(flagWord|flagForeign) == 0 {
		dst = append(dst, `,"system":"http://unitsofmeasure.org","code":`...)
		dst = fhir.AppendQuoted(dst, v.text)
	}
	return append(dst, '}')
}

// typeInfo returns namespace and name of a value that type() returned.
func (v *Value) typeInfo() (namespace, name string) {
	t := types[v.typ]
	if t.Name == "" {
		return "FHIR", "Element"
	}
	return t.Namespace(), t.Name
}
