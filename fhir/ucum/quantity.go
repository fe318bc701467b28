package ucum

import (
	"fmt"
	"math/big"

	"github.com/cockroachdb/apd/v3"
)

// Quantity is a value in a unit. Unit is a UCUM code.
type Quantity struct {
	Value *apd.Decimal
	Unit  string
}

// Canonical returns the unit as an exact factor times its canonical unit, a
// code of magnitude one in base units such as "g.m-1.s-2". Two quantities of
// proper units are equal when their values times factor, and their canonical
// units, are.
//
// A special unit has no factor: the error wraps ErrNotConvertible. Use
// CanonicalQuantity or Compare, which take the value.
func Canonical(code string) (factor *big.Rat, unit string, err error) {
	u, err := cachedUnit(code)
	if err != nil {
		return nil, "", err
	}
	if u.Special() {
		return nil, "", fmt.Errorf("ucum: %s to %q by a factor: %w: it is a special unit; convert the quantity instead of the unit",
			quote(code), u.Dimension(), ErrNotConvertible)
	}
	return new(big.Rat).Set(u.scale.factor), u.Dimension(), nil
}

// CanonicalQuantity returns a quantity in its canonical unit: exactly for
// proper units and interval scales, to 34 digits for other special units.
func CanonicalQuantity(q Quantity) (value *big.Rat, unit string, err error) {
	u, err := cachedUnit(q.Unit)
	if err != nil {
		return nil, "", err
	}
	if err := checkValue(q.Value); err != nil {
		return nil, "", err
	}
	if slope, intercept, ok := u.scale.line(); ok {
		x := ratOf(q.Value)
		return x.Mul(x, slope).Add(x, intercept), u.Dimension(), nil
	}
	p, err := PlanFor(q.Unit, u.Dimension())
	if err != nil {
		return nil, "", err
	}
	d, err := p.Convert(q.Value)
	if err != nil {
		return nil, "", err
	}
	return ratOf(d), u.Dimension(), nil
}

// Compare returns -1, 0 or 1 as a is less than, equal to or greater than b.
// The error wraps ErrNotConvertible where the units are not commensurable.
func Compare(a, b Quantity) (int, error) {
	u, err := cachedUnit(a.Unit)
	if err != nil {
		return 0, err
	}
	v, err := cachedUnit(b.Unit)
	if err != nil {
		return 0, err
	}
	if !u.CommensurableWith(v) {
		return 0, refusal(u, v)
	}
	x, _, err := CanonicalQuantity(a)
	if err != nil {
		return 0, err
	}
	y, _, err := CanonicalQuantity(b)
	if err != nil {
		return 0, err
	}
	return x.Cmp(y), nil
}

// Multiply returns a·b. The value is exact; the unit is written as the product
// of the units, or as one of them where the other is "1". Special units take
// no part in a product, except with a number (UCUM 22).
func Multiply(a, b Quantity) (Quantity, error) {
	x, y, err := operands(a, b)
	if err != nil {
		return Quantity{}, err
	}
	unit, err := combine(a.Unit, ".", b.Unit)
	if err != nil {
		return Quantity{}, err
	}
	value, err := decimalOf(x.Mul(x, y))
	return Quantity{Value: value, Unit: unit}, err
}

// Divide returns a/b. The quotient of commensurable quantities is a number,
// with the unit "1"; otherwise the unit is written as the quotient of the
// units. The value is exact or rounded half-even to 34 digits. Division by
// zero wraps ErrValue.
func Divide(a, b Quantity) (Quantity, error) {
	x, y, err := operands(a, b)
	if err != nil {
		return Quantity{}, err
	}
	if y.Sign() == 0 {
		return Quantity{}, fmt.Errorf("ucum: %w: division by zero", ErrValue)
	}
	unit, err := combine(a.Unit, "/", b.Unit)
	if err != nil {
		return Quantity{}, err
	}
	quotient := x.Quo(x, y)
	if b.Unit != "1" && Commensurable(a.Unit, b.Unit) {
		factor, _, err := Canonical(unit)
		if err != nil {
			return Quantity{}, err
		}
		quotient.Mul(quotient, factor)
		unit = "1"
	}
	value, err := decimalOf(quotient)
	return Quantity{Value: value, Unit: unit}, err
}

func operands(a, b Quantity) (x, y *big.Rat, err error) {
	for _, q := range []Quantity{a, b} {
		if err := checkValue(q.Value); err != nil {
			return nil, nil, err
		}
		if err := Validate(q.Unit); err != nil {
			return nil, nil, err
		}
	}
	return ratOf(a.Value), ratOf(b.Value), nil
}

// combine writes the product or quotient of two units as a valid code.
func combine(a, operator, b string) (string, error) {
	switch {
	case b == "1":
		return a, nil
	case a == "1" && operator == ".":
		return b, nil
	}
	code := group(a) + operator + group(b)
	return code, Validate(code)
}

// group puts a unit into parentheses unless it is a single term.
func group(code string) string {
	u, err := cachedUnit(code)
	if err != nil || (len(u.expression.terms) == 1 && !u.expression.inverted) {
		return code
	}
	if u.expression.inverted {
		return "(1" + code + ")"
	}
	return "(" + code + ")"
}
