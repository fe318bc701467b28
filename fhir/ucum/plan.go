package ucum

import (
	"fmt"
	"math/big"

	"github.com/cockroachdb/apd/v3"
)

// Plan converts values from one unit to another. It is made by PlanFor and
// never changes, so that any number of goroutines may use it at once.
type Plan struct {
	from, to string
	identity bool   // the units have the same scale
	factor   *ratio // between proper units
	line     *line  // between interval scales
	source   *scale // of a function of the value; nil where the others serve
	target   *scale
}

// Convert returns the value in the unit to.
//
// Between proper units, and between interval scales (Cel, [degF], [degRe], K),
// the result is exact wherever it is a finite decimal and is otherwise rounded
// half-even to 34 significant digits. Where another special unit takes part it
// is computed to 50 digits and rounded to 34.
//
// Zeros at the end of a fraction are removed and whole numbers of up to 34
// digits carry no exponent, so the number of digits says nothing about the
// precision of the measurement. Between units of the same magnitude the value
// is returned as written.
//
// Errors wrap ErrNotConvertible or ErrInvalidUnit, as in PlanFor, or ErrValue.
func Convert(value *apd.Decimal, from, to string) (*apd.Decimal, error) {
	p, err := PlanFor(from, to)
	if err != nil {
		return nil, err
	}
	return p.Convert(value)
}

// pair names a conversion.
type pair struct{ from, to string }

// planned is a plan or the reason why there is none.
type planned struct {
	plan *Plan
	err  error
}

var plans cache[pair, planned]

// PlanFor returns the plan that converts between two units. Plans are kept, so
// that asking again costs a look-up. The error wraps ErrInvalidUnit where a
// code is no unit and ErrNotConvertible where the units are not commensurable.
func PlanFor(from, to string) (*Plan, error) {
	if len(from) > maxCodeLength || len(to) > maxCodeLength {
		return newPlan(from, to)
	}
	p := plans.get(pair{from, to}, func(k pair) planned {
		plan, err := newPlan(k.from, k.to)
		return planned{plan: plan, err: err}
	})
	return p.plan, p.err
}

func newPlan(from, to string) (*Plan, error) {
	source, err := cachedUnit(from)
	if err != nil {
		return nil, err
	}
	target, err := cachedUnit(to)
	if err != nil {
		return nil, err
	}
	if !source.CommensurableWith(target) {
		return nil, refusal(source, target)
	}
	p := &Plan{from: from, to: to}
	p.choose(&source.scale, &target.scale)
	return p, nil
}

// choose takes the cheapest way that is exact.
func (p *Plan) choose(source, target *scale) {
	if source.special == target.special {
		// Of one special unit only the scale factors differ.
		quotient := new(big.Rat).Quo(source.factor, target.factor)
		p.identity = quotient.IsInt() && quotient.Num().IsInt64() && quotient.Num().Int64() == 1
		p.factor = ratioOf(quotient)
		return
	}
	a, b, ok := source.line()
	c, d, ok2 := target.line()
	if !ok || !ok2 {
		p.source, p.target = source, target
		return
	}
	shift := new(big.Rat).Sub(b, d)
	p.line = newLine(new(big.Rat).Quo(a, c), shift.Quo(shift, c))
}

// line returns the slope and the intercept of the line that leads from a value
// in the unit to base units. Not every special unit has one.
func (s *scale) line() (slope, intercept *big.Rat, ok bool) {
	switch {
	case s.special == nil:
		return s.factor, new(big.Rat), true
	case s.special.offset == nil:
		return nil, nil, false
	}
	u := s.special.reference
	return new(big.Rat).Mul(s.factor, u), new(big.Rat).Mul(s.special.offset, u), true
}

// Convert returns the value, given in the unit from, in the unit to; see the
// function Convert. The value is not changed. The zero Plan refuses.
func (p *Plan) Convert(value *apd.Decimal) (*apd.Decimal, error) {
	if err := checkValue(value); err != nil {
		return nil, err
	}
	switch {
	case p == nil:
		return nil, fmt.Errorf("ucum: %w: the plan was not made by PlanFor", ErrNotConvertible)
	case p.identity:
		return new(apd.Decimal).Set(value), nil
	case p.factor != nil:
		return p.multiply(value)
	case p.line != nil:
		return p.line.apply(value)
	case p.source != nil:
		return p.compute(value)
	}
	return nil, fmt.Errorf("ucum: %w: the plan was not made by PlanFor", ErrNotConvertible)
}

func (p *Plan) multiply(value *apd.Decimal) (*apd.Decimal, error) {
	result := p.factor.times(value)
	p.factor.divide(result)
	return tidy(result)
}

func (p *Plan) compute(value *apd.Decimal) (*apd.Decimal, error) {
	m, err := p.source.toBase(value)
	if err == nil {
		m, err = p.target.fromBase(m)
	}
	if err != nil {
		return nil, fmt.Errorf("ucum: %w from %s to %s: %w", ErrValue, quote(p.from), quote(p.to), err)
	}
	return rounded(m)
}

// toBase returns a value in the unit in base units.
func (s *scale) toBase(value *number) (*number, error) {
	var c calculation
	x := c.mul(value, c.fromRat(s.factor))
	if c.err != nil || s.special == nil {
		return c.result(x)
	}
	if s.special.offset != nil {
		x = c.add(x, c.fromRat(s.special.offset))
	} else {
		var err error
		if x, err = s.special.function.inverse(x); err != nil {
			return nil, err
		}
	}
	return c.result(c.mul(x, c.fromRat(s.special.reference)))
}

// fromBase returns a quantity in base units in the unit.
func (s *scale) fromBase(m *number) (*number, error) {
	var c calculation
	if s.special == nil {
		return c.result(c.quo(m, c.fromRat(s.factor)))
	}
	x := c.quo(m, c.fromRat(s.special.reference))
	if s.special.offset != nil {
		offset := c.fromRat(s.special.offset)
		x = c.do(working.Sub, x, offset)
	} else {
		if c.err != nil {
			return nil, c.err
		}
		var err error
		if x, err = s.special.function.forward(x); err != nil {
			return nil, err
		}
	}
	return c.result(c.quo(x, c.fromRat(s.factor)))
}
