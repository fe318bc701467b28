package ucum

import (
	"fmt"
	"math/big"

	"github.com/cockroachdb/apd/v3"
)

// number is an intermediate result of a special unit.
type number = apd.Decimal

const (
	workingDigits = 50   // of intermediate results
	resultDigits  = 34   // of a rounded result, as in IEEE 754 decimal128
	maxMagnitude  = 6144 // decimal exponent of the largest value, likewise
)

// working computes intermediate results. Its traps turn every underflow and
// overflow into an error. It is only read.
var working = apd.Context{
	Precision:   workingDigits,
	MaxExponent: apd.MaxExponent,
	MinExponent: apd.MinExponent,
	Rounding:    apd.RoundHalfEven,
	Traps:       apd.DefaultTraps,
}

// lnTen is the natural logarithm of ten. rightAngle is π/2, cut to fewer digits
// than [pi] has in the table, so that a right angle does not slip below it.
var (
	lnTen      = mustDecimal("2.302585092994045684017991454684364207601101488628772976033327900967573")
	rightAngle = mustDecimal("1.570796326794896619231321691639751442098")
)

func mustDecimal(s string) *number {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		panic("ucum: constant " + s + ": " + err.Error())
	}
	return d
}

// calculation chains operations and keeps the first error.
type calculation struct{ err error }

func (c *calculation) do(operation func(d, x, y *number) (apd.Condition, error), x, y *number) *number {
	d := new(number)
	if c.err == nil {
		_, c.err = operation(d, x, y)
	}
	return d
}

func (c *calculation) call(operation func(d, x *number) (apd.Condition, error), x *number) *number {
	d := new(number)
	if c.err == nil {
		_, c.err = operation(d, x)
	}
	return d
}

func (c *calculation) add(x, y *number) *number { return c.do(working.Add, x, y) }
func (c *calculation) mul(x, y *number) *number { return c.do(working.Mul, x, y) }
func (c *calculation) quo(x, y *number) *number { return c.do(working.Quo, x, y) }
func (c *calculation) log10(x *number) *number  { return c.call(working.Log10, x) }
func (c *calculation) sqrt(x *number) *number   { return c.call(working.Sqrt, x) }
func (c *calculation) exp(x *number) *number    { return c.call(working.Exp, x) }

// powerOfTen returns 10^x. The whole part of x goes into the exponent of the
// result, so that whole powers are exact.
func (c *calculation) powerOfTen(x *number) *number {
	whole, rest := new(number), new(number)
	x.Modf(whole, rest)
	n, err := whole.Int64()
	if err != nil || n > maxMagnitude || n < -maxMagnitude {
		c.fail(fmt.Errorf("the result is beyond 1E±%d", maxMagnitude))
		return new(number)
	}
	p := c.exp(c.mul(rest, lnTen))
	p.Exponent += int32(n)
	return p
}

func (c *calculation) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// result returns d, or the first error as a refusal of the value.
func (c *calculation) result(d *number) (*number, error) {
	if c.err != nil {
		return nil, c.err
	}
	return d, nil
}

// fromRat returns r to the digits of intermediate results.
func (c *calculation) fromRat(r *big.Rat) *number {
	num, den := new(apd.BigInt).SetMathBigInt(r.Num()), new(apd.BigInt).SetMathBigInt(r.Denom())
	return c.quo(signed(num), signed(den))
}

func signed(i *apd.BigInt) *number {
	d := &number{Negative: i.Sign() < 0}
	d.Coeff.Abs(i)
	return d
}
