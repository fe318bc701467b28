package fhirpath

// tri is a Boolean or nothing.
type tri uint8

const (
	no tri = iota
	yes
	none
)

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) append(out []Value) []Value {
	if t == none {
		return out
	}
	return append(out, booleanValue(t == yes))
}

// step evaluates an expression on this, the collection that $this stands for, and appends the result.
type step func(c *ctx, this, out []Value) []Value

// test evaluates a Boolean expression.
type test func(c *ctx, this []Value) tri

// code is a compiled expression.
type code struct {
	run   step
	test  test    // set when the result is a Boolean
	self  bool    // the result is this
	value *Value  // set when it is a literal
	fixed []Value // that literal as a collection, which nobody changes
	path  *path   // set when it is a path of elements from this
	static
}

// get evaluates into a buffer, or returns this itself; put gives the buffer back.
func (a *code) get(c *ctx, this []Value) []Value {
	switch {
	case a.self:
		return this
	case a.fixed != nil:
		return a.fixed
	}
	return a.run(c, this, c.take())
}

func (a *code) put(c *ctx, buf []Value) {
	if !a.self && a.fixed == nil {
		c.give(buf)
	}
}

// truth evaluates as a singleton Boolean (FHIRPath N1, 4.5): an only item that is no Boolean counts as true.
func (a *code) truth(c *ctx, this []Value, pos int) tri {
	if a.test != nil {
		return a.test(c, this)
	}
	buf := a.get(c, this)
	t := truthOf(c, buf, pos)
	a.put(c, buf)
	return t
}

func truthOf(c *ctx, items []Value, pos int) tri {
	switch len(items) {
	case 0:
		return none
	case 1:
		if b, ok := items[0].Bool(); ok {
			return triOf(b)
		}
		return yes
	}
	c.fail(pos, "a Boolean is needed here, and the collection has more than one item")
	return none
}

// Truth applies the rule for criteria to a result: value tells a Boolean, or true for an only item of another kind;
// ok is false for an empty collection and for one of several items.
func Truth(items []Value) (value, ok bool) {
	if len(items) != 1 {
		return false, false
	}
	if b, isBool := items[0].Bool(); isBool {
		return b, true
	}
	return true, true
}

func booleanCode(t test) code {
	return code{
		test:   t,
		run:    func(c *ctx, this, out []Value) []Value { return t(c, this).append(out) },
		static: ofKind(Boolean),
	}
}

func constant(v Value) code {
	return code{
		run:    func(_ *ctx, _, out []Value) []Value { return append(out, v) },
		value:  &v,
		fixed:  []Value{v},
		static: typed(v.modelType()),
	}
}

func nothing() code {
	return code{run: func(_ *ctx, _, out []Value) []Value { return out }, static: static{none: true}}
}

func itself(s static) code {
	return code{run: func(_ *ctx, this, out []Value) []Value { return append(out, this...) }, self: true, static: s}
}

// only returns the system value of a collection's only item; ok is false for an empty collection and, with a failure,
// for one of several items.
func (c *ctx) only(items []Value, pos int, what string) (v Value, ok bool) {
	switch len(items) {
	case 0:
		return Value{}, false
	case 1:
		return items[0].system()
	}
	c.fail(pos, what+" is given several items where one is needed")
	return Value{}, false
}
