package fhirpath

// Functions of two collections, and of collections of Booleans (FHIRPath N1, 5.1, 5.3 and 5.4).
var setFunctions = map[string]function{
	"union":      {1, 1, func(k *compiler, f *call) code { return unionCode(f.left, k.arg(f, 0)) }},
	"combine":    {1, 1, compileCombine},
	"intersect":  {1, 1, compileIntersect},
	"exclude":    {1, 1, compileExclude},
	"subsetOf":   {1, 1, func(k *compiler, f *call) code { return subsetCode(f.left, k.arg(f, 0)) }},
	"supersetOf": {1, 1, func(k *compiler, f *call) code { return subsetCode(k.arg(f, 0), f.left) }},
}

var booleanFunctions = map[string]function{
	"not":      {0, 0, compileNot},
	"allTrue":  {0, 0, func(k *compiler, f *call) code { return k.quantified(f, no, false) }},
	"anyTrue":  {0, 0, func(k *compiler, f *call) code { return k.quantified(f, yes, true) }},
	"allFalse": {0, 0, func(k *compiler, f *call) code { return k.quantified(f, yes, false) }},
	"anyFalse": {0, 0, func(k *compiler, f *call) code { return k.quantified(f, no, true) }},
}

func compileCombine(k *compiler, f *call) code {
	a, b := f.left, k.arg(f, 0)
	return code{static: a.static.join(b.static).all(), run: func(c *ctx, this, out []Value) []Value {
		return b.run(c, this, a.run(c, this, out))
	}}
}

func compileIntersect(k *compiler, f *call) code {
	a, b := f.left, k.arg(f, 0)
	return code{static: a.static, run: func(c *ctx, this, out []Value) []Value {
		x, y := a.get(c, this), b.get(c, this)
		from := len(out)
		for i := range x {
			if c.has(y, &x[i]) {
				out = c.addNew(out, from, x[i:i+1])
			}
		}
		a.put(c, x)
		b.put(c, y)
		return out
	}}
}

func compileExclude(k *compiler, f *call) code {
	a, b := f.left, k.arg(f, 0)
	return code{static: a.static, run: func(c *ctx, this, out []Value) []Value {
		x, y := a.get(c, this), b.get(c, this)
		for i := range x {
			if !c.has(y, &x[i]) {
				out = append(out, x[i])
			}
		}
		a.put(c, x)
		b.put(c, y)
		return out
	}}
}

func subsetCode(a, b code) code {
	return booleanCode(func(c *ctx, this []Value) tri {
		x, y := a.get(c, this), b.get(c, this)
		defer a.put(c, x)
		defer b.put(c, y)
		for i := range x {
			if !c.has(y, &x[i]) {
				return no
			}
		}
		return yes
	})
}

func compileNot(_ *compiler, f *call) code {
	left, pos := f.left, f.pos
	return booleanCode(func(c *ctx, this []Value) tri { return not(left.truth(c, this, pos)) })
}

// quantified is found when an item is the Boolean looked for, else the opposite. Items must be Booleans.
func (k *compiler) quantified(f *call, lookFor tri, found bool) code {
	left, pos := f.left, f.pos
	if !k.needKind(pos, left.static, kindSet(Boolean), f.name+"()") {
		return nothing()
	}
	for _, t := range left.set {
		if kindsOfType(t)&kindSet(Boolean) == 0 {
			k.report(pos, "", "%s() takes Booleans only, this may be %s", f.name, t)
		}
	}
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		defer left.put(c, buf)
		hit := false
		for i := range buf {
			b, ok := buf[i].Bool()
			if !ok {
				c.fail(pos, f.name+"() takes Booleans only, this is "+buf[i].kindName())
				return none
			}
			hit = hit || triOf(b) == lookFor
		}
		return triOf(hit == found)
	})
}
