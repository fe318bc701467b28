package fhirpath

import "strings"

// term reads a literal, a name, a call, a parenthesis, {} or %name.
func (p *parser) term() *expr {
	pos := p.tok.pos
	switch p.tok.kind {
	case tokString:
		return p.literal(litString)
	case tokNumber:
		return p.numberOrQuantity()
	case tokLong:
		return p.literal(litLong)
	case tokTemporal:
		return p.temporal()
	case tokName:
		if p.tok.text == "true" || p.tok.text == "false" {
			return p.literal(litBoolean)
		}
		return p.invocation()
	case tokQuoted, tokDollar:
		return p.invocation()
	}
	switch {
	case p.accept("("):
		e := p.expression(0)
		p.expect(")")
		return e
	case p.accept("{"):
		p.expect("}")
		return &expr{form: formEmpty, pos: pos}
	case p.accept("%"):
		return p.environment(pos)
	}
	p.fail("unexpected "+p.shown(), "a value or a path is expected here")
	return &expr{form: formEmpty, pos: pos}
}

func (p *parser) literal(l literal) *expr {
	e := &expr{form: formLiteral, pos: p.tok.pos, lit: l, name: p.tok.text}
	p.advance()
	return e
}

func (p *parser) temporal() *expr {
	if _, ok := parseLiteralMoment(p.tok.text); !ok {
		p.fail("not a date or time: "+p.shown(), "write @2024-05-17, @2024-05-17T10:30:00+02:00 or @T10:30")
	}
	return p.literal(litTemporal)
}

func (p *parser) numberOrQuantity() *expr {
	e := p.literal(litInteger)
	if strings.Contains(e.name, ".") {
		e.lit = litDecimal
	}
	if _, ok := parseDec(e.name); !ok {
		p.bad = found(e.pos, "the number has too many digits", "")
	}
	_, word := calendarWords[p.tok.text]
	switch {
	case p.tok.kind == tokString:
		e.lit, e.unit = litQuantity, p.tok.text
		p.advance()
	case p.tok.kind == tokName && word:
		e.lit, e.unit, e.word = litQuantity, p.tok.text, true
		p.advance()
	case e.lit == litInteger && !fitsInteger(e.name):
		p.bad = found(e.pos, "the Integer is larger than 2147483647", "write it as a Decimal ("+e.name+".0) or as a Long ("+e.name+"L)")
	}
	return e
}

// environment reads the name behind %: a name, a `quoted name` or a 'string'.
func (p *parser) environment(pos int) *expr {
	e := &expr{form: formEnv, pos: pos, name: p.tok.text}
	if p.tok.kind != tokName && p.tok.kind != tokQuoted && p.tok.kind != tokString {
		p.fail("unexpected "+p.shown(), "a variable's name is expected behind %")
	}
	p.advance()
	return e
}
