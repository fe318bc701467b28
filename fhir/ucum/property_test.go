package ucum

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"
)

// properUnit draws a code of proper and arbitrary units.
func properUnit(t *testing.T) *rapid.Generator[string] {
	var atoms, metric []string
	for _, a := range loaded(t).order {
		if a.function != "" {
			continue
		}
		atoms = append(atoms, a.code)
		if a.metric {
			metric = append(metric, a.code)
		}
	}
	symbol := rapid.Custom(func(t *rapid.T) string {
		code := rapid.SampledFrom(atoms).Draw(t, "atom")
		if rapid.Bool().Draw(t, "prefixed") {
			code = rapid.SampledFrom(prefixes).Draw(t, "prefix").code + rapid.SampledFrom(metric).Draw(t, "metric")
		}
		if e := rapid.IntRange(-4, 4).Draw(t, "exponent"); e != 1 {
			code += strconv.Itoa(e)
		}
		return code + rapid.SampledFrom([]string{"", "", "{x}"}).Draw(t, "annotation")
	})
	return rapid.Custom(func(t *rapid.T) string {
		code := rapid.SampledFrom([]string{"", "/", "12."}).Draw(t, "start") + symbol.Draw(t, "first")
		for range rapid.IntRange(0, 3).Draw(t, "more") {
			operator := rapid.SampledFrom([]string{".", "/"}).Draw(t, "operator")
			if next := symbol.Draw(t, "next"); rapid.Bool().Draw(t, "grouped") {
				code += operator + "(" + next + "/s)"
			} else {
				code += operator + next
			}
		}
		return code
	})
}

// value draws a decimal other than zero.
var value = rapid.Custom(func(t *rapid.T) *apd.Decimal {
	d := apd.New(rapid.Int64().Filter(func(i int64) bool { return i != 0 && i != math.MinInt64 }).Draw(t, "coefficient"),
		rapid.Int32Range(-30, 30).Draw(t, "exponent"))
	return d
})

// unitOfSame draws a second unit that is commensurable with the first.
func unitOfSame(t *rapid.T, code string) string {
	_, canonical, err := Canonical(code)
	if err != nil {
		t.Fatal(err)
	}
	return rapid.SampledFrom([]string{"", "7.", "10*-5.", "[pi].", "/3."}).Draw(t, "scaled") + canonical
}

func TestAConversionIsTheQuotientOfTheFactors(t *testing.T) {
	unit := properUnit(t)
	rapid.Check(t, func(t *rapid.T) {
		from, v := unit.Draw(t, "from"), value.Draw(t, "value")
		to := unitOfSame(t, from)
		got, err := Convert(v, from, to)
		if err != nil {
			t.Fatal(err)
		}
		f, _, _ := Canonical(from)
		g, _, _ := Canonical(to)
		want := ratOf(v)
		want.Mul(want, f).Quo(want, g)
		if _, finite := want.FloatPrec(); finite {
			if ratOf(got).Cmp(want) != 0 {
				t.Fatalf("%s, want exactly %s", got, want)
			}
			return
		}
		within(t, ratOf(got), want, 1, 34)
		if n := got.NumDigits(); n > 34 {
			t.Fatalf("%s has %d digits", got, n)
		}
	})
}

func TestIntervalScalesAreExact(t *testing.T) {
	// Base units of a degree and the zero of its scale, in kelvin.
	scales := map[string][2]*big.Rat{
		"K": {big.NewRat(1, 1), new(big.Rat)}, "Cel": {big.NewRat(1, 1), big.NewRat(27315, 100)}, "mCel": {big.NewRat(1, 1000), big.NewRat(27315, 100)},
		"[degR]": {big.NewRat(5, 9), new(big.Rat)}, "[degF]": {big.NewRat(5, 9), big.NewRat(45967*5, 900)}, "[degRe]": {big.NewRat(5, 4), big.NewRat(27315, 100)},
	}
	unit := rapid.SampledFrom([]string{"K", "Cel", "mCel", "[degR]", "[degF]", "[degRe]"})
	rapid.Check(t, func(t *rapid.T) {
		from, to := unit.Draw(t, "from"), unit.Draw(t, "to")
		v := value.Draw(t, "value")
		v.Exponent += rapid.SampledFrom([]int32{0, 0, 20, -20}).Draw(t, "lift")
		got, err := Convert(v, from, to)
		if err != nil {
			t.Fatal(err)
		}
		want := ratOf(v)
		want.Mul(want, scales[from][0]).Add(want, scales[from][1])
		want.Sub(want, scales[to][1]).Quo(want, scales[to][0])
		if _, finite := want.FloatPrec(); finite {
			if ratOf(got).Cmp(want) != 0 {
				t.Fatalf("%s, want exactly %s", got, want)
			}
			return
		}
		within(t, ratOf(got), want, 1, 34)
	})
}

func TestThereAndBackAgainIsTheValue(t *testing.T) {
	unit := properUnit(t)
	rapid.Check(t, func(t *rapid.T) {
		from, v := unit.Draw(t, "from"), value.Draw(t, "value")
		to := unitOfSame(t, from)
		there, err := Convert(v, from, to)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Convert(there, to, from)
		if err != nil {
			t.Fatal(err)
		}
		within(t, ratOf(back), ratOf(v), 2, 33)
	})
}

// within fails unless got and want differ by no more than units in the last of
// so many significant digits of want.
func within(t *rapid.T, got, want *big.Rat, units, digits int64) {
	t.Helper()
	off := new(big.Rat).Sub(got, want)
	off.Quo(off, want).Abs(off)
	limit := new(big.Rat).SetFrac(big.NewInt(units), new(big.Int).Exp(big.NewInt(10), big.NewInt(digits-1), nil))
	if off.Cmp(limit) > 0 {
		t.Fatalf("%s, want %s: off by %s", got.FloatString(50), want.FloatString(50), off.FloatString(50))
	}
}

func TestCommensurabilityIsAnEquivalence(t *testing.T) {
	pool := []string{"1", "%", "mol", "mg/dL", "g/L", "mmol/L", "[IU]/L", "[iU]/mL", "[arb'U]/mL", "[IU]", "Cel", "K", "[degF]",
		"[pH]", "/m3", "Pa", "mm[Hg]", "B[SPL]", "J/m3", "Hz", "Bq", "/min", "deg", "%[slope]", "rad", "[CFU].[IU]", "[IU].[CFU]", "[IU]/[IU]"}
	unit := rapid.OneOf(rapid.SampledFrom(pool), properUnit(t))
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := unit.Draw(t, "a"), unit.Draw(t, "b"), rapid.SampledFrom(pool).Draw(t, "c")
		if !Commensurable(a, a) {
			t.Fatalf("%s is not commensurable with itself", a)
		}
		if Commensurable(a, b) != Commensurable(b, a) {
			t.Fatalf("%s and %s: not symmetric", a, b)
		}
		if Commensurable(a, b) && Commensurable(b, c) && !Commensurable(a, c) {
			t.Fatalf("%s, %s, %s: not transitive", a, b, c)
		}
		if _, err := PlanFor(a, b); Commensurable(a, b) != (err == nil) || (err != nil && !errors.Is(err, ErrNotConvertible)) {
			t.Fatalf("%s and %s: the plan disagrees: %v", a, b, err)
		}
	})
}

func TestTransitivityHoldsForEveryThreeOfThePool(t *testing.T) {
	// Random units are seldom commensurable; these groups are.
	groups := [][]string{{"1", "%", "mol", "[pi]", "[IU]/[IU]", "dB", "[hp'_X]"}, {"Cel", "K", "[degF]", "[degR]"},
		{"[IU]/L", "m[iU]/mL"}, {"Pa", "mm[Hg]", "J/m3", "B[SPL]"}, {"[CFU].[IU]", "[IU].[CFU]"}, {"[pH]", "mmol/L", "/uL"}}
	for i, g := range groups {
		for j, h := range groups {
			for _, a := range g {
				for _, b := range h {
					if Commensurable(a, b) != (i == j) {
						t.Errorf("%s and %s: %v", a, b, i != j)
					}
				}
			}
		}
	}
}

func TestACanonicalUnitIsItsOwn(t *testing.T) {
	unit := properUnit(t)
	rapid.Check(t, func(t *rapid.T) {
		_, canonical, err := Canonical(unit.Draw(t, "unit"))
		if err != nil {
			t.Fatal(err)
		}
		factor, again, err := Canonical(canonical)
		if err != nil || again != canonical || factor.Cmp(big.NewRat(1, 1)) != 0 {
			t.Fatalf("%s is %v %s, %v", canonical, factor, again, err)
		}
	})
}

func TestProductsAndQuotientsUndoEachOther(t *testing.T) {
	unit := properUnit(t)
	rapid.Check(t, func(t *rapid.T) {
		a := Quantity{value.Draw(t, "a"), unit.Draw(t, "unit of a")}
		b := Quantity{value.Draw(t, "b"), unit.Draw(t, "unit of b")}
		product, err := Multiply(a, b)
		if err != nil {
			t.Fatal(err)
		}
		quotient, err := Divide(product, b)
		if err != nil {
			t.Fatal(err)
		}
		x, unitX, err := CanonicalQuantity(quotient)
		if err != nil {
			t.Fatal(err)
		}
		y, unitY, err := CanonicalQuantity(a)
		if err != nil || unitX != unitY {
			t.Fatalf("%s and %s, %v", unitX, unitY, err)
		}
		within(t, x, y, 1, 33)
	})
}

func TestComparisonAgreesWithConversion(t *testing.T) {
	for _, c := range []struct {
		a, unitA, b, unitB string
		want               int
	}{
		{"37", "Cel", "310.15", "K", 0},
		{"37", "Cel", "98.5", "[degF]", 1},
		{"1", "min", "60", "s", 0},
		{"0.9", "g/L", "100", "mg/dL", -1},
		{"7", "[pH]", "100", "nmol/L", 0},
		{"7.4", "[pH]", "7.3", "[pH]", -1}, // less acid
		{"1", "a", "12", "mo", 0},
		{"-1", "Cel", "0", "K", 1},
	} {
		a, b := Quantity{dec(t, c.a), c.unitA}, Quantity{dec(t, c.b), c.unitB}
		got, err := Compare(a, b)
		if err != nil || got != c.want {
			t.Errorf("%v and %v: %d, %v, want %d", a, b, got, err, c.want)
		}
		if back, err := Compare(b, a); err != nil || back != -c.want {
			t.Errorf("%v and %v: %d, %v, want %d", b, a, back, err, -c.want)
		}
	}
	if _, err := Compare(Quantity{dec(t, "1"), "g"}, Quantity{dec(t, "1"), "m"}); !errors.Is(err, ErrNotConvertible) {
		t.Errorf("%v", err)
	}
	if _, err := Divide(Quantity{dec(t, "1"), "g"}, Quantity{dec(t, "0"), "m"}); !errors.Is(err, ErrValue) {
		t.Errorf("%v", err)
	}
	if _, err := Multiply(Quantity{dec(t, "1"), "Cel"}, Quantity{dec(t, "2"), "m"}); !errors.Is(err, ErrInvalidUnit) {
		t.Errorf("%v", err)
	}
}

// The special functions against those of the standard library.
func TestSpecialFunctionsAgreeWithFloatingPoint(t *testing.T) {
	forward := map[string]func(float64) float64{
		"Np": math.Log, "B": math.Log10, "bit_s": math.Log2,
		"[hp'_X]": func(x float64) float64 { return -math.Log10(x) },
		"[hp'_C]": func(x float64) float64 { return -math.Log(x) / math.Log(100) },
		"[hp'_M]": func(x float64) float64 { return -math.Log(x) / math.Log(1000) },
		"[hp'_Q]": func(x float64) float64 { return -math.Log(x) / math.Log(50000) },
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(1e-9, 1e9).Draw(t, "x")
		for unit, f := range forward {
			near(t, unit, convertFloat(t, x, "1", unit), f(x))
		}
		near(t, "B[V]", convertFloat(t, x, "V", "B[V]"), 2*math.Log10(x))
		near(t, "[pH]", convertFloat(t, x, "mol/L", "[pH]"), -math.Log10(x))
		near(t, "sqrt", convertFloat(t, x, "m2/s3", "[m/s2/Hz^(1/2)]"), math.Sqrt(x))
		angle := rapid.Float64Range(-1.57, 1.57).Draw(t, "angle")
		near(t, "%[slope]", convertFloat(t, angle, "rad", "%[slope]"), 100*math.Tan(angle))
		near(t, "[p'diop]", convertFloat(t, x, "[p'diop]", "rad"), math.Atan(x/100))
	})
}

func convertFloat(t *rapid.T, x float64, from, to string) float64 {
	var d apd.Decimal
	if _, err := d.SetFloat64(x); err != nil {
		t.Fatal(err)
	}
	got, err := Convert(&d, from, to)
	if err != nil {
		t.Fatal(err)
	}
	f, err := got.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func near(t *rapid.T, what string, got, want float64) {
	if math.Abs(got-want) > 1e-12*max(1, math.Abs(want)) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func TestSpecialUnitsReturnToTheirValue(t *testing.T) {
	pairs := []pair{{"Cel", "[degF]"}, {"[degRe]", "K"}, {"mCel", "[degF]"}, {"[pH]", "mmol/L"}, {"dB[SPL]", "mm[Hg]"}, {"Np", "dB"},
		{"bit_s", "%"}, {"%[slope]", "deg"}, {"[p'diop]", "'"}, {"[hp'_Q]", "[hp'_C]"}, {"B[10.nV]", "B[uV]"}, {"[m/s2/Hz^(1/2)]", "cm2/s3"}}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(pairs).Draw(t, "pair")
		v := apd.New(rapid.Int64Range(1, 99999).Draw(t, "value"), -3)
		there, err := Convert(v, p.from, p.to)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Convert(there, p.to, p.from)
		if err != nil {
			t.Fatal(err)
		}
		within(t, ratOf(back), ratOf(v), 1, 28)
	})
}
