package fhirpath

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// function is an entry of the table of functions.
type function struct {
	min, max int // number of arguments
	compile  func(*compiler, *call) code
}

// call is a function call being compiled. left is the collection that it is called on.
type call struct {
	*expr
	left code
	this static // of the arguments
}

var functions map[string]function

func init() { functions = allFunctions() }

func allFunctions() map[string]function {
	all := map[string]function{}
	for _, group := range functionGroups() {
		maps.Copy(all, group)
	}
	return all
}

func functionGroups() []map[string]function {
	return []map[string]function{
		collectionFunctions, filterFunctions, setFunctions, booleanFunctions, stringFunctions, textFunctions, conversionFunctions,
		mathFunctions, momentFunctions, boundaryFunctions, fhirFunctions, keyFunctions, typeFunctions, utilityFunctions,
	}
}

// call compiles name(args) on left.
func (k *compiler) call(e *expr, left code, this static) code {
	f, ok := functions[e.name]
	if !ok {
		hint := strings.Replace(didYouMean(e.name, slices.Sorted(maps.Keys(functions))), "?", "()?", 1)
		k.report(e.pos, hint, "unknown function %s()", e.name)
		return nothing()
	}
	if n := len(e.args); n < f.min || n > f.max {
		k.report(e.pos, "", "%s() takes %s, %d given", e.name, arguments(f), n)
		return nothing()
	}
	return f.compile(k, &call{e, left, this})
}

func arguments(f function) string {
	switch {
	case f.max == 0:
		return "no argument"
	case f.min != f.max:
		return strconv.Itoa(f.min) + " to " + strconv.Itoa(f.max) + " arguments"
	case f.max == 1:
		return "1 argument"
	}
	return strconv.Itoa(f.max) + " arguments"
}

// arg compiles the i-th argument as a value, on $this of the call's surroundings.
func (k *compiler) arg(f *call, i int) code { return k.expr(f.args[i], f.this) }

// item is what is known of one item of the call's collection.
func (f *call) item() static { return f.left.static.one() }

// perItem compiles the i-th argument as an expression on each item.
func (k *compiler) perItem(f *call, i int) code {
	k.loops++
	defer func() { k.loops-- }()
	return k.expr(f.args[i], f.item())
}

// criterion compiles the i-th argument as a Boolean expression on each item.
func (k *compiler) criterion(f *call, i int) code {
	a := k.perItem(f, i)
	k.needCriterion(f, i, a)
	return a
}

func (k *compiler) needCriterion(f *call, i int, a code) {
	if a.set != nil && a.kinds()&kindSet(Boolean) == 0 {
		k.report(f.args[i].pos, "compare it, or use exists()", "%s() takes a Boolean, this is %s", f.name, a.static)
	}
}

// literalText returns the text of an argument that must be a literal.
func (k *compiler) literalText(f *call, i int, what string) (string, bool) {
	a := k.expr(f.args[i], f.this)
	if a.value == nil || a.value.kind != String {
		k.report(f.args[i].pos, "", "%s() takes %s as a literal text", f.name, what)
		return "", false
	}
	return a.value.text, true
}

// scalar is a function of one item and its arguments, of which each is one item: it is empty when any of them is.
type scalar struct {
	in     kinds   // accepted kinds of the item
	args   []kinds // and of the arguments
	result func(in static) static
	apply  func(c *ctx, in *Value, args []Value) (Value, bool)
}

func resulting(k Kind) func(static) static { return func(static) static { return ofKind(k) } }

// sameKind is for results of the same type as the item.
func sameKind(in static) static { return in.plain().one() }

// compileScalar compiles a scalar function with at least min arguments.
func compileScalar(s scalar, min int) function {
	return function{min, len(s.args), func(k *compiler, f *call) code {
		k.needKind(f.pos, f.left.static, s.in, f.name+"()")
		args := make([]code, len(f.args))
		for i := range args {
			args[i] = k.arg(f, i)
			k.needKind(f.args[i].pos, args[i].static, s.args[i], f.name+"()")
		}
		e := &scalarCall{scalar: s, f: f, left: f.left, codes: args}
		return code{static: s.result(f.left.static), run: e.run}
	}}
}

type scalarCall struct {
	scalar
	f     *call
	left  code
	codes []code
}

func (e *scalarCall) run(c *ctx, this, out []Value) []Value {
	in, ok := c.item(&e.left, this, e.in, e.f, e.f.pos)
	if !ok {
		return out
	}
	args := c.take()
	for i := range e.codes {
		v, ok := c.item(&e.codes[i], this, e.args[i], e.f, e.f.args[i].pos)
		if !ok {
			c.give(args)
			return out
		}
		args = append(args, v)
	}
	v, ok := e.apply(c, &in, args)
	c.give(args)
	if ok {
		out = append(out, v)
	}
	return out
}

// item evaluates a to its only item and converts it to an accepted kind.
func (c *ctx) item(a *code, this []Value, accepted kinds, f *call, pos int) (Value, bool) {
	if a.value != nil && kindSet(a.value.kind)&accepted != 0 {
		return *a.value, true
	}
	buf := a.get(c, this)
	defer a.put(c, buf)
	switch len(buf) {
	case 0:
		return Value{}, false
	case 1:
		return c.accept(&buf[0], accepted, f, pos)
	}
	c.fail(pos, f.name+"() is given several items where one is needed")
	return Value{}, false
}

// accept converts an item to one of the kinds.
func (c *ctx) accept(v *Value, accepted kinds, f *call, pos int) (Value, bool) {
	if accepted == kindsText {
		if s, ok := v.asText(); ok {
			return stringValue(s), true
		}
	}
	s, ok := v.system()
	if accepted == kindsText && s.isMoment() {
		return stringValue(s.Text()), true
	}
	switch {
	case ok && kindSet(s.kind)&accepted != 0:
		return s, true
	case !ok && v.valueless():
		return s, false
	case ok && accepted&kindSet(Quantity) != 0 && s.isNumber():
		return s.asQuantity()
	}
	c.fail(pos, f.name+"() takes "+strings.Replace(accepted.String(), ", ", " or ", 1)+", this is "+v.kindName())
	return Value{}, false
}
