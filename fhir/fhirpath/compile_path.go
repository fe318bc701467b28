package fhirpath

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/model"
)

func (k *compiler) dot(e *expr, this static) code {
	left := k.expr(e.left, this)
	switch e.right.form {
	case formName:
		return k.name(e.right, left, false)
	case formCall:
		return k.call(e.right, left, this)
	case formThis:
		return left
	}
	return k.loopVariable(e.right)
}

// name compiles an element of left, or at the start of a path the name of the focus' type.
func (k *compiler) name(e *expr, left code, head bool) code {
	if head && left.self {
		if c, ok := k.typePrefix(e, left); ok {
			return c
		}
	}
	s, ok := k.member(e, left.static)
	if !ok {
		return nothing()
	}
	l := newLink(e.name, left.static)
	if left.path != nil {
		return pathCode(&path{links: append(slices.Clip(left.path.links), l)}, s)
	}
	p := &path{links: []link{l}}
	if left.self {
		return pathCode(p, s)
	}
	run := func(c *ctx, this, out []Value) []Value {
		buf := left.run(c, this, c.take())
		out = p.run(c, buf, out)
		c.give(buf)
		return out
	}
	return code{run: run, static: s}
}

func pathCode(p *path, s static) code { return code{run: p.run, path: p, static: s} }

// typePrefix compiles Patient in Patient.name: the focus, where it is of that type.
func (k *compiler) typePrefix(e *expr, left code) (code, bool) {
	t := model.Lookup(e.name)
	if t == nil || e.name[0] < 'A' || e.name[0] > 'Z' {
		return code{}, false
	}
	s := left.static
	if s.set == nil {
		s = typed(t)
		s.paths = []string{t.Name}
		return filterCode(left, t, s), true
	}
	for _, u := range s.set {
		if u.IsA(t) {
			return itself(s), true
		}
		if t.IsA(u) {
			s = typed(t)
			s.paths = []string{t.Name}
			return filterCode(left, t, s), true
		}
	}
	if strings.Contains(s.String(), ".") || s.set[0].Kind != model.Resource {
		return code{}, false
	}
	k.report(e.pos, "begin with "+s.String()+", or without a type", "the focus is %s, not %s", s, e.name)
	return nothing(), true
}

// filterCode keeps the items of a type.
func filterCode(left code, t *model.Type, s static) code {
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		for i := range buf {
			if isA(&buf[i], t) {
				out = append(out, buf[i])
			}
		}
		left.put(c, buf)
		return out
	}}
}

func isA(v *Value, t *model.Type) bool {
	u := v.modelType()
	return u.IsA(t) || t == typeQuantity && v.kind == Quantity
}

func (k *compiler) loopVariable(e *expr) code {
	if e.form == formIndex {
		if k.loops == 0 {
			k.report(e.pos, "use it within where, select, all, exists, repeat or aggregate", "$index has no meaning here")
		}
		s := ofKind(Integer)
		return code{static: s, run: func(c *ctx, _, out []Value) []Value {
			return append(out, integerValue(int64(c.index)))
		}}
	}
	if len(k.total) == 0 {
		k.report(e.pos, "use it within aggregate", "$total has no meaning here")
		return nothing()
	}
	return code{static: k.total[len(k.total)-1], run: func(c *ctx, _, out []Value) []Value { return append(out, c.total...) }}
}

func (k *compiler) subscript(e *expr, this static) code {
	left, index := k.expr(e.left, this), k.expr(e.right, this)
	k.ordered(e.pos, left.static, "an index")
	k.needKind(e.right.pos, index.static, kindSet(Integer), "an index")
	pos := e.pos
	return code{static: left.one(), run: func(c *ctx, this, out []Value) []Value {
		at := index.get(c, this)
		i, ok := c.only(at, pos, "an index")
		index.put(c, at)
		if !ok {
			return out
		}
		buf := left.get(c, this)
		if i.kind == Integer && i.num >= 0 && i.num < int64(len(buf)) {
			out = append(out, buf[i.num])
		}
		left.put(c, buf)
		return out
	}}
}
