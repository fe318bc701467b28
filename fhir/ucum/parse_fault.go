package ucum

import (
	"fmt"
	"strings"
)

func (p *parser) fault(at int, problem, hint string) error {
	return &SyntaxError{Code: p.code, Offset: at, Problem: problem, Hint: hint}
}

func (p *parser) checkCharacters() error {
	if p.code == "" {
		return p.fault(0, "the code is empty", `write "1" for a number without a unit`)
	}
	if len(p.code) > maxCodeLength {
		return p.fault(0, fmt.Sprintf("the code is longer than %d bytes", maxCodeLength), "is this a unit?")
	}
	for i, r := range p.code {
		if r < 33 || r > 126 {
			return p.fault(i, fmt.Sprintf("the character %U is not allowed", r), characterHint(r))
		}
	}
	return nil
}

// missing tells what stands where a unit should.
func (p *parser) missing() error {
	if p.done() {
		return p.fault(p.pos, "the code ends where a unit is expected", `remove the last "." or "/", or complete it`)
	}
	return p.fault(p.pos, fmt.Sprintf("%q stands where a unit is expected", p.peek()), "")
}

// afterComponent tells what stands where only an operator may.
func (p *parser) afterComponent() error {
	b := p.peek()
	hint := `join units with "." or "/"`
	switch {
	case b == ')':
		hint = `remove it or open a group with "("`
	case p.behindNumber():
		hint = `write "12.h", not "12h", and "10*3" for a power of ten`
	case p.pos > 0 && p.code[p.pos-1] == ')' && (isDigit(b) || b == '-' || b == '+'):
		hint = "a group takes no exponent; write it on each unit in the group"
	case p.pos > 0 && p.code[p.pos-1] == '}':
		hint = "an annotation is the last part of a unit, behind its exponent"
	}
	return p.fault(p.pos, fmt.Sprintf("%q stands where an operator is expected", b), hint)
}

// behindNumber reports whether the position follows a factor, not an exponent.
func (p *parser) behindNumber() bool {
	start := p.pos
	for start > 0 && isDigit(p.code[start-1]) {
		start--
	}
	return start < p.pos && (start == 0 || strings.IndexByte("./(", p.code[start-1]) >= 0)
}
