package ucum

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// expression is a code taken apart: terms multiplied and divided from left to
// right. inverted tells of a leading solidus, which divides one by the first
// term only (the oersted, 250 /[pi].A/m, is 250/π A/m).
type expression struct {
	inverted bool
	terms    []term
}

type term struct {
	divide bool // of the terms before
	component
}

// component is a number, a symbol, a group in parentheses or an annotation
// alone; the first three may carry an annotation too.
type component struct {
	at         int    // byte offset in the code
	number     string // without leading zeros
	prefix     *prefix
	atom       *atom
	exponent   int // of a symbol; 1 where none is written
	group      *expression
	annotated  bool
	annotation string // without its braces
}

// String spells the expression as a code. Read again it gives the same
// expression.
func (e *expression) String() string {
	var b strings.Builder
	e.print(&b)
	return b.String()
}

func (e *expression) print(b *strings.Builder) {
	if e.inverted {
		b.WriteByte('/')
	}
	for i := range e.terms {
		t := &e.terms[i]
		if i > 0 && t.divide {
			b.WriteByte('/')
		} else if i > 0 {
			b.WriteByte('.')
		}
		t.component.print(b)
	}
}

func (c *component) print(b *strings.Builder) {
	switch {
	case c.group != nil:
		b.WriteByte('(')
		c.group.print(b)
		b.WriteByte(')')
	case c.atom != nil:
		b.WriteString(c.symbol())
		if c.exponent != 1 {
			b.WriteString(strconv.Itoa(c.exponent))
		}
	default:
		b.WriteString(c.number)
	}
	if c.annotated {
		b.WriteString("{" + c.annotation + "}")
	}
}

func (c *component) symbol() string {
	if c.prefix == nil {
		return c.atom.code
	}
	return c.prefix.code + c.atom.code
}

// evaluator works out what an expression means.
type evaluator struct {
	code    string
	table   *table
	scaleOf func(*atom) (scale, error)
}

func (v evaluator) expression(e *expression) (scale, error) {
	result := unity()
	for i := range e.terms {
		t := &e.terms[i]
		exponent := 1
		if t.divide || (i == 0 && e.inverted) {
			exponent = -1
		}
		s, err := v.component(&t.component)
		if err != nil {
			return scale{}, err
		}
		if result, err = result.times(s, exponent); err != nil {
			return scale{}, v.fault(&t.component, err)
		}
	}
	return result, nil
}

func (v evaluator) component(c *component) (scale, error) {
	switch {
	case c.group != nil:
		return v.expression(c.group)
	case c.atom != nil:
		return v.symbol(c)
	case c.number != "":
		return v.number(c)
	}
	return unity(), nil
}

func (v evaluator) number(c *component) (scale, error) {
	n, ok := new(big.Int).SetString(c.number, 10)
	if !ok {
		return scale{}, v.fault(c, fmt.Errorf("%q is not a number", c.number))
	}
	s := scale{factor: new(big.Rat).SetInt(n)}
	switch {
	case n.Sign() == 0:
		return scale{}, v.fault(c, errZeroFactor)
	case ratBits(s.factor) > maxMagnitudeBits:
		return scale{}, v.fault(c, errMagnitude)
	}
	return s, nil
}

func (v evaluator) symbol(c *component) (scale, error) {
	s, err := v.scaleOf(c.atom)
	if err != nil {
		return scale{}, err
	}
	if c.prefix != nil {
		s.factor = new(big.Rat).Mul(s.factor, v.table.factors[c.prefix.code])
	}
	if s, err = s.power(c.exponent); err != nil {
		return scale{}, v.fault(c, err)
	}
	return s, nil
}

func (v evaluator) fault(c *component, err error) error {
	fault := &SyntaxError{Code: v.code, Offset: c.at, Problem: err.Error()}
	if errors.Is(err, errSpecialAlgebra) {
		fault.Hint = "use the proper unit that it corresponds to, such as K for Cel"
	}
	return fault
}
