package fhirpath

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/model"
)

// environment compiles %name.
func (k *compiler) environment(e *expr) code {
	if url, ok := environmentURL(e.name); ok {
		return constant(stringValue(url))
	}
	switch e.name {
	case "context":
		return code{static: k.root, run: func(c *ctx, _, out []Value) []Value { return append(out, c.focus...) }}
	case "resource", "rootResource":
		return k.resourceVariable(e.name)
	}
	t, ok := k.opts.Variables[e.name]
	if !ok {
		names := []string{"context", "resource", "rootResource", "ucum", "sct", "loinc"}
		for n := range k.opts.Variables {
			names = append(names, n)
		}
		slices.Sort(names)
		k.report(e.pos, didYouMean(e.name, names), "unknown variable %%%s", e.name)
		return nothing()
	}
	s := static{many: t.Many}
	for _, name := range t.Names {
		m := lookupType(name)
		if m == nil {
			k.report(e.pos, nearestType(name), "variable %%%s is declared with the unknown type %s", e.name, name)
			return nothing()
		}
		s.set = append(s.set, m)
	}
	name := e.name
	return code{static: s, run: func(c *ctx, _, out []Value) []Value { return append(out, c.Vars[name]...) }}
}

// environmentURL returns FHIRPath's and FHIR's own constants (FHIR R4, FHIRPath: 2.1.9.1.3).
func environmentURL(name string) (string, bool) {
	switch name {
	case "ucum":
		return ucumSystem, true
	case "sct":
		return "http://snomed.info/sct", true
	case "loinc":
		return "http://loinc.org", true
	}
	if s, ok := strings.CutPrefix(name, "vs-"); ok {
		return "http://hl7.org/fhir/ValueSet/" + s, true
	}
	if s, ok := strings.CutPrefix(name, "ext-"); ok {
		return "http://hl7.org/fhir/StructureDefinition/" + s, true
	}
	return "", false
}

// resourceVariable compiles %resource, the resource that holds the focus, and %rootResource, which contains that.
func (k *compiler) resourceVariable(name string) code {
	s := typed(anyResource)
	if k.root.resource() {
		s = k.root
	}
	return code{static: s, run: func(c *ctx, _, out []Value) []Value {
		if len(c.focus) == 0 || !c.focus[0].node.Exists() && !c.Resource.Exists() {
			return out
		}
		f := &c.focus[0]
		n := f.node
		switch {
		case !n.Exists():
			n = c.Resource
		case name == "rootResource":
			n = n.Table().Root()
		case types[f.typ].Kind == model.Resource:
		case c.Resource.Exists():
			n = c.Resource
		default:
			n = n.Table().Root()
		}
		return append(out, Value{kind: Element, node: n, typ: own(n, anyResource.ID)})
	}}
}

// unary compiles a sign.
func (k *compiler) unary(e *expr, this static) code {
	a := k.expr(e.right, this)
	accepted := kindsNumber | kindSet(Quantity)
	if len(e.name) > 0 && !k.needKind(e.right.pos, a.static, accepted, "a sign") {
		return nothing()
	}
	negative, pos := e.name == "-", e.pos
	if a.value != nil {
		v := *a.value
		if negative {
			v = v.negated()
		}
		return constant(v)
	}
	return code{static: a.static.plain().one(), run: func(c *ctx, this, out []Value) []Value {
		buf := a.get(c, this)
		v, ok := c.only(buf, pos, "a sign")
		a.put(c, buf)
		if !ok {
			return out
		}
		if kindSet(v.kind)&accepted == 0 {
			c.fail(pos, "a sign takes a number, this is "+v.kind.String())
			return out
		}
		if negative {
			v = v.negated()
		}
		return append(out, v)
	}}
}

func (v Value) negated() Value {
	d := v.dec().neg()
	v.num, v.exp, v.big, v.flags = d.coef, d.exp, d.big, v.flags&^flagElement
	if v.kind == Decimal {
		v.text = ""
	}
	return v
}

// typeOperator compiles left is T and left as T.
func (k *compiler) typeOperator(e *expr, this static) code {
	left := k.expr(e.left, this)
	t := k.typeSpecifier(e.right)
	if t == nil {
		return nothing()
	}
	if e.name == "is" {
		return k.isCode(left, t, e.pos)
	}
	return k.asCode(left, t, e.pos, true)
}

// typeSpecifier reads Quantity, FHIR.Quantity or System.Quantity.
func (k *compiler) typeSpecifier(e *expr) *model.Type {
	name := typeText(e)
	if name == "" {
		k.report(e.pos, "write a type such as Quantity or FHIR.string", "a type's name is needed here")
		return nil
	}
	t := lookupType(name)
	if t == nil {
		k.report(e.pos, nearestType(name), "unknown type %s", name)
	}
	return t
}

func typeText(e *expr) string {
	switch e.form {
	case formName:
		return e.name
	case formDot:
		l, r := typeText(e.left), typeText(e.right)
		if l != "" && r != "" {
			return l + "." + r
		}
	}
	return ""
}

// isCode is false also for a type that the static check excludes.
func (k *compiler) isCode(left code, t *model.Type, pos int) code {
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		defer left.put(c, buf)
		switch len(buf) {
		case 0:
			return none
		case 1:
			return triOf(isA(&buf[0], t))
		}
		c.fail(pos, "is takes one item and is given several")
		return none
	})
}

// asCode keeps what is of the type; single refuses several items.
func (k *compiler) asCode(left code, t *model.Type, pos int, single bool) code {
	k.needPossible(left.static, t, pos)
	s := k.narrowed(left.static, t)
	if !single {
		return filterCode(left, t, s)
	}
	return code{static: s.one(), run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		switch {
		case len(buf) > 1:
			c.fail(pos, "as takes one item and is given several; ofType() takes any number")
		case len(buf) == 1 && isA(&buf[0], t):
			out = append(out, buf[0])
		}
		left.put(c, buf)
		return out
	}}
}

// needPossible reports a filter that nothing can pass. One primitive type asked for in place of another is let pass.
func (k *compiler) needPossible(s static, t *model.Type, pos int) {
	if s.set == nil {
		return
	}
	for _, u := range s.set {
		if u.IsA(t) || t.IsA(u) || t == typeQuantity && u == systemTypes[Quantity] || u == anyElement || u.Kind == model.Primitive && t.Kind == model.Primitive {
			return
		}
	}
	hint := ""
	if lower := model.Lookup(strings.ToLower(t.Name[:1]) + t.Name[1:]); t.Kind == model.System && lower != nil {
		hint = "FHIR's own type is written " + lower.Name
	}
	k.report(pos, hint, "%s is never a %s", s, t)
}

// narrowed is what is known of items after a filter by type.
func (k *compiler) narrowed(s static, t *model.Type) static {
	r := static{set: []*model.Type{t}, many: s.many, none: s.none, unordered: s.unordered, targets: s.targets, paths: s.paths}
	if s.set == nil || t.Kind == model.Resource {
		r.paths = nil
		if t.Kind == model.Resource {
			r.paths = []string{t.Name}
		}
	}
	return r
}
