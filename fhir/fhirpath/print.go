package fhirpath

import "strings"

// printer writes a syntax tree so that parsing gives the same tree again.
type printer struct{ strings.Builder }

func printed(e *expr) string {
	var p printer
	p.expr(e, 0)
	return p.String()
}

// expr writes e; what binds no stronger than outer goes in parentheses.
func (p *printer) expr(e *expr, outer int) {
	strength := bindingOf(e)
	if strength <= outer {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	switch e.form {
	case formEmpty:
		p.WriteString("{}")
	case formLiteral:
		p.literal(e)
	case formName:
		p.name(e.name)
	case formCall:
		p.call(e)
	case formThis:
		p.WriteString("$this")
	case formIndex:
		p.WriteString("$index")
	case formTotal:
		p.WriteString("$total")
	case formEnv:
		p.WriteByte('%')
		p.name(e.name)
	case formDot:
		p.expr(e.left, bindPostfix-1)
		p.WriteByte('.')
		p.expr(e.right, bindPostfix-1)
	case formSubscript:
		p.expr(e.left, bindPostfix-1)
		p.WriteByte('[')
		p.expr(e.right, 0)
		p.WriteByte(']')
	case formUnary:
		p.WriteString(e.name)
		p.expr(e.right, bindUnary-1)
	case formBinary, formType:
		p.expr(e.left, strength-1)
		p.WriteString(" " + e.name + " ")
		p.expr(e.right, strength)
	}
}

func bindingOf(e *expr) int {
	switch e.form {
	case formUnary:
		return bindUnary
	case formBinary, formType:
		return binding[e.name]
	}
	return bindPostfix
}

func (p *printer) call(e *expr) {
	p.name(e.name)
	p.WriteByte('(')
	for i, a := range e.args {
		if i > 0 {
			p.WriteString(", ")
		}
		p.expr(a, 0)
	}
	p.WriteByte(')')
}

func (p *printer) literal(e *expr) {
	switch e.lit {
	case litString:
		p.quoted(e.name, '\'')
	case litLong:
		p.WriteString(e.name + "L")
	case litQuantity:
		p.WriteString(e.name + " ")
		if e.word {
			p.WriteString(e.unit)
		} else {
			p.quoted(e.unit, '\'')
		}
	default:
		p.WriteString(e.name)
	}
}

// name writes a name, quoted unless it reads as a plain one everywhere.
func (p *printer) name(s string) {
	_, isOperator := binding[s]
	_, isUnit := calendarWords[s]
	plain := s != "" && isLetter(s[0]) && s != "true" && s != "false" && !isOperator && !isUnit
	for i := 0; plain && i < len(s); i++ {
		plain = isWord(s[i])
	}
	if plain {
		p.WriteString(s)
		return
	}
	p.quoted(s, '`')
}

func (p *printer) quoted(s string, quote byte) {
	p.WriteByte(quote)
	for i := range len(s) {
		switch c := s[i]; c {
		case quote, '\\':
			p.WriteByte('\\')
			p.WriteByte(c)
		case '\n':
			p.WriteString(`\n`)
		case '\r':
			p.WriteString(`\r`)
		case '\t':
			p.WriteString(`\t`)
		case '\f':
			p.WriteString(`\f`)
		default:
			p.WriteByte(c)
		}
	}
	p.WriteByte(quote)
}
