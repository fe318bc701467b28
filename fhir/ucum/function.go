package ucum

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// logarithm is f(x) = times × log(x) to the base; base 0 stands for e.
type logarithm struct{ base, times int64 }

func (l logarithm) forward(x *number) (*number, error) {
	if x.Sign() <= 0 {
		return nil, errors.New("a logarithm is defined for positive quantities only")
	}
	var c calculation
	times := apd.New(l.times, 0)
	switch l.base {
	case 0:
		return c.result(c.mul(c.call(working.Ln, x), times))
	case 10:
		return c.result(c.mul(c.log10(x), times))
	}
	return c.result(c.mul(c.quo(c.log10(x), c.log10(apd.New(l.base, 0))), times))
}

func (l logarithm) inverse(x *number) (*number, error) {
	var c calculation
	y := c.quo(x, apd.New(l.times, 0))
	switch l.base {
	case 0:
		y = c.quo(y, lnTen)
	case 10:
	default:
		y = c.mul(y, c.log10(apd.New(l.base, 0)))
	}
	return c.result(c.powerOfTen(y))
}

// squareRoot is f(x) = √x.
type squareRoot struct{}

func (squareRoot) forward(x *number) (*number, error) {
	if x.Sign() < 0 {
		return nil, errors.New("a square root is defined for quantities from zero only")
	}
	var c calculation
	return c.result(c.sqrt(x))
}

func (squareRoot) inverse(x *number) (*number, error) {
	if x.Sign() < 0 {
		return nil, errors.New("a square root is never negative")
	}
	var c calculation
	return c.result(c.mul(x, x))
}

// tangent is f(x) = 100 tan x of an angle x in radian between -π/2 and π/2.
type tangent struct{}

func (tangent) forward(x *number) (*number, error) {
	var size number
	if size.Abs(x).Cmp(rightAngle) >= 0 {
		return nil, errors.New("a slope is defined between -90 and 90 degrees only")
	}
	var c calculation
	// tan x = sin x/√(1 - sin² x) loses digits near the right angle; sin and
	// cos by their own series do not.
	return c.result(c.mul(c.quo(c.series(x, x, 1), c.series(x, apd.New(1, 0), 0)), apd.New(100, 0)))
}

// series sums first × (1 - x²/((k+1)(k+2)) + x⁴/((k+1)…(k+4)) - …), which is
// sin x where first is x and k is 1, cos x where first is 1 and k is 0.
func (c *calculation) series(x, first *number, k int64) *number {
	square := c.mul(x, x)
	term, sum := first, first
	for i := k; c.err == nil && !negligible(term, sum); i += 2 {
		term = c.quo(c.mul(term, square), apd.New((i+1)*(i+2), 0))
		term.Negative = !term.Negative
		sum = c.add(sum, term)
	}
	return sum
}

// negligible reports whether adding the term no longer changes the sum.
func negligible(term, sum *number) bool {
	if term.IsZero() {
		return true
	}
	if sum.IsZero() {
		return false
	}
	return order(term) < order(sum)-workingDigits-2
}

// order returns the decimal exponent of the first digit of d.
func order(d *number) int64 { return d.NumDigits() + int64(d.Exponent) }

func (tangent) inverse(x *number) (*number, error) {
	if order(x) > workingDigits {
		return nil, fmt.Errorf("a slope beyond 1E%d is a right angle", workingDigits)
	}
	var c calculation
	y := c.quo(x, apd.New(100, 0))
	one := apd.New(1, 0)
	// arctan y = 2 arctan(y/(1 + √(1+y²))): halve until the series is short.
	const halvings = 8
	for range halvings {
		y = c.quo(y, c.add(one, c.sqrt(c.add(one, c.mul(y, y)))))
	}
	return c.result(c.mul(c.arctan(y), apd.New(1<<halvings, 0)))
}

// arctan sums y - y³/3 + y⁵/5 - … for small y.
func (c *calculation) arctan(y *number) *number {
	square := c.mul(y, y)
	power, sum := y, y
	for i := int64(3); c.err == nil && !negligible(power, sum); i += 2 {
		power = c.mul(power, square)
		power.Negative = !power.Negative
		sum = c.add(sum, c.quo(power, apd.New(i, 0)))
	}
	return sum
}
