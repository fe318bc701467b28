package fhirpath

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// Options say what an expression is compiled for.
type Options struct {
	// Type is the type of the focus: a resource ("Observation"), a data type ("CodeableConcept") or a nested element
	// ("Patient.contact"). Empty: any resource, checked when it is known.
	Type string
	// Variables declares the environment variables besides FHIRPath's own, with what they hold.
	Variables map[string]Type
	// CodeLists finds a code list (a ValueSet's URL or the name that a study gives it) for memberOf. It returns the
	// membership test of a code; ok is false for an unknown list.
	CodeLists func(name string) (contains func(system, code string) bool, ok bool)
	// Ordered refuses what takes items by their position from a collection that has no order, such as children().
	Ordered bool
}

// Expr is a compiled expression. It never changes and may be evaluated concurrently.
type Expr struct {
	src   string
	tree  *expr
	code  code
	focus *model.Type // nil: any resource
	paths []Path
}

// Compile reads and checks an expression. The error is a *CompileError with every finding.
func Compile(src string, opts Options) (*Expr, error) {
	tree, bad := parse(src)
	if bad != nil {
		return nil, compileError(src, []*finding{bad})
	}
	k := &compiler{opts: opts}
	x := &Expr{src: src, tree: tree}
	root := static{}
	if opts.Type != "" {
		x.focus = lookupType(opts.Type)
		if x.focus == nil || x.focus.Kind == model.System {
			return nil, compileError(src, []*finding{found(0, "unknown type "+opts.Type+" of the focus", nearestType(opts.Type))})
		}
		root = typed(x.focus)
		root.paths = []string{x.focus.Name}
	}
	k.root = root
	x.code = k.expr(tree, root)
	if len(k.findings) > 0 {
		slices.SortStableFunc(k.findings, func(a, b *finding) int { return a.pos - b.pos })
		return nil, compileError(src, k.findings)
	}
	x.paths = k.paths(x.code.static.paths)
	return x, nil
}

// String writes the expression in canonical form; compiling that gives an equal expression.
func (x *Expr) String() string { return printed(x.tree) }

// Type returns what is known about the result.
func (x *Expr) Type() Type { return x.code.exported() }

// Eval evaluates the expression on a focus and appends the result to out. It changes nothing but env's buffers, so that
// it may run concurrently with distinct Envs. The error is an *EvalError.
func (x *Expr) Eval(env *Env, focus fhir.Node, out []Value) ([]Value, error) {
	v, err := x.root(focus)
	if err != nil {
		return out, err
	}
	root := append(env.take(), v)
	outer := env.c // an evaluation within a Trace or Resolver uses the same Env
	env.c = ctx{Env: env, x: x, focus: root, steps: maxSteps}
	result := x.code.run(&env.c, root, out)
	err = env.c.err
	env.c = outer
	env.give(root)
	if err != nil {
		return out, err
	}
	return result, nil
}

// root gives the focus its type.
func (x *Expr) root(focus fhir.Node) (Value, error) {
	v := Value{kind: Element, node: focus}
	name := focus.Get("resourceType").Text()
	if x.focus != nil && x.focus.Kind != model.Resource {
		v.typ = x.focus.ID
		return v, nil
	}
	t := model.Lookup(name)
	switch {
	case x.focus == nil && name == "":
		return v, nil
	case t == nil || t.Kind != model.Resource:
		return v, &EvalError{1, 1, "the focus is not a resource of FHIR R4"}
	case x.focus != nil && !t.IsA(x.focus):
		return v, &EvalError{1, 1, "the expression was compiled for " + x.focus.Name + ", the focus is another resource"}
	}
	v.typ = t.ID
	return v, nil
}

// compiler turns a syntax tree into closures and collects what is wrong with it.
type compiler struct {
	opts     Options
	root     static
	total    []static // of the surrounding aggregate() calls
	loops    int      // surrounding functions that set $index
	findings []*finding
	read     map[string]bool
}

func (k *compiler) report(pos int, hint, format string, args ...any) {
	k.findings = append(k.findings, found(pos, fmt.Sprintf(format, args...), hint))
}

// expr compiles e for a this of the given static type.
func (k *compiler) expr(e *expr, this static) code {
	switch e.form {
	case formEmpty:
		return nothing()
	case formLiteral:
		return k.literal(e)
	case formName:
		return k.name(e, itself(this), true)
	case formCall:
		return k.call(e, itself(this), this)
	case formThis:
		return itself(this)
	case formIndex, formTotal:
		return k.loopVariable(e)
	case formEnv:
		return k.environment(e)
	case formDot:
		return k.dot(e, this)
	case formSubscript:
		return k.subscript(e, this)
	case formUnary:
		return k.unary(e, this)
	case formType:
		return k.typeOperator(e, this)
	}
	return k.binary(e, this)
}

func (k *compiler) literal(e *expr) code {
	switch e.lit {
	case litBoolean:
		return constant(booleanValue(e.name == "true"))
	case litString:
		return constant(stringValue(e.name))
	case litTemporal:
		m, _ := parseLiteralMoment(e.name)
		return constant(momentValue(m))
	}
	d, ok := parseDec(e.name)
	if !ok {
		k.report(e.pos, "", "the number has too many digits")
	}
	switch e.lit {
	case litQuantity:
		return constant(quantityValue(d, e.unit, e.word))
	case litDecimal:
		return constant(decimalValue(d))
	}
	i, ok := d.integer()
	if !ok {
		k.report(e.pos, "", "the number has too many digits")
	}
	v := integerValue(i)
	if e.lit == litLong {
		v.kind = Long
	}
	return constant(v)
}

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
	return u != nil && u.IsA(t)
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
