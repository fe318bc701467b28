package ucum

import (
	"math/big"

	"github.com/cockroachdb/apd/v3"
)

// ratio is a positive rational num/den × 10^exponent whose den has neither 2
// nor 5 as a factor, so that a quotient by it ends if and only if it is whole.
type ratio struct {
	num, den apd.BigInt
	exponent int32
	whole    bool // den is 1
}

func ratioOf(r *big.Rat) *ratio {
	den := new(big.Int).Set(r.Denom())
	twos := den.TrailingZeroBits()
	den.Rsh(den, twos)
	fives := stripFives(den)
	n := max(twos, fives)
	num := new(big.Int).Set(r.Num())
	num.Mul(num, intPower(2, n-twos)).Mul(num, intPower(5, n-fives))
	f := &ratio{exponent: -int32(n), whole: den.IsInt64() && den.Int64() == 1} // #nosec G115 -- magnitudes have at most 8192 bits
	f.num.SetMathBigInt(num)
	f.den.SetMathBigInt(den)
	f.shiftTens()
	return f
}

// shiftTens moves the tens of the numerator into the exponent.
func (f *ratio) shiftTens() {
	var q, r apd.BigInt
	ten := tenTo(1)
	for f.num.Sign() != 0 {
		if q.QuoRem(&f.num, ten, &r); r.Sign() != 0 {
			return
		}
		f.num.Set(&q)
		f.exponent++
	}
}

func stripFives(n *big.Int) uint {
	var count uint
	five, q, r := big.NewInt(5), new(big.Int), new(big.Int)
	for n.Sign() != 0 {
		if q.QuoRem(n, five, r); r.Sign() != 0 {
			break
		}
		n.Set(q)
		count++
	}
	return count
}

func intPower(base int64, n uint) *big.Int {
	return new(big.Int).Exp(big.NewInt(base), new(big.Int).SetUint64(uint64(n)), nil)
}

// times returns d × num × 10^exponent.
func (f *ratio) times(d *apd.Decimal) *apd.Decimal {
	product := &apd.Decimal{Negative: d.Negative, Exponent: d.Exponent + f.exponent}
	product.Coeff.Mul(&d.Coeff, &f.num)
	return product
}

// divide replaces d by d/den, exactly where the quotient ends, else rounded.
func (f *ratio) divide(d *apd.Decimal) {
	if f.whole || d.Coeff.Sign() == 0 {
		return
	}
	var q, r apd.BigInt
	if q.QuoRem(&d.Coeff, &f.den, &r); r.Sign() == 0 {
		d.Coeff.Set(&q)
		return
	}
	divideRounded(d, &f.den)
}

// divideRounded replaces d by d/den, rounded half-even to 34 digits.
func divideRounded(d *apd.Decimal, den *apd.BigInt) {
	divisor := signed(den)
	shift := int32(resultDigits - (d.NumDigits() - divisor.NumDigits())) // #nosec G115 -- digits of a bounded number
	var q, r apd.BigInt
	for {
		num, by := new(apd.BigInt).Set(&d.Coeff), new(apd.BigInt).Set(den)
		if shift >= 0 {
			num.Mul(num, tenTo(shift))
		} else {
			by.Mul(by, tenTo(-shift))
		}
		q.QuoRem(num, by, &r)
		if signed(&q).NumDigits() <= resultDigits {
			roundHalfEven(&q, &r, by)
			d.Coeff.Set(&q)
			d.Exponent -= shift
			return
		}
		shift--
	}
}

func roundHalfEven(q, r, by *apd.BigInt) {
	twice := new(apd.BigInt).Lsh(r, 1)
	c := twice.Cmp(by)
	if c > 0 || (c == 0 && q.Bit(0) == 1) {
		q.Add(q, apd.NewBigInt(1))
	}
}

// line leads from one interval scale to another: y = slope·x + shift. It is
// kept over one denominator that neither 2 nor 5 divides, for the same reason
// as in ratio.
type line struct {
	slope *ratio
	shift *apd.Decimal // times the denominator of the slope
	exact struct{ slope, shift *big.Rat }
}

func newLine(slope, shift *big.Rat) *line {
	l := &line{slope: ratioOf(slope)}
	l.exact.slope, l.exact.shift = slope, shift
	den := new(big.Rat).SetInt(l.slope.den.MathBigInt())
	scaled := ratioOf(new(big.Rat).Abs(den.Mul(den, shift)))
	if scaled.whole {
		l.shift = scaled.times(&apd.Decimal{Negative: shift.Sign() < 0, Coeff: tens[0]})
	}
	return l
}

// apply returns the value on the other scale. The short way needs the shift as
// a finite decimal and a value of everyday size; big.Rat serves the others.
func (l *line) apply(value *apd.Decimal) (*apd.Decimal, error) {
	if l.shift == nil || value.Exponent > resultDigits || value.Exponent < -resultDigits {
		x := ratOf(value)
		return decimalOf(x.Mul(x, l.exact.slope).Add(x, l.exact.shift))
	}
	y := l.slope.times(value)
	addTo(y, l.shift)
	l.slope.divide(y)
	return tidy(y)
}

// addTo replaces d by d + s, exactly.
func addTo(d, s *apd.Decimal) {
	var term apd.BigInt
	switch lift := d.Exponent - s.Exponent; {
	case lift >= 0:
		d.Coeff.Mul(&d.Coeff, tenTo(lift))
		d.Exponent = s.Exponent
		term.Set(&s.Coeff)
	default:
		term.Mul(&s.Coeff, tenTo(-lift))
	}
	if d.Negative == s.Negative {
		d.Coeff.Add(&d.Coeff, &term)
		return
	}
	d.Coeff.Sub(&d.Coeff, &term)
	if d.Coeff.Sign() < 0 {
		d.Coeff.Neg(&d.Coeff)
		d.Negative = !d.Negative
	}
}
