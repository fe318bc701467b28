package ucum

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// dimension is the vector of powers of the base units, in the order of
// baseAtoms, and of the arbitrary units, each of which is an axis of its own.
type dimension struct {
	base      [7]int
	arbitrary []arbitraryPower // sorted by code, no exponent is 0
}

type arbitraryPower struct {
	code     string
	exponent int
}

const maxDimensionExponent = 32767

func (d dimension) isOne() bool { return d.base == [7]int{} && len(d.arbitrary) == 0 }

func (d dimension) equal(o dimension) bool {
	return d.base == o.base && slices.Equal(d.arbitrary, o.arbitrary)
}

// times returns d·o^exponent.
func (d dimension) times(o dimension, exponent int) (dimension, error) {
	for i := range d.base {
		d.base[i] += o.base[i] * exponent
		if beyond(d.base[i]) {
			return dimension{}, errDimensionBeyond
		}
	}
	if len(o.arbitrary) == 0 {
		return d, nil
	}
	sum := slices.Clone(d.arbitrary)
	for _, p := range o.arbitrary {
		i, found := slices.BinarySearchFunc(sum, p.code, func(a arbitraryPower, code string) int {
			return cmp.Compare(a.code, code)
		})
		if !found {
			sum = slices.Insert(sum, i, arbitraryPower{code: p.code})
		}
		sum[i].exponent += p.exponent * exponent
		if beyond(sum[i].exponent) {
			return dimension{}, errDimensionBeyond
		}
	}
	d.arbitrary = slices.DeleteFunc(sum, func(p arbitraryPower) bool { return p.exponent == 0 })
	return d, nil
}

func beyond(exponent int) bool {
	return exponent > maxDimensionExponent || exponent < -maxDimensionExponent
}

// String returns the canonical unit of the dimension: a UCUM code of magnitude
// one, arbitrary units first, then base units in alphabetical order, for
// example "g.m-1.s-2"; "1" for a number.
func (d dimension) String() string {
	var parts []string
	for _, p := range d.arbitrary {
		parts = append(parts, powerCode(p.code, p.exponent))
	}
	for i, e := range d.base {
		if e != 0 {
			parts = append(parts, powerCode(baseAtoms[i].code, e))
		}
	}
	if len(parts) == 0 {
		return "1"
	}
	return strings.Join(parts, ".")
}

func powerCode(code string, exponent int) string {
	if exponent == 1 {
		return code
	}
	return code + strconv.Itoa(exponent)
}

// lacksMolarMass reports whether the dimensions differ by mass alone, which is
// how an amount of substance and its mass differ.
func (d dimension) lacksMolarMass(o dimension) bool {
	if !slices.Equal(d.arbitrary, o.arbitrary) {
		return false
	}
	for i := range d.base {
		difference := d.base[i] - o.base[i]
		if i == massAxis {
			if difference != 1 && difference != -1 {
				return false
			}
		} else if difference != 0 {
			return false
		}
	}
	return true
}
