package fhirpath

// Functions of a collection as a whole (FHIRPath N1, 5.1 and 5.3).
var collectionFunctions = map[string]function{
	"empty":      {0, 0, func(_ *compiler, f *call) code { return existenceCode(f.left, true) }},
	"exists":     {0, 1, compileExists},
	"count":      {0, 0, compileCount},
	"first":      {0, 0, func(k *compiler, f *call) code { return k.slice(f, head, true) }},
	"last":       {0, 0, func(k *compiler, f *call) code { return k.slice(f, foot, true) }},
	"tail":       {0, 0, func(k *compiler, f *call) code { return k.slice(f, tail, false) }},
	"skip":       {1, 1, func(k *compiler, f *call) code { return k.sliceAt(f, skip) }},
	"take":       {1, 1, func(k *compiler, f *call) code { return k.sliceAt(f, take) }},
	"single":     {0, 0, compileSingle},
	"distinct":   {0, 0, compileDistinct},
	"isDistinct": {0, 0, compileIsDistinct},
}

func existenceCode(left code, whenEmpty bool) code {
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		n := len(buf)
		left.put(c, buf)
		return triOf((n == 0) == whenEmpty)
	})
}

func compileExists(k *compiler, f *call) code {
	if len(f.args) == 0 {
		return existenceCode(f.left, false)
	}
	a := k.criterion(f, 0)
	left, pos := f.left, f.args[0].pos
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		found := c.any(buf, &a, yes, pos)
		left.put(c, buf)
		return triOf(found)
	})
}

// any reports whether the criterion has the answer on an item.
func (c *ctx) any(items []Value, criterion *code, answer tri, pos int) bool {
	outer := c.index
	defer func() { c.index = outer }()
	for i := range items {
		if c.index = i; !c.tick(0, pos) {
			return false
		}
		if criterion.truth(c, items[i:i+1], pos) == answer {
			return true
		}
	}
	return false
}

func compileCount(_ *compiler, f *call) code {
	left := f.left
	return code{static: ofKind(Integer), run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		n := len(buf)
		left.put(c, buf)
		return append(out, integerValue(int64(n)))
	}}
}

type slicer func(items []Value, n int) []Value

func head(items []Value, _ int) []Value { return items[:min(1, len(items))] }
func foot(items []Value, _ int) []Value { return items[max(0, len(items)-1):] }
func tail(items []Value, _ int) []Value { return items[min(1, len(items)):] }
func skip(items []Value, n int) []Value { return items[min(max(0, n), len(items)):] }
func take(items []Value, n int) []Value { return items[:min(max(0, n), len(items))] }

func (k *compiler) slice(f *call, cut slicer, one bool) code {
	k.ordered(f.pos, f.left.static, f.name+"()")
	left, s := f.left, f.left.static
	if one {
		s = s.one()
	}
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		out = append(out, cut(buf, 0)...)
		left.put(c, buf)
		return out
	}}
}

func (k *compiler) sliceAt(f *call, cut slicer) code {
	k.ordered(f.pos, f.left.static, f.name+"()")
	left, n, pos := f.left, k.arg(f, 0), f.args[0].pos
	k.needKind(pos, n.static, kindSet(Integer), f.name+"()")
	return code{static: left.static, run: func(c *ctx, this, out []Value) []Value {
		v, ok := c.item(&n, this, kindSet(Integer), f, pos)
		if !ok {
			return out
		}
		buf := left.get(c, this)
		out = append(out, cut(buf, int(v.num))...)
		left.put(c, buf)
		return out
	}}
}

func compileSingle(_ *compiler, f *call) code {
	left, pos := f.left, f.pos
	return code{static: left.static.one(), run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		if len(buf) > 1 {
			c.fail(pos, "single() is given several items")
		} else {
			out = append(out, buf...)
		}
		left.put(c, buf)
		return out
	}}
}

func compileDistinct(_ *compiler, f *call) code {
	left := f.left
	return code{static: left.static, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		out = c.addNew(out, len(out), buf)
		left.put(c, buf)
		return out
	}}
}

func compileIsDistinct(_ *compiler, f *call) code {
	left := f.left
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		defer left.put(c, buf)
		for i := range buf {
			if c.has(buf[:i], &buf[i]) {
				return no
			}
		}
		return yes
	})
}
