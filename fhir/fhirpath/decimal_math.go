package fhirpath

import "github.com/cockroachdb/apd/v3"

// exactly and rounding are the contexts of arithmetic: sums and products are exact or they overflow, quotients are
// rounded.
var (
	exactly  = apd.Context{Precision: resultDigits, MaxExponent: 2000, MinExponent: -2000, Rounding: apd.RoundHalfUp}
	rounding = apd.Context{Precision: quotient, MaxExponent: 2000, MinExponent: -2000, Rounding: apd.RoundHalfUp}
)

type decOp func(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error)

// exact applies an operation whose result must be exact; ok is false when it overflows.
func exact(op decOp, a, b dec) (dec, bool) {
	var x, y, z apd.Decimal
	cond, err := op(&exactly, &z, a.apd(&x), b.apd(&y))
	if err != nil || cond.Inexact() || z.Form != apd.Finite {
		return dec{}, false
	}
	return decFrom(&z), true
}

// inexact applies an operation that rounds to 34 digits; ok is false where it is not defined.
func inexact(op decOp, a, b dec) (dec, bool) {
	var x, y, z apd.Decimal
	cond, err := op(&rounding, &z, a.apd(&x), b.apd(&y))
	if err != nil || cond.InvalidOperation() || cond.DivisionByZero() || cond.Overflow() || z.Form != apd.Finite {
		return dec{}, false
	}
	z.Reduce(&z)
	if z.Exponent > 0 {
		var w apd.Decimal
		if _, err := exactly.Quantize(&w, &z, 0); err == nil {
			z.Set(&w)
		}
	}
	return decFrom(&z), true
}

func opAdd(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error) { return c.Add(d, x, y) }
func opMul(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error) { return c.Mul(d, x, y) }
func opQuo(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error) { return c.Quo(d, x, y) }
func opDiv(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error) { return c.QuoInteger(d, x, y) }
func opMod(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error) { return c.Rem(d, x, y) }
func opPow(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error) { return c.Pow(d, x, y) }
func opExp(c *apd.Context, d, x, _ *apd.Decimal) (apd.Condition, error) { return c.Exp(d, x) }
func opLn(c *apd.Context, d, x, _ *apd.Decimal) (apd.Condition, error)  { return c.Ln(d, x) }
func opSqrt(c *apd.Context, d, x, _ *apd.Decimal) (apd.Condition, error) {
	return c.Sqrt(d, x)
}

func (d dec) add(o dec) (dec, bool) {
	if d.big == nil && o.big == nil && d.exp == o.exp {
		if s := d.coef + o.coef; s < pow10[smallDigits] && s > -pow10[smallDigits] {
			return dec{coef: s, exp: d.exp}, true
		}
	}
	return exact(opAdd, d, o)
}

func (d dec) neg() dec {
	if d.big == nil {
		return dec{coef: -d.coef, exp: d.exp}
	}
	return dec{big: new(apd.Decimal).Neg(d.big)}
}

func (d dec) abs() dec {
	if d.sign() < 0 {
		return d.neg()
	}
	return d
}

// to rounds, or fills up, to a number of digits behind the point.
func (d dec) to(places int32, how apd.Rounder) dec {
	if d.big == nil && -d.exp == places {
		return d
	}
	c := exactly
	c.Rounding = how
	c.Precision = 2*maxDigits + resultDigits
	var x, z apd.Decimal
	if _, err := c.Quantize(&z, d.apd(&x), -places); err != nil {
		return d
	}
	return decFrom(&z)
}

// equivalent compares after rounding to the places of the less precise number (FHIRPath N1, 6.1.2).
func (d dec) equivalent(o dec) bool {
	p := min(d.places(), o.places())
	return d.to(p, apd.RoundHalfUp).compare(o.to(p, apd.RoundHalfUp)) == 0
}

// stripped removes zeros at the end of the fraction, of the fraction only.
func (d dec) stripped() dec {
	for d.big == nil && d.exp < 0 && d.coef%10 == 0 {
		d.coef /= 10
		d.exp++
	}
	return d
}
