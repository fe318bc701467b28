package fhirpath

import "github.com/crflink/crflink/fhir"

// equalItems decides a = b for single items: none where dates or quantities cannot be compared.
func (c *ctx) equalItems(a, b *Value) tri {
	x, okX := a.system()
	y, okY := b.system()
	if okX && okY {
		return c.equalSystem(&x, &y)
	}
	if !okX && !okY && a.kind == Element && b.kind == Element && sameNode(a.node, b.node) {
		return yes
	}
	if !okX && a.valueless() || !okY && b.valueless() {
		return none
	}
	return no
}

// valueless reports whether an element of a kind that has a value lacks it: a primitive with extensions only, or a
// Quantity with a comparator.
func (v *Value) valueless() bool {
	return v.kind == Element && (v.node.Kind() != fhir.Object || types[v.typ].IsA(typeQuantity))
}

func (c *ctx) equalSystem(x, y *Value) tri {
	switch {
	case x.isNumber() && y.isNumber():
		if x.kind != Decimal && y.kind != Decimal {
			return triOf(x.num == y.num)
		}
		return triOf(x.dec().compare(y.dec()) == 0)
	case x.kind == Quantity || y.kind == Quantity:
		return equalQuantities(x, y)
	case x.isMoment() && y.isMoment():
		if (x.kind == Time) != (y.kind == Time) {
			return no
		}
		order, known := x.moment().compare(y.moment(), c.Zone)
		if !known {
			return none
		}
		return triOf(order == 0)
	case x.kind != y.kind:
		return no
	case x.kind == typeInfo:
		return triOf(x.typ == y.typ)
	case x.kind == String:
		return triOf(x.text == y.text)
	}
	return triOf(x.num == y.num)
}

func equalQuantities(x, y *Value) tri {
	a, okA := x.asQuantity()
	b, okB := y.asQuantity()
	if !okA || !okB {
		return no
	}
	switch order, how := compareQuantities(&a, &b); how {
	case ordered:
		return triOf(order == 0)
	case incomparable:
		return no
	}
	return none
}

// asQuantity converts a number implicitly: 5 is 5 '1' (FHIRPath N1, 5.5).
func (v *Value) asQuantity() (Value, bool) {
	if v.kind == Quantity {
		return *v, true
	}
	if v.isNumber() {
		return quantityValue(v.dec(), "1", false), true
	}
	return Value{}, false
}

// sameNode compares elements with all their members, whose order has no meaning.
func sameNode(a, b fhir.Node) bool {
	if a == b {
		return true
	}
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case fhir.Object:
		for m := a.First(); m.Exists(); m = m.Next() {
			if !sameNode(m, b.Get(m.Key())) || !sameExtensions(m, b.Get(m.Key())) {
				return false
			}
		}
		return true
	case fhir.Array:
		n := b.First()
		for m := a.First(); m.Exists(); m = m.Next() {
			if !sameNode(m, n) || !sameExtensions(m, n) {
				return false
			}
			n = n.Next()
		}
		return true
	case fhir.Number:
		x, okX := parseDec(a.Text())
		y, okY := parseDec(b.Text())
		return okX && okY && x.compare(y) == 0
	case fhir.Null:
		return a.Extensions().Exists() && sameNode(a.Extensions(), b.Extensions())
	}
	return a.Text() == b.Text()
}

func sameExtensions(a, b fhir.Node) bool {
	if a.Kind() == fhir.Object || a.Kind() == fhir.Array {
		return true
	}
	x, y := a.Extensions(), b.Extensions()
	return !x.Exists() && !y.Exists() || sameNode(x, y)
}

// equal decides a = b for collections: of the same number and item by item (FHIRPath N1, 6.1.1).
func (c *ctx) equal(a, b []Value) tri {
	if len(a) == 0 || len(b) == 0 {
		return none
	}
	if len(a) != len(b) {
		return no
	}
	result := yes
	for i := range a {
		switch c.equalItems(&a[i], &b[i]) {
		case no:
			return no
		case none:
			result = none
		}
	}
	return result
}
