package ucum

import (
	"errors"
	"math/big"
)

// scale is the meaning of a unit. For a proper unit it is factor base units of
// the dimension. For a special unit the factor is the number α that scales its
// function (UCUM 22), and the dimension is that of the corresponding proper
// unit. A scale is never changed once made.
type scale struct {
	factor    *big.Rat
	dimension dimension
	special   *special
}

// maxMagnitudeBits bounds numerator and denominator of a factor. The largest
// units in use need some 300 bits; the bound keeps a hostile code from
// occupying the processor.
const maxMagnitudeBits = 8192

var (
	errMagnitude       = errors.New("its magnitude is beyond what this package computes with")
	errSpecialAlgebra  = errors.New("a special unit may be scaled by a number and cannot be multiplied, divided or raised otherwise")
	errZeroFactor      = errors.New("zero is no unit")
	errDimensionBeyond = errors.New("its dimension has an exponent beyond 32767")
)

func unity() scale { return scale{factor: big.NewRat(1, 1)} }

func baseScale(code string) scale {
	s := unity()
	for i := range baseAtoms {
		if baseAtoms[i].code == code {
			s.dimension.base[i] = 1
		}
	}
	return s
}

func arbitraryScale(code string) scale {
	s := unity()
	s.dimension.arbitrary = []arbitraryPower{{code: code, exponent: 1}}
	return s
}

// isNumber reports whether the scale is a plain number.
func (s scale) isNumber() bool { return s.special == nil && s.dimension.isOne() }

// times returns s·o, or s/o where the exponent is -1.
func (s scale) times(o scale, exponent int) (scale, error) {
	special := s.special
	if o.special != nil {
		if exponent < 0 || !s.isNumber() {
			return scale{}, errSpecialAlgebra
		}
		special = o.special
	} else if s.special != nil && !o.isNumber() {
		return scale{}, errSpecialAlgebra
	}
	d, err := s.dimension.times(o.dimension, exponent)
	if err != nil {
		return scale{}, err
	}
	factor := o.factor
	if exponent < 0 {
		factor = new(big.Rat).Inv(factor)
	}
	factor = new(big.Rat).Mul(s.factor, factor)
	if ratBits(factor) > maxMagnitudeBits {
		return scale{}, errMagnitude
	}
	return scale{factor: factor, dimension: d, special: special}, nil
}

// power returns s raised to the exponent.
func (s scale) power(exponent int) (scale, error) {
	if exponent == 1 {
		return s, nil
	}
	if s.special != nil {
		return scale{}, errSpecialAlgebra
	}
	d, err := dimension{}.times(s.dimension, exponent)
	if err != nil {
		return scale{}, err
	}
	factor, err := ratPower(s.factor, exponent)
	if err != nil {
		return scale{}, err
	}
	return scale{factor: factor, dimension: d}, nil
}

func ratPower(r *big.Rat, exponent int) (*big.Rat, error) {
	n := exponent
	if n < 0 {
		n = -n
	}
	if ratBits(r)*n > maxMagnitudeBits {
		return nil, errMagnitude
	}
	e := big.NewInt(int64(n))
	num, den := new(big.Int).Exp(r.Num(), e, nil), new(big.Int).Exp(r.Denom(), e, nil)
	if exponent < 0 {
		num, den = den, num
	}
	return new(big.Rat).SetFrac(num, den), nil
}

func ratBits(r *big.Rat) int { return max(r.Num().BitLen(), r.Denom().BitLen()) }
