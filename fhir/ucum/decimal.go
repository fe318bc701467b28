package ucum

import (
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

// tens holds the powers of ten that nearly every conversion needs.
var tens = func() (powers [2*resultDigits + 1]apd.BigInt) {
	powers[0].SetInt64(1)
	for i := 1; i < len(powers); i++ {
		powers[i].Mul(&powers[i-1], apd.NewBigInt(10))
	}
	return powers
}()

// tenTo returns a power of ten, which the caller must not change.
func tenTo(n int32) *apd.BigInt {
	if int(n) < len(tens) {
		return &tens[n]
	}
	return new(apd.BigInt).Exp(&tens[1], apd.NewBigInt(int64(n)), nil)
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
	f := ratioOf(new(big.Rat).Abs(r))
	d := f.times(&apd.Decimal{Negative: r.Sign() < 0, Coeff: tens[0]})
	f.divide(d)
	return tidy(d)
}

// rounded returns an intermediate result to 34 digits.
func rounded(d *number) (*apd.Decimal, error) {
	context := working
	context.Precision = resultDigits
	result := new(apd.Decimal)
	if _, err := context.Round(result, d); err != nil {
		return nil, fmt.Errorf("ucum: %w: %w", ErrValue, err)
	}
	return tidy(result)
}
