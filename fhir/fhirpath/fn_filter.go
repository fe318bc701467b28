package fhirpath

import "sort"

// Functions that evaluate an expression on each item (FHIRPath N1, 5.2 and 7; sort is of the 3.0 ballot).
var filterFunctions = map[string]function{
	"where":     {1, 1, compileWhere},
	"select":    {1, 1, compileSelect},
	"all":       {1, 1, compileAll},
	"repeat":    {1, 1, compileRepeat},
	"aggregate": {1, 2, compileAggregate},
	"iif":       {2, 3, compileIif},
	"sort":      {0, 9, compileSort},
}

func compileWhere(k *compiler, f *call) code {
	a := k.criterion(f, 0)
	left, pos := f.left, f.args[0].pos
	return code{static: left.static, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		outer := c.index
		for i := range buf {
			c.index = i
			if c.tick(0, pos) && a.truth(c, buf[i:i+1], pos) == yes {
				out = append(out, buf[i])
			}
		}
		c.index = outer
		left.put(c, buf)
		return out
	}}
}

func compileSelect(k *compiler, f *call) code {
	a := k.perItem(f, 0)
	left, pos := f.left, f.pos
	s := a.static
	s.many = s.many || left.many
	s.unordered = s.unordered || left.unordered
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		outer := c.index
		for i := range buf {
			before := len(out)
			c.index = i
			out = a.run(c, buf[i:i+1], out)
			if !c.tick(len(out)-before, pos) {
				break
			}
		}
		c.index = outer
		left.put(c, buf)
		return out
	}}
}

func compileAll(k *compiler, f *call) code {
	a := k.criterion(f, 0)
	left, pos := f.left, f.args[0].pos
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		defer left.put(c, buf)
		return triOf(!c.any(buf, &a, no, pos) && !c.any(buf, &a, none, pos))
	})
}

// compileRepeat compiles the expression for the types of the items and of what it leads to itself.
func compileRepeat(k *compiler, f *call) code {
	items := f.item()
	before := len(k.findings)
	var a code
	for range 8 {
		k.findings = k.findings[:before]
		k.loops++
		a = k.expr(f.args[0], items)
		k.loops--
		next := items.join(a.static)
		if len(next.set) == len(items.set) {
			break
		}
		next.many = false
		items = next
	}
	left, pos := f.left, f.pos
	s := a.static.all()
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		from := len(out)
		out = c.repeat(&a, buf, out, from, pos)
		for next := from; next < len(out) && c.err == nil; next++ {
			one := append(c.take(), out[next])
			out = c.repeat(&a, one, out, from, pos)
			c.give(one)
		}
		left.put(c, buf)
		return out
	}}
}

func (c *ctx) repeat(a *code, items, out []Value, from, pos int) []Value {
	for i := range items {
		more := a.run(c, items[i:i+1], c.take())
		if c.tick(len(more), pos) {
			out = c.addNew(out, from, more)
		}
		c.give(more)
	}
	return out
}

func compileAggregate(k *compiler, f *call) code {
	start := nothing()
	if len(f.args) == 2 {
		start = k.arg(f, 1)
	}
	before := len(k.findings)
	a := k.aggregator(f, start.static)
	if start.set == nil || a.single() != start.single() || a.single() == nil {
		k.findings = k.findings[:before]
		a = k.aggregator(f, static{})
	}
	left, pos := f.left, f.pos
	return code{static: a.static, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		outer, index := c.total, c.index
		total := start.run(c, this, c.take())
		for i := range buf {
			c.index, c.total = i, total
			next := a.run(c, buf[i:i+1], c.take())
			c.give(total)
			total = next
			if len(total) > maxItems || !c.tick(len(total), pos) {
				c.fail(pos, "aggregate() gathers too many items")
				break
			}
		}
		c.total, c.index = outer, index
		out = append(out, total...)
		c.give(total)
		left.put(c, buf)
		return out
	}}
}

func (k *compiler) aggregator(f *call, total static) code {
	k.total = append(k.total, total)
	defer func() { k.total = k.total[:len(k.total)-1] }()
	return k.perItem(f, 0)
}

// compileIif evaluates only the branch that the criterion chooses. On a collection, $this is its only item.
func compileIif(k *compiler, f *call) code {
	on := f.left.static
	criterion := k.expr(f.args[0], on)
	k.needCriterion(f, 0, criterion)
	then, otherwise := k.expr(f.args[1], on), nothing()
	if len(f.args) == 3 {
		otherwise = k.expr(f.args[2], on)
	}
	left := f.left
	return code{static: then.static.join(otherwise.static), run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		defer left.put(c, buf)
		if len(buf) > 1 {
			c.fail(f.pos, "iif() is given several items where one is needed")
			return out
		}
		if criterion.truth(c, buf, f.args[0].pos) == yes {
			return then.run(c, buf, out)
		}
		return otherwise.run(c, buf, out)
	}}
}

// sortKey is an argument of sort(): an expression, downwards behind a minus.
type sortKey struct {
	code
	down bool
}

func compileSort(k *compiler, f *call) code {
	var keys []sortKey
	for i, a := range f.args {
		down := a.form == formUnary && a.name == "-"
		if down {
			f.args[i] = a.right
		}
		keys = append(keys, sortKey{k.perItem(f, i), down})
		f.args[i] = a
	}
	if keys == nil {
		keys = []sortKey{{itself(f.item()), false}}
	}
	left, pos, s := f.left, f.pos, f.left.static
	s.unordered = false
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		from := len(out)
		out = append(out, buf...)
		left.put(c, buf)
		items := out[from:]
		sort.SliceStable(items, func(i, j int) bool { return c.before(keys, items[i:i+1], items[j:j+1], pos) })
		return out
	}}
}

// before orders two items by the keys; what has no key goes first.
func (c *ctx) before(keys []sortKey, a, b []Value, pos int) bool {
	for i := range keys {
		x, y := keys[i].get(c, a), keys[i].get(c, b)
		order := c.sortOrder(x, y, pos)
		if keys[i].down && len(x) == 1 && len(y) == 1 {
			order = -order
		}
		keys[i].put(c, x)
		keys[i].put(c, y)
		if order != 0 {
			return order < 0
		}
	}
	return false
}

func (c *ctx) sortOrder(x, y []Value, pos int) int {
	if len(x) == 0 || len(y) == 0 {
		return min(1, len(x)) - min(1, len(y))
	}
	v, okX := c.only(x, pos, "a key of sort()")
	w, okY := c.only(y, pos, "a key of sort()")
	if !okX || !okY {
		return 0
	}
	order, known, ok := c.compareSystem(&v, &w)
	if !ok || !known {
		c.fail(pos, "sort() cannot order "+v.kind.String()+" and "+w.kind.String())
	}
	return order
}
