package fhirpath

import "github.com/cockroachdb/apd/v3"

// Precision and the values that a written value may stand for (FHIRPath 3.0 ballot, 5.7 "lowBoundary").
var boundaryFunctions = map[string]function{
	"lowBoundary":  compileScalar(scalar{kindsBounded, []kinds{kindSet(Integer)}, boundaryType, func(_ *ctx, in *Value, a []Value) (Value, bool) { return boundary(in, a, false) }}, 0),
	"highBoundary": compileScalar(scalar{kindsBounded, []kinds{kindSet(Integer)}, boundaryType, func(_ *ctx, in *Value, a []Value) (Value, bool) { return boundary(in, a, true) }}, 0),
	"precision":    compileScalar(scalar{kindsNumber | kindsMoment, nil, resulting(Integer), precision}, 0),
	"comparable":   compileScalar(scalar{kindSet(Quantity), []kinds{kindSet(Quantity)}, resulting(Boolean), comparableUnits}, 1),
}

const kindsBounded = kindsNumber | kindsMoment | 1<<Quantity

func boundaryType(in static) static {
	if in.set == nil {
		return static{}
	}
	var r static
	for k := Boolean; k <= Quantity; k++ {
		if in.kinds()&kindsBounded&kindSet(k) != 0 {
			if k == Integer || k == Long {
				k = Decimal
			}
			r = r.orKind(k)
		}
	}
	return r
}

const maxPrecision = 31

// Digits that a precision counts, by resolution.
var (
	dateDigits = [...]int64{toYear: 4, toMonth: 6, toDay: 8, toHour: 10, toMinute: 12, toSecond: 14, toFraction: 17}
	timeDigits = [...]int64{toHour: 2, toMinute: 4, toSecond: 6, toFraction: 9}
)

func digitsOf(kind Kind) []int64 {
	if kind == Time {
		return timeDigits[:]
	}
	return dateDigits[:]
}

func precision(_ *ctx, in *Value, _ []Value) (Value, bool) {
	if in.isMoment() {
		return integerValue(digitsOf(in.kind)[in.res]), true
	}
	return integerValue(int64(in.dec().places())), true
}

func boundary(in *Value, args []Value, high bool) (Value, bool) {
	if in.isMoment() {
		return momentBoundary(in, args, high)
	}
	places := int64(8)
	if len(args) == 1 {
		places = args[0].num
	}
	if places < 0 || places > maxPrecision {
		return Value{}, false
	}
	d, ok := in.dec().boundary(int32(places), high)
	if in.kind == Quantity {
		return quantityValue(d, in.text, in.flags&flagWord != 0), ok
	}
	return decimalValue(d), ok
}

// boundary adds or subtracts half of the last written place. The bound that lies further from zero is rounded, the one
// nearer to zero is cut, as the R4 suite has it.
func (d dec) boundary(places int32, high bool) (dec, bool) {
	half := dec{coef: 5, exp: -d.places() - 1}
	if !high {
		half = half.neg()
	}
	b, ok := d.add(half)
	if !ok {
		return dec{}, false
	}
	away := high == (d.sign() >= 0)
	how := apd.RoundDown
	if away {
		how = apd.RoundHalfUp
	}
	return b.to(places, how), true
}

func momentBoundary(in *Value, args []Value, high bool) (Value, bool) {
	res := map[Kind]resolution{Date: toDay, DateTime: toFraction, Time: toFraction}[in.kind]
	if len(args) == 1 {
		res = 0
		for r, n := range digitsOf(in.kind) {
			if n == args[0].num && n > 0 {
				res = resolution(r) // #nosec G115 -- an index of digitsOf
			}
		}
	}
	if res == 0 || in.kind == Date && res > toDay {
		return Value{}, false
	}
	m := in.moment()
	if m.res < res {
		m = m.widened(res, high)
	}
	return momentValue(m.cut(res)), true
}

// widened is the first or last moment that m may stand for. A missing zone is the one in which that is earliest or
// latest.
func (m moment) widened(res resolution, high bool) moment {
	if high {
		if m.res < toSecond {
			m.sec = m.end() - 1
		}
		if m.res < toFraction {
			m.nano = 999e6
		}
	}
	if m.kind == DateTime && !m.zoned && res > toDay {
		m.zoned, m.offset = true, eastmost/60
		if high {
			m.offset = -westmost / 60
		}
	}
	if m.res < toFraction {
		m.digits = 3
	}
	m.res = toFraction
	return m
}

func comparableUnits(_ *ctx, in *Value, args []Value) (Value, bool) {
	_, how := compareQuantities(in, &args[0])
	return booleanValue(how == ordered), true
}
