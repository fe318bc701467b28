package fhirpath

// binary compiles left op right.
func (k *compiler) binary(e *expr, this static) code {
	a, b := k.expr(e.left, this), k.expr(e.right, this)
	switch e.name {
	case "and", "or", "xor", "implies":
		return logicCode(e, a, b)
	case "=", "!=":
		k.needComparable(e, a, b, false)
		k.compare(e, a, b)
		return equalCode(e.name == "!=", a, b)
	case "~", "!~":
		return equivalentCode(e.name == "!~", a, b)
	case "<", ">", "<=", ">=":
		return k.orderCode(e, a, b)
	case "in":
		k.needComparable(e, a, b, false)
		k.compare(e, a, b)
		return k.memberCode(e.left.pos, a, b)
	case "contains":
		k.needComparable(e, a, b, false)
		return k.memberCode(e.right.pos, b, a)
	case "|":
		return unionCode(a, b)
	case "&":
		return k.concatenation(e, a, b)
	}
	return k.arithmetic(e, a, b)
}

// logicCode compiles the three-valued operators (FHIRPath N1, 6.5). The right side is not evaluated when the left side
// decides.
func logicCode(e *expr, a, b code) code {
	l, r := e.left.pos, e.right.pos
	switch e.name {
	case "and":
		return booleanCode(func(c *ctx, this []Value) tri {
			if x := a.truth(c, this, l); x != no {
				return and(x, b.truth(c, this, r))
			}
			return no
		})
	case "or":
		return booleanCode(func(c *ctx, this []Value) tri {
			if x := a.truth(c, this, l); x != yes {
				return not(and(not(x), not(b.truth(c, this, r))))
			}
			return yes
		})
	case "implies":
		return booleanCode(func(c *ctx, this []Value) tri {
			if x := a.truth(c, this, l); x != no {
				return not(and(x, not(b.truth(c, this, r))))
			}
			return yes
		})
	}
	return booleanCode(func(c *ctx, this []Value) tri {
		x, y := a.truth(c, this, l), b.truth(c, this, r)
		if x == none || y == none {
			return none
		}
		return triOf(x != y)
	})
}

func and(x, y tri) tri {
	switch {
	case x == no || y == no:
		return no
	case x == none || y == none:
		return none
	}
	return yes
}

func not(x tri) tri {
	switch x {
	case yes:
		return no
	case no:
		return yes
	}
	return none
}

func equalCode(negated bool, a, b code) code {
	return booleanCode(func(c *ctx, this []Value) tri {
		x, y := a.get(c, this), b.get(c, this)
		t := c.equal(x, y)
		a.put(c, x)
		b.put(c, y)
		if negated {
			return not(t)
		}
		return t
	})
}

func equivalentCode(negated bool, a, b code) code {
	return booleanCode(func(c *ctx, this []Value) tri {
		x, y := a.get(c, this), b.get(c, this)
		t := triOf(c.equivalent(x, y) != negated)
		a.put(c, x)
		b.put(c, y)
		return t
	})
}

// memberCode compiles in and contains: whether the one item is equal to one of many.
func (k *compiler) memberCode(pos int, one, many code) code {
	return booleanCode(func(c *ctx, this []Value) tri {
		x := one.get(c, this)
		defer one.put(c, x)
		if len(x) > 1 {
			c.fail(pos, "in and contains look for one item and are given several")
		}
		if len(x) != 1 {
			return none
		}
		y := many.get(c, this)
		t := triOf(c.has(y, &x[0]))
		many.put(c, y)
		return t
	})
}

// has reports whether an equal item is among several.
func (c *ctx) has(items []Value, v *Value) bool {
	if !c.tick(len(items)/16, 0) {
		return false
	}
	for i := range items {
		if c.equalItems(&items[i], v) == yes {
			return true
		}
	}
	return false
}

// addNew appends the items that out does not hold yet behind its first from items.
func (c *ctx) addNew(out []Value, from int, items []Value) []Value {
	for i := range items {
		if !c.has(out[from:], &items[i]) {
			out = append(out, items[i])
		}
	}
	return out
}

func unionCode(a, b code) code {
	s := a.static.join(b.static).all()
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		from := len(out)
		for _, side := range [2]*code{&a, &b} {
			x := side.get(c, this)
			out = c.addNew(out, from, x)
			side.put(c, x)
		}
		return out
	}}
}

// concatenation compiles &, for which an empty side is an empty text.
func (k *compiler) concatenation(e *expr, a, b code) code {
	k.needKind(e.left.pos, a.static, kindsText, "&")
	k.needKind(e.right.pos, b.static, kindsText, "&")
	return code{static: ofKind(String), run: func(c *ctx, this, out []Value) []Value {
		x, okX := c.textOperand(&a, this, e.left.pos)
		y, okY := c.textOperand(&b, this, e.right.pos)
		switch {
		case !okX:
			return append(out, stringValue(y))
		case !okY:
			return append(out, stringValue(x))
		case !c.bounded(len(x)+len(y), e.pos):
			return out
		}
		return append(out, stringValue(x+y))
	}}
}

// kindsText are the kinds that string functions take: what JSON writes as a string counts.
const kindsText = kinds(1<<String | 1<<Date | 1<<DateTime | 1<<Time)

// textOperand evaluates an operand that is a text; ok is false for an empty collection.
func (c *ctx) textOperand(a *code, this []Value, pos int) (string, bool) {
	buf := a.get(c, this)
	defer a.put(c, buf)
	if len(buf) == 0 {
		return "", false
	}
	if len(buf) > 1 {
		c.fail(pos, "& takes one item and is given several")
		return "", false
	}
	s, ok := buf[0].asText()
	if !ok && !buf[0].valueless() {
		c.fail(pos, "& takes a String, this is "+buf[0].kindName())
	}
	return s, ok
}

// asText returns the text of a String, or of an element that is a string in JSON.
func (v *Value) asText() (string, bool) {
	switch {
	case v.kind == String:
		return v.text, true
	case v.kind == Element && v.node.Kind() == jsonString:
		return v.node.Text(), true
	}
	return "", false
}

func (v *Value) kindName() string {
	if v.kind == Element {
		if v.TypeName() == "" {
			return "an element of unknown type"
		}
		return v.TypeName()
	}
	return v.kind.String()
}
