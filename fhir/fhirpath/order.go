package fhirpath

import "strings"

// compareSystem orders two values; known is false where their order is not decided, ok is false where their kinds have
// no order.
func (c *ctx) compareSystem(x, y *Value) (order int, known, ok bool) {
	switch {
	case x.isNumber() && y.isNumber():
		return x.dec().compare(y.dec()), true, true
	case x.kind == String && y.kind == String:
		return strings.Compare(x.text, y.text), true, true
	case x.isMoment() && y.isMoment() && (x.kind == Time) == (y.kind == Time):
		order, known = x.moment().compare(y.moment(), c.Zone)
		return order, known, true
	case x.kind == Quantity || y.kind == Quantity:
		a, okA := x.asQuantity()
		b, okB := y.asQuantity()
		if !okA || !okB {
			return 0, false, false
		}
		order, how := compareQuantities(&a, &b)
		return order, how == ordered, true
	}
	return 0, false, false
}

// holds reports whether an order answers an operator.
func holds(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	}
	return order >= 0
}

// orderCode compiles <, >, <= and >=.
func (k *compiler) orderCode(e *expr, a, b code) code {
	accepted := kindsNumber | kindsMoment | kindSet(String, Quantity)
	okA := k.needKind(e.left.pos, a.static, accepted, e.name)
	okB := k.needKind(e.right.pos, b.static, accepted, e.name)
	if okA && okB {
		k.needComparable(e, a, b, true)
	}
	op, pos := e.name, e.pos
	return booleanCode(func(c *ctx, this []Value) tri {
		x, okX := c.operand(&a, this, e.left.pos, op)
		y, okY := c.operand(&b, this, e.right.pos, op)
		if !okX || !okY {
			return none
		}
		order, known, ok := c.compareSystem(&x, &y)
		if !ok {
			c.fail(pos, op+" cannot compare "+x.kind.String()+" with "+y.kind.String())
		}
		if !ok || !known {
			return none
		}
		return triOf(holds(op, order))
	})
}

// operand evaluates an operand of which one item is needed.
func (c *ctx) operand(a *code, this []Value, pos int, op string) (Value, bool) {
	if a.value != nil {
		return *a.value, true
	}
	buf := a.get(c, this)
	v, ok := c.only(buf, pos, op)
	a.put(c, buf)
	return v, ok
}

// comparableGroups are kinds of which two items can be equal or ordered.
var comparableGroups = []kinds{kindsNumber | kindSet(Quantity), kindsMoment, kindSet(String), kindSet(Boolean), kindSet(Element), 1 << typeInfo}

// needComparable reports operands that can never be equal or have an order.
func (k *compiler) needComparable(e *expr, a, b code, order bool) {
	if a.none || b.none {
		return
	}
	x, y := a.kinds(), b.kinds()
	for _, g := range comparableGroups {
		if x&g != 0 && y&g != 0 {
			return
		}
	}
	if order && x&kindsMoment != 0 && y&kindsMoment != 0 {
		return
	}
	hint := k.kindHint(a.static, y)
	if hint == "" {
		hint = k.kindHint(b.static, x)
	}
	if x&kindsMoment != 0 && b.value != nil && b.value.kind == String {
		hint = "write a date as @" + b.value.text
	}
	if order {
		k.report(e.pos, hint, "%s cannot order %s and %s", e.name, a.static, b.static)
		return
	}
	k.report(e.pos, hint, "%s compares %s with %s, which are never equal", e.name, a.static, b.static)
}
