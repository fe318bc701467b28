package fhirpath

import (
	"fmt"
	"slices"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// Options say what an expression is compiled for.
type Options struct {
	// Type is the type of the focus: a resource ("Observation"), a data type ("CodeableConcept") or a nested element
	// ("Patient.contact"). Empty: any resource, checked when it is known.
	Type string
	// Types are the types of which the focus may be any, for EvalItem: elements by their names, computed values as
	// "System.String". They count where Type is empty.
	Types []string
	// Variables declares the environment variables besides FHIRPath's own, with what they hold.
	Variables map[string]Type
	// CodeLists finds a code list (a ValueSet's URL or the name that a study gives it) for memberOf. It returns the
	// membership test of a code; ok is false for an unknown list.
	CodeLists func(name string) (contains func(system, code string) bool, ok bool)
	// Ordered refuses what takes items by their position from a collection that has no order, such as children().
	Ordered bool
	// JoinNothing makes the join() of nothing an empty text, as the test suite of SQL on FHIR v2 has it, instead of
	// nothing.
	JoinNothing bool
}

// Expr is a compiled expression. It never changes and may be evaluated concurrently.
type Expr struct {
	src   string
	tree  *expr
	code  code
	focus *model.Type // nil: any resource
	paths []Path

	untraced bool // paths are not all
	resolved []string

	comparisons []Comparison
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
	} else {
		for _, name := range opts.Types {
			t := lookupType(name)
			if t == nil {
				return nil, compileError(src, []*finding{found(0, "unknown type "+name+" of the focus", nearestType(name))})
			}
			root.set = append(root.set, t)
			root.paths = append(root.paths, t.Name)
		}
	}
	k.root = root
	x.code = k.expr(tree, root)
	if len(k.findings) > 0 {
		slices.SortStableFunc(k.findings, func(a, b *finding) int { return a.pos - b.pos })
		return nil, compileError(src, k.findings)
	}
	x.paths = k.paths(x.code.static.paths)
	x.comparisons, x.untraced, x.resolved = k.compared, k.untraced, k.resolved
	return x, nil
}

// String writes the expression in canonical form; compiling that gives an equal expression.
func (x *Expr) String() string { return printed(x.tree) }

// Type returns what is known about the result.
func (x *Expr) Type() Type { return x.code.exported() }

// Eval evaluates the expression on a focus and appends the result to out. It changes nothing but env's buffers, so that
// it may run concurrently with distinct Envs. The values share memory with the focus' table: they are meaningless when
// it is parsed again, but their texts stay. The error is an *EvalError.
func (x *Expr) Eval(env *Env, focus fhir.Node, out []Value) ([]Value, error) {
	if env == nil {
		env = &Env{}
	}
	v, err := x.root(focus)
	if err != nil {
		return out, err
	}
	return x.eval(env, append(env.take(), v), out)
}

// EvalItem is Eval on an item of another result, an element or a computed value; its own type counts. The zero Value
// stands for an empty collection.
func (x *Expr) EvalItem(env *Env, item Value, out []Value) ([]Value, error) {
	root := env.take()
	if item.kind != Nothing {
		root = append(root, item)
	}
	return x.eval(env, root, out)
}

// eval evaluates on a buffer, which it gives back.
func (x *Expr) eval(env *Env, root, out []Value) ([]Value, error) {
	outer := env.c // an evaluation within a Trace or Resolver uses the same Env
	env.c = ctx{Env: env, x: x, focus: root, steps: maxSteps}
	result := x.code.run(&env.c, root, out)
	err := env.c.err
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
	if !focus.Exists() {
		return v, &EvalError{1, 1, "the focus is missing"}
	}
	if x.focus != nil && x.focus.Kind != model.Resource {
		v.typ = x.focus.ID
		return v, nil
	}
	name := focus.Get("resourceType").Text()
	if x.focus != nil && name == x.focus.Name {
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
	untraced bool // something else is read, too
	resolved []string
	compared []Comparison
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
