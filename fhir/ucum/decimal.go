package ucum

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/cockroachdb/apd/v3"
)

// maxValueBits bounds the coefficient of a value: some 6144 decimal digits.
const maxValueBits = 20480

// checkValue refuses what cannot be computed with.
func checkValue(d *apd.Decimal) error {
	switch {
	case d == nil:
		return fmt.Errorf("ucum: %w: there is no value", ErrValue)
	case d.Form != apd.Finite:
		return fmt.Errorf("ucum: %w: it is not a finite number", ErrValue)
	case d.Coeff.Sign() < 0:
		return fmt.Errorf("ucum: %w: its coefficient is negative; set the sign apart", ErrValue)
	case d.Exponent > maxMagnitude || d.Exponent < -2*maxMagnitude || d.Coeff.BitLen() > maxValueBits:
		return errRange()
	}
	return nil
}

func errRange() error {
	return fmt.Errorf("ucum: %w: it is beyond 1E±%d", ErrValue, maxMagnitude)
}

// tidy gives a result its plain form and checks its range. Zeros at the end of
// a fraction are removed, since their number would only tell of the factor; a
// whole number of up to 34 digits is written without an exponent.
func tidy(d *apd.Decimal) (*apd.Decimal, error) {
	if d.Coeff.Sign() == 0 {
		return new(apd.Decimal), nil
	}
	if d.Exponent < 0 {
		trim(d)
	}
	if o := order(d); o > maxMagnitude+1 || o < -maxMagnitude+1 {
		return nil, errRange()
	}
	if d.Exponent > 0 && order(d) <= resultDigits {
		d.Coeff.Mul(&d.Coeff, tenTo(d.Exponent))
		d.Exponent = 0
	}
	return d, nil
}

// trim removes the zeros at the end of a fraction.
func trim(d *apd.Decimal) {
	if d.Coeff.IsUint64() {
		u := d.Coeff.Uint64()
		for d.Exponent < 0 && u%10 == 0 {
			u /= 10
			d.Exponent++
		}
		d.Coeff.SetUint64(u)
		return
	}
	var q, r apd.BigInt
	ten := tenTo(1)
	for d.Exponent < 0 {
		if q.QuoRem(&d.Coeff, ten, &r); r.Sign() != 0 {
			return
		}
		d.Coeff.Set(&q)
		d.Exponent++
	}
}

func tenTo(n int32) *apd.BigInt {
	return new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(int64(n)), nil)
}

// ratOf returns the exact value of a checked decimal.
func ratOf(d *apd.Decimal) *big.Rat {
	num := new(big.Int).Set(d.Coeff.MathBigInt())
	if d.Negative {
		num.Neg(num)
	}
	power := tenTo(max(d.Exponent, -d.Exponent)).MathBigInt()
	if d.Exponent < 0 {
		return new(big.Rat).SetFrac(num, power)
	}
	return new(big.Rat).SetInt(num.Mul(num, power))
}

// decimalOf returns r, exactly where it is a finite decimal, else rounded
// half-even to 34 digits.
func decimalOf(r *big.Rat) (*apd.Decimal, error) {
	d := &apd.Decimal{Negative: r.Sign() < 0}
	f := ratioOf(new(big.Rat).Abs(r))
	d.Coeff.Set(&f.num)
	d.Exponent = f.exponent
	f.divide(d)
	return tidy(d)
}

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
	f := &ratio{exponent: -int32(n), whole: den.IsInt64() && den.Int64() == 1}
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
	shift := int32(resultDigits - (d.NumDigits() - divisor.NumDigits()))
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

// rounded returns an intermediate result to 34 digits.
func rounded(d *number) (*apd.Decimal, error) {
	context := working
	context.Precision = resultDigits
	result := new(apd.Decimal)
	if _, err := context.Round(result, d); err != nil {
		return nil, errors.Join(ErrValue, err)
	}
	return tidy(result)
}
