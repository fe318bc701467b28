package ucum

import (
	"fmt"
	"math/big"
)

// special is what a special unit is made of besides its scale factor: the
// value in the unit is f(m/u)/α of a quantity m (UCUM 21, 22).
type special struct {
	code      string
	offset    *big.Rat // of an interval scale, where f(x) = x - offset; else nil
	function  function // of any other scale
	reference *big.Rat // u, in base units
}

// function is a pair of inverse functions on numbers.
type function interface {
	// forward leads from the proper quantity to the value in the special unit.
	forward(x *number) (*number, error)
	// inverse leads back.
	inverse(x *number) (*number, error)
}

// offsets holds the interval scales, by the name of their function. The
// offset is the zero of the scale, counted in the unit u of the definition.
var offsets = map[string]string{
	"Cel":   "273.15", // u = K
	"degF":  "459.67", // u = 5 K/9
	"degRe": "218.52", // u = 5 K/4
}

// functions holds the other special scales, by the name of their function.
var functions = map[string]function{
	"ln":          logarithm{times: 1},
	"lg":          logarithm{base: 10, times: 1},
	"lgTimes2":    logarithm{base: 10, times: 2},
	"ld":          logarithm{base: 2, times: 1},
	"pH":          logarithm{base: 10, times: -1},
	"hpX":         logarithm{base: 10, times: -1},
	"hpC":         logarithm{base: 100, times: -1},
	"hpM":         logarithm{base: 1000, times: -1},
	"hpQ":         logarithm{base: 50000, times: -1},
	"sqrt":        squareRoot{},
	"tanTimes100": tangent{},
	"100tan":      tangent{},
}

// specialScale makes the scale of a special atom whose definition resolves to
// the proper unit of.
func specialScale(a *atom, of scale) (scale, error) {
	s := &special{code: a.code, reference: of.factor}
	if offset, ok := offsets[a.function]; ok {
		zero, err := decimalRat(offset)
		if err != nil {
			return scale{}, err
		}
		s.offset = zero
	} else if s.function = functions[a.function]; s.function == nil {
		return scale{}, fmt.Errorf("function %q is unknown", a.function)
	}
	if _, angle := s.function.(tangent); angle {
		// The table gives the angle once in radian and once in degree. A
		// tangent is that of the angle, however it is measured, so that 45 deg
		// are 100 %[slope] and 100 [p'diop].
		s.reference = big.NewRat(1, 1)
	}
	return scale{factor: big.NewRat(1, 1), dimension: of.dimension, special: s}, nil
}
