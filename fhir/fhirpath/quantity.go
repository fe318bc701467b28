package fhirpath

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/fhir/ucum"
)

// calendarMonths are the calendar units of no fixed length, in months.
var calendarMonths = map[string]int64{"year": 12, "years": 12, "month": 1, "months": 1, "a": 12, "mo": 1}

// wordCodes are the UCUM codes of the calendar words of fixed length.
var wordCodes = map[string]string{"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}

// months returns the length of a Quantity in calendar months; ok is false when it is none. An element with the code a
// or mo may be one (FHIR R4, FHIRPath: "Use of FHIR Quantity").
func (v *Value) months() (m int64, ok bool) {
	if v.flags&(flagWord|flagElement) == 0 {
		return 0, false
	}
	m, ok = calendarMonths[v.text]
	return m, ok
}

// nominalMonths is months for ~, by which a calendar year is 1 'a' and a calendar month 1 'mo', though neither equals it
// (FHIRPath N1, Time-valued Quantities).
func (v *Value) nominalMonths() (m int64, ok bool) {
	if v.flags&flagForeign != 0 {
		return 0, false
	}
	m, ok = calendarMonths[v.text]
	return m, ok
}

// code returns the unit as a UCUM code; ok is false for calendar years and months, and for units not from UCUM.
func (v *Value) code() (code string, ok bool) {
	if v.flags&flagForeign != 0 {
		return "", false
	}
	if v.flags&flagWord != 0 {
		code, ok = wordCodes[calendarWords[v.text]]
		return code, ok
	}
	return v.text, true
}

// relation is how two quantities are related.
type relation uint8

const (
	ordered      relation = iota // the order says how
	incomparable                 // of different dimensions
	undecidable                  // one has a unit whose length is not known
)

// compareQuantities orders two quantities (FHIRPath N1, 6.1.1 and 6.2).
func compareQuantities(a, b *Value) (order int, how relation) {
	if a.text == b.text && a.flags&(flagWord|flagForeign) == b.flags&(flagWord|flagForeign) {
		return a.dec().compare(b.dec()), ordered
	}
	if m, ok := a.months(); ok {
		if n, ok := b.months(); ok {
			x, okX := exact(opMul, a.dec(), decOf(m))
			y, okY := exact(opMul, b.dec(), decOf(n))
			if okX && okY {
				return x.compare(y), ordered
			}
		}
	}
	from, okA := a.code()
	to, okB := b.code()
	if !okA || !okB {
		return 0, undecidable
	}
	x, ok := convertUnit(b.dec(), to, from)
	if !ok {
		return 0, incomparable
	}
	return a.dec().compare(x), ordered
}

// convertUnit converts exactly, or reports that it cannot.
func convertUnit(d dec, from, to string) (dec, bool) {
	if from == to {
		return d, true
	}
	plan, err := ucum.PlanFor(from, to)
	if err != nil {
		return dec{}, false
	}
	var x apd.Decimal
	r, err := plan.Convert(d.apd(&x))
	if err != nil {
		return dec{}, false
	}
	return decFrom(r), true
}

// equivalentQuantities compares in the coarser unit and to the places of the less precise number (FHIRPath N1, 6.1.2).
func equivalentQuantities(a, b *Value) bool {
	if _, ok := a.months(); !ok {
		if _, ok := b.months(); ok {
			return equivalentQuantities(b, a)
		}
	} else if a.text != b.text {
		n, ok := b.nominalMonths()
		x, okX := exact(opMul, a.dec(), decOf(calendarMonths[a.text]))
		y, okY := exact(opMul, b.dec(), decOf(n))
		return ok && okX && okY && x.equivalent(y)
	}
	from, okA := a.code()
	to, okB := b.code()
	if !okA || !okB {
		return a.text == b.text && a.flags&flagForeign == b.flags&flagForeign && a.dec().equivalent(b.dec())
	}
	if one, ok := convertUnit(decOf(1), from, to); ok && one.compare(decOf(1)) < 0 {
		a, b, from, to = b, a, to, from
	}
	x, ok := convertUnit(b.dec(), to, from)
	if !ok {
		return false
	}
	// Zeros that only the conversion brought are no precision.
	if from != to {
		x = x.stripped()
	}
	return a.dec().equivalent(x)
}

// parseQuantity reads "4", "4 days" or "4 'mg'".
func parseQuantity(s string) (Value, bool) {
	i := 0
	for i < len(s) && s[i] != ' ' && s[i] != '\'' {
		i++
	}
	d, ok := parseDec(s[:i])
	if !ok {
		return Value{}, false
	}
	for i < len(s) && s[i] == ' ' {
		i++
	}
	unit := s[i:]
	if unit == "" {
		return quantityValue(d, "1", false), i == 0 || s[i-1] != ' '
	}
	if word, ok := calendarWords[unit]; ok {
		return quantityValue(d, word, true), true
	}
	if n := len(unit); n > 2 && unit[0] == '\'' && unit[n-1] == '\'' {
		return quantityValue(d, unit[1:n-1], false), true
	}
	return Value{}, false
}

// apdQuantity is a quantity as package ucum takes it.
func apdQuantity(d dec, unit string) ucum.Quantity {
	return ucum.Quantity{Value: d.apd(new(apd.Decimal)), Unit: unit}
}
