package fhirpath

import "strconv"

// Limits of the source, so that a hostile expression cannot exhaust the stack.
const (
	maxSource = 1 << 16
	maxDepth  = 200
)

type parser struct {
	lexer lexer
	tok   token
	depth int
	bad   *finding
}

// parse reads one expression.
func parse(src string) (*expr, *finding) {
	if len(src) > maxSource {
		return nil, found(0, "the expression is longer than 64 KiB", "")
	}
	p := &parser{lexer: lexer{src: src}}
	p.advance()
	e := p.expression(0)
	if p.bad == nil && p.tok.kind != tokEnd {
		p.fail("unexpected "+p.shown(), "an operator or the end is expected here")
	}
	return e, p.bad
}

func (p *parser) advance() {
	if p.bad != nil {
		return
	}
	tok, f := p.lexer.next()
	if f != nil {
		p.bad = f
		tok = token{kind: tokEnd, pos: f.pos}
	}
	p.tok = tok
}

// fail keeps the first defect; what follows from it is not reported.
func (p *parser) fail(problem, hint string) {
	if p.bad == nil {
		p.bad = found(p.tok.pos, problem, hint)
	}
	p.tok = token{kind: tokEnd, pos: p.tok.pos}
}

func (p *parser) shown() string {
	if p.tok.kind == tokEnd {
		return "end of the expression"
	}
	return strconv.Quote(p.lexer.src[p.tok.pos:p.tok.end])
}

func (p *parser) symbol(s string) bool { return p.tok.kind == tokSymbol && p.tok.text == s }

func (p *parser) accept(s string) bool {
	if p.symbol(s) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(s string) {
	if !p.accept(s) {
		p.fail("unexpected "+p.shown(), "expected "+s)
	}
}

// operator returns the binary operator at hand and its binding strength, 0 for none.
func (p *parser) operator() (string, int) {
	if p.tok.kind == tokSymbol || p.tok.kind == tokName {
		return p.tok.text, binding[p.tok.text]
	}
	return "", 0
}

// expression reads operators that bind stronger than outer. All operators associate to the left.
func (p *parser) expression(outer int) *expr {
	if p.depth++; p.depth > maxDepth {
		p.fail("the expression is nested too deeply", "at most "+strconv.Itoa(maxDepth)+" levels")
	}
	defer func() { p.depth-- }()
	left := p.unary()
	for p.bad == nil {
		op, strength := p.operator()
		if strength <= outer {
			return left
		}
		pos := p.tok.pos
		p.advance()
		if op == "is" || op == "as" {
			left = &expr{form: formType, pos: pos, name: op, left: left, right: p.typeName()}
			continue
		}
		left = &expr{form: formBinary, pos: pos, name: op, left: left, right: p.expression(strength)}
	}
	return left
}

func (p *parser) typeName() *expr {
	e := p.name()
	for p.accept(".") {
		e = &expr{form: formDot, pos: e.pos, left: e, right: p.name()}
	}
	return e
}

func (p *parser) name() *expr {
	if p.tok.kind != tokName && p.tok.kind != tokQuoted {
		p.fail("unexpected "+p.shown(), "a name is expected here")
		return &expr{form: formName, pos: p.tok.pos, name: "_"}
	}
	e := &expr{form: formName, pos: p.tok.pos, name: p.tok.text}
	p.advance()
	return e
}

// unary reads a sign and what it applies to. The sign binds weaker than a point: -1.abs() is -(1.abs()).
func (p *parser) unary() *expr {
	if p.symbol("+") || p.symbol("-") {
		e := &expr{form: formUnary, pos: p.tok.pos, name: p.tok.text}
		p.advance()
		if p.depth++; p.depth > maxDepth {
			p.fail("the expression is nested too deeply", "")
			return e
		}
		e.right = p.unary()
		p.depth--
		return e
	}
	return p.postfix(p.term())
}

func (p *parser) postfix(e *expr) *expr {
	for p.bad == nil {
		pos := p.tok.pos
		switch {
		case p.accept("."):
			e = &expr{form: formDot, pos: e.pos, left: e, right: p.invocation()}
		case p.accept("["):
			e = &expr{form: formSubscript, pos: pos, left: e, right: p.expression(0)}
			p.expect("]")
		default:
			return e
		}
	}
	return e
}

// invocation reads what may stand behind a point: a name, a call, $this, $index or $total.
func (p *parser) invocation() *expr {
	if p.tok.kind == tokDollar {
		return p.dollar()
	}
	e := p.name()
	if p.accept("(") {
		e.form = formCall
		if p.accept(")") {
			return e
		}
		e.args = append(e.args, p.expression(0))
		for p.accept(",") {
			e.args = append(e.args, p.expression(0))
		}
		p.expect(")")
	}
	return e
}

func (p *parser) dollar() *expr {
	forms := map[string]form{"this": formThis, "index": formIndex, "total": formTotal}
	f, ok := forms[p.tok.text]
	if !ok {
		p.fail("unknown "+p.shown(), "known are $this, $index and $total")
	}
	e := &expr{form: f, pos: p.tok.pos}
	p.advance()
	return e
}
