package fhirpath

import "github.com/cockroachdb/apd/v3"

// Functions of numbers (FHIRPath N1, 5.7).
var mathFunctions = map[string]function{
	"abs":      compileScalar(scalar{kindsNumber | kindSet(Quantity), nil, sameKind, absolute}, 0),
	"ceiling":  compileScalar(whole(apd.RoundCeiling), 0),
	"floor":    compileScalar(whole(apd.RoundFloor), 0),
	"truncate": compileScalar(whole(apd.RoundDown), 0),
	"round":    compileScalar(scalar{kindsNumber, []kinds{kindSet(Integer)}, resulting(Decimal), round}, 0),
	"exp":      compileScalar(decimalFunction(opExp), 0),
	"ln":       compileScalar(decimalFunction(opLn), 0),
	"sqrt":     compileScalar(decimalFunction(opSqrt), 0),
	"log":      compileScalar(scalar{kindsNumber, []kinds{kindsNumber}, resulting(Decimal), logarithm}, 1),
	"power":    compileScalar(scalar{kindsNumber, []kinds{kindsNumber}, powerType, power}, 1),
}

func absolute(_ *ctx, in *Value, _ []Value) (Value, bool) {
	if in.dec().sign() < 0 {
		return in.negated(), true
	}
	return *in, true
}

// whole rounds to an Integer, or to a Decimal without places where that is too small.
func whole(how apd.Rounder) scalar {
	return scalar{kindsNumber, nil, resulting(Integer), func(_ *ctx, in *Value, _ []Value) (Value, bool) {
		d := in.dec().to(0, how)
		if v, ok := wholeValue(d, Integer); ok {
			return v, true
		}
		return decimalValue(d), true
	}}
}

func round(c *ctx, in *Value, args []Value) (Value, bool) {
	places := int64(0)
	if len(args) == 1 {
		places = args[0].num
	}
	if places < 0 || places > quotient {
		return Value{}, false
	}
	d := in.dec()
	if int64(d.places()) > places {
		d = d.to(int32(places), apd.RoundHalfUp)
	}
	return decimalValue(d), true
}

func decimalFunction(op decOp) scalar {
	return scalar{kindsNumber, nil, resulting(Decimal), func(_ *ctx, in *Value, _ []Value) (Value, bool) {
		if in.dec().tooLarge() {
			return Value{}, false
		}
		d, ok := inexact(op, in.dec(), dec{})
		return decimalValue(d), ok
	}}
}

// tooLarge bounds what the power functions work on, so that none of them runs for long.
func (d dec) tooLarge() bool {
	limit := dec{coef: 1, exp: 9}
	return d.abs().compare(limit) > 0 || d.places() > resultDigits
}

func logarithm(_ *ctx, in *Value, args []Value) (Value, bool) {
	x, okX := inexact(opLn, in.dec(), dec{})
	b, okB := inexact(opLn, args[0].dec(), dec{})
	if !okX || !okB || b.sign() == 0 {
		return Value{}, false
	}
	d, ok := inexact(opQuo, x, b)
	return decimalValue(d.to(min(d.places(), quotient-6), apd.RoundHalfUp).stripped()), ok
}

func powerType(in static) static {
	if in.single() == systemTypes[Decimal] {
		return ofKind(Decimal)
	}
	return ofKind(Integer).join(ofKind(Decimal))
}

func power(_ *ctx, in *Value, args []Value) (Value, bool) {
	if in.dec().tooLarge() || args[0].dec().tooLarge() {
		return Value{}, false
	}
	d, ok := inexact(opPow, in.dec(), args[0].dec())
	if !ok {
		return Value{}, false
	}
	if in.kind != Decimal && args[0].kind != Decimal {
		if v, ok := wholeValue(d, in.kind); ok {
			return v, true
		}
	}
	return decimalValue(d), true
}
