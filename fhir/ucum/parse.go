package ucum

import (
	"fmt"
	"strconv"
	"strings"
)

// maxCodeLength bounds a code, in bytes. The longest in use are below 80.
const maxCodeLength = 512

// maxExponent bounds the exponent of a symbol.
const maxExponent = 999

// parseExpression reads a whole code by the grammar of UCUM 5 to 12:
//
//	main-term  = ["/"] term
//	term       = component { ("." | "/") component }
//	component  = (symbol [exponent] | number | "(" term ")") [annotation] | annotation
//	symbol     = atom | prefix metric-atom
//	exponent   = ["+" | "-"] digits
//	annotation = "{" { any character from 33 to 126 but braces } "}"
//
// The annotation after a number or a group goes beyond the letter of the
// grammar, as the functional tests of UCUM do ("1{c}").
func parseExpression(t *table, code string) (expression, error) {
	p := parser{table: t, code: code}
	if err := p.checkCharacters(); err != nil {
		return expression{}, err
	}
	inverted := p.take('/')
	e, err := p.terms()
	if err != nil {
		return expression{}, err
	}
	if !p.done() {
		return expression{}, p.afterComponent()
	}
	e.inverted = inverted
	return e, nil
}

type parser struct {
	table *table
	code  string
	pos   int
}

func (p *parser) done() bool { return p.pos >= len(p.code) }

func (p *parser) peek() byte {
	if p.done() {
		return 0
	}
	return p.code[p.pos]
}

func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

// terms reads components up to a closing parenthesis or the end.
func (p *parser) terms() (expression, error) {
	var e expression
	for divide := false; ; {
		c, err := p.component()
		if err != nil {
			return e, err
		}
		e.terms = append(e.terms, term{divide: divide, component: c})
		switch p.peek() {
		case '.':
			divide = false
		case '/':
			divide = true
		default:
			return e, nil
		}
		p.pos++
	}
}

func (p *parser) component() (component, error) {
	c := component{at: p.pos, exponent: 1}
	var err error
	switch b := p.peek(); {
	case b == '{':
		return c, p.annotation(&c)
	case b == '(':
		err = p.group(&c)
	case isDigit(b):
		err = p.number(&c)
	default:
		err = p.symbol(&c)
	}
	if err == nil && p.peek() == '{' {
		err = p.annotation(&c)
	}
	return c, err
}

func (p *parser) annotation(c *component) error {
	rest := p.code[p.pos+1:]
	end := strings.IndexAny(rest, "{}")
	if end < 0 || rest[end] == '{' {
		return p.fault(p.pos, "the annotation is not closed", `end it with "}"; annotations do not nest`)
	}
	c.annotated, c.annotation = true, rest[:end]
	p.pos += end + 2
	return nil
}

func (p *parser) group(c *component) error {
	p.pos++
	if p.peek() == '/' {
		return p.fault(p.pos, "a group cannot begin with a solidus", `write "(1/…"`)
	}
	e, err := p.terms()
	if err != nil {
		return err
	}
	if p.done() {
		return p.fault(c.at, "the parenthesis is not closed", `add ")"`)
	}
	if !p.take(')') {
		return p.afterComponent()
	}
	c.group = &e
	return nil
}

func (p *parser) digits() string {
	start := p.pos
	for isDigit(p.peek()) {
		p.pos++
	}
	return p.code[start:p.pos]
}

// number reads a factor, or the atoms 10* and 10^.
func (p *parser) number(c *component) error {
	digits := p.digits()
	if b := p.peek(); digits == "10" && (b == '*' || b == '^') {
		p.pos++
		c.atom = p.table.atoms[p.code[c.at:p.pos]]
		return p.exponent(c)
	}
	c.number = strings.TrimLeft(digits, "0")
	if c.number == "" {
		c.number = "0"
	}
	return nil
}

func (p *parser) symbol(c *component) error {
	if err := p.skipSymbol(); err != nil {
		return err
	}
	symbol := p.code[c.at:p.pos]
	if symbol == "" {
		return p.missing()
	}
	c.prefix, c.atom = p.table.split(symbol)
	if c.atom == nil {
		return p.fault(c.at, fmt.Sprintf("the unit %q is unknown", symbol), p.table.suggest(symbol))
	}
	return p.exponent(c)
}

// skipSymbol moves behind a symbol. Between square brackets everything belongs
// to it; elsewhere a digit, a sign or an operator ends it.
func (p *parser) skipSymbol() error {
	for !p.done() {
		b := p.peek()
		if b == '[' {
			end := strings.IndexByte(p.code[p.pos:], ']')
			if end < 0 {
				return p.fault(p.pos, "the square bracket is not closed", `add "]"`)
			}
			p.pos += end + 1
			continue
		}
		if isDigit(b) || strings.IndexByte("()+-./{}]=\"", b) >= 0 {
			return nil
		}
		p.pos++
	}
	return nil
}

func (p *parser) exponent(c *component) error {
	start := p.pos
	signed := p.take('-') || p.take('+')
	digits := p.digits()
	if digits == "" {
		if signed {
			return p.fault(start, "the sign is not followed by an exponent", `write a number behind it, as in "s-1"`)
		}
		return nil
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > maxExponent {
		return p.fault(start, fmt.Sprintf("the exponent is beyond %d", maxExponent), "")
	}
	c.exponent = n
	if p.code[start] == '-' {
		c.exponent = -n
	}
	return nil
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
