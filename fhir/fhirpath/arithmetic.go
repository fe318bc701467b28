package fhirpath

import "github.com/crflink/crflink/fhir/ucum"

// arithmetic compiles + - * / div and mod.
func (k *compiler) arithmetic(e *expr, a, b code) code {
	s := k.arithmeticType(e, a, b)
	op, pos := e.name, e.pos
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		x, okX := c.operand(&a, this, e.left.pos, op)
		y, okY := c.operand(&b, this, e.right.pos, op)
		if !okX || !okY {
			return out
		}
		v, ok, problem := calculate(op, &x, &y)
		if problem != "" {
			c.fail(pos, problem)
		}
		if !ok {
			return out
		}
		return append(out, v)
	}}
}

// arithmeticType checks the operands and returns what is known of the result.
func (k *compiler) arithmeticType(e *expr, a, b code) static {
	if a.none || b.none {
		return static{none: true}
	}
	x, y := a.kinds(), b.kinds()
	var r static
	for i := Boolean; i <= Quantity; i++ {
		for j := Boolean; j <= Quantity; j++ {
			if x&kindSet(i) != 0 && y&kindSet(j) != 0 {
				if t := resultKind(e.name, i, j); t != Nothing {
					r = r.orKind(t)
				}
			}
		}
	}
	if r.set == nil && a.set != nil && b.set != nil {
		hint := ""
		if x&kindsMoment != 0 && y&kindsNumber != 0 {
			hint = "give the number a unit, as 7 days"
		}
		k.report(e.pos, hint, "%s is not defined for %s and %s", e.name, a.static, b.static)
	}
	return r
}

// resultKind returns the kind of a op b, Nothing where it is not defined (FHIRPath N1, 6.6).
func resultKind(op string, a, b Kind) Kind {
	switch {
	case kindSet(a)&kindsNumber != 0 && kindSet(b)&kindsNumber != 0:
		return numberKind(op, a, b)
	case op == "+" && a == String && b == String:
		return String
	case (op == "+" || op == "-") && kindSet(a)&kindsMoment != 0 && b == Quantity:
		return a
	case a == Quantity && b == Quantity && op != "div" && op != "mod":
		return Quantity
	case (op == "*" || op == "/") && a == Quantity && kindSet(b)&kindsNumber != 0:
		return Quantity
	case op == "*" && b == Quantity && kindSet(a)&kindsNumber != 0:
		return Quantity
	}
	return Nothing
}

func numberKind(op string, a, b Kind) Kind {
	switch {
	case op == "/":
		return Decimal
	case op == "div" && (a == Decimal || b == Decimal):
		return Integer
	}
	return max(a, b)
}

// calculate returns a op b. ok is false where the result is empty: an overflow, a division by zero.
func calculate(op string, a, b *Value) (v Value, ok bool, problem string) {
	kind := resultKind(op, a.kind, b.kind)
	switch {
	case kind == Nothing:
		return v, false, op + " is not defined for " + a.kind.String() + " and " + b.kind.String()
	case kind == String && len(a.text)+len(b.text) > maxText:
		return v, false, "the text is longer than 16 MiB"
	case kind == String:
		return stringValue(a.text + b.text), true, ""
	case kindSet(kind)&kindsMoment != 0:
		return shifted(a, b, op == "-")
	case kind == Quantity:
		return calculateQuantity(op, a, b)
	}
	d, ok := calculateNumber(op, a.dec(), b.dec())
	if !ok {
		return v, false, ""
	}
	if kind == Decimal {
		return decimalValue(d), true, ""
	}
	v, ok = wholeValue(d, kind)
	return v, ok, ""
}

// wholeValue makes an Integer or Long; ok is false when it does not fit.
func wholeValue(d dec, kind Kind) (Value, bool) {
	i, ok := d.integer()
	if !ok || kind == Integer && int64(int32(i)) != i { // #nosec G115 -- compared
		return Value{}, false
	}
	return Value{kind: kind, num: i}, true
}

func calculateNumber(op string, a, b dec) (dec, bool) {
	switch op {
	case "+":
		return a.add(b)
	case "-":
		return a.add(b.neg())
	case "*":
		return exact(opMul, a, b)
	}
	if b.sign() == 0 {
		return dec{}, false
	}
	switch op {
	case "/":
		return inexact(opQuo, a, b)
	case "div":
		return exact(opDiv, a, b)
	}
	return exact(opMod, a, b)
}

func calculateQuantity(op string, a, b *Value) (v Value, ok bool, problem string) {
	x, _ := a.asQuantity()
	y, _ := b.asQuantity()
	if op == "+" || op == "-" {
		return addQuantities(op, &x, &y)
	}
	if op == "/" && y.dec().sign() == 0 {
		return v, false, ""
	}
	if b.kind != Quantity || a.kind != Quantity {
		d, ok := calculateNumber(op, x.dec(), y.dec())
		unit := &x
		if a.kind != Quantity {
			unit = &y
		}
		return quantityValue(d, unit.text, unit.flags&flagWord != 0), ok, ""
	}
	return multiplyQuantities(op, &x, &y)
}

func multiplyQuantities(op string, x, y *Value) (v Value, ok bool, problem string) {
	from, okX := x.code()
	to, okY := y.code()
	if !okX || !okY {
		return v, false, op + " needs UCUM units"
	}
	combine := ucum.Multiply
	if op == "/" {
		combine = ucum.Divide
	}
	result, err := combine(apdQuantity(x.dec(), from), apdQuantity(y.dec(), to))
	if err != nil {
		return v, false, ""
	}
	return quantityValue(decFrom(result.Value), result.Unit, false), true, ""
}

// addQuantities gives the sum in the unit of the left side.
func addQuantities(op string, x, y *Value) (v Value, ok bool, problem string) {
	d := y.dec()
	if x.text != y.text || x.flags&(flagWord|flagForeign) != y.flags&(flagWord|flagForeign) {
		from, okY := y.code()
		to, okX := x.code()
		if !okX || !okY {
			return v, false, ""
		}
		if d, ok = convertUnit(d, from, to); !ok {
			return v, false, ""
		}
	}
	if op == "-" {
		d = d.neg()
	}
	d, ok = x.dec().add(d)
	return quantityValue(d, x.text, x.flags&flagWord != 0), ok, ""
}

// shifted adds a duration to a moment. A UCUM year or month is refused: it has no calendar.
func shifted(a, b *Value, back bool) (v Value, ok bool, problem string) {
	word, ok := calendarWords[b.text]
	if b.flags&flagWord == 0 && !ok {
		word, ok = definiteWords[b.text]
	}
	if !ok || b.flags&flagForeign != 0 {
		return v, false, "only a duration can be added to a date or time: years, months, weeks, days, hours, minutes, seconds, milliseconds"
	}
	d := b.dec()
	if back {
		d = d.neg()
	}
	m, ok := a.moment().shift(d, word)
	return momentValue(m), ok, ""
}
