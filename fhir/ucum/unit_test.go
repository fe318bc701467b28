package ucum

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

func TestAWrongCodeIsRefusedWithPlaceAndRemedy(t *testing.T) {
	for _, c := range []struct {
		code  string
		at    int
		words string
	}{
		{"", 0, `write "1"`},
		{"mmoll", 0, `did you mean "mmol"?`},
		{"mg/DL", 3, `did you mean "dL"?`},
		{"mmHg", 0, `did you mean "mm[Hg]"?`},
		{"cm[H20]", 0, `did you mean "cm[H2O]"?`},
		{"IU/L", 0, `did you mean "[IU]"?`},
		{"mIU/L", 0, `did you mean "m[IU]"?`},
		{"[iu]", 0, `did you mean "[iU]"?`},
		{"mcg/L", 0, `did you mean "ug"?`},
		{"mval/l", 0, `did you mean "meq"?`},
		{"Tsd/uL", 0, `did you mean "10*3"?`},
		{"10e9/L", 2, `"10*3"`},
		{"m/x", 2, "annotation"},
		{"mg/dL2x", 6, `join units`},
		{"m/qwertz", 2, "annotation"},
		{"µg/L", 0, `"u" for micro`},
		{"°C", 0, `"Cel"`},
		{"m²", 1, "digit"},
		{"mg / L", 2, "remove the space"},
		{"g/12h", 4, `"12.h"`},
		{"10+3/uL", 2, `"10*3"`},
		{"(m.s)2", 5, "takes no exponent"},
		{"{a}m", 3, "last part"},
		{"m{a}{b}", 4, "last part"},
		{"m{a", 1, "not closed"},
		{"m{a{b}}", 1, "do not nest"},
		{"(m", 0, "not closed"},
		{"m)", 1, "remove it"},
		{"m(s)", 1, `"." or "/"`},
		{"(/m)", 1, `"(1/…"`},
		{"m/", 2, "expected"},
		{".m", 0, "expected"},
		{"m..s", 2, "expected"},
		{"//m", 1, "expected"},
		{"s-", 1, "exponent"},
		{"m[H2O", 1, `add "]"`},
		{"m]", 1, "operator"},
		{"m1000", 1, "beyond 999"},
		{"0.m", 0, "zero is no unit"},
		{"/0", 1, "zero is no unit"},
		{"Ym999", 0, "magnitude"},
		{"Cel2", 0, "K for Cel"},
		{"W/Cel", 2, "K for Cel"},
		{"m.Cel", 2, "K for Cel"},
		{"Cel.Cel", 4, "K for Cel"},
		{"[IU].dB", 5, "special unit"},
		{strings.Repeat("m.", 300) + "m", 0, "longer than"},
	} {
		err := Validate(c.code)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !errors.Is(err, ErrInvalidUnit) {
			t.Errorf("%q: %v", c.code, err)
			continue
		}
		if syntax.Offset != c.at || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%q: at %d: %v, want %d and %q", c.code, syntax.Offset, err, c.at, c.words)
		}
		if _, err := Convert(dec(t, "1"), "m", c.code); !errors.Is(err, ErrInvalidUnit) {
			t.Errorf("converting to %q: %v", c.code, err)
		}
		if _, err := Convert(dec(t, "1"), c.code, "m"); !errors.Is(err, ErrInvalidUnit) {
			t.Errorf("converting from %q: %v", c.code, err)
		}
	}
}

func TestFreeTextInPlaceOfAUnitIsShortenedInTheError(t *testing.T) {
	text := strings.Repeat("x", 100)
	if err := Validate("m{" + text + "}m"); err == nil || strings.Contains(err.Error(), text) {
		t.Fatalf("%v", err)
	}
}

func TestWhatTheGrammarAllows(t *testing.T) {
	for code, printed := range map[string]string{
		"1":                  "1",
		"007.m":              "7.m",
		"m+2":                "m2",
		"m-02":               "m-2",
		"m1":                 "m",
		"m0":                 "m0",
		"10^-3/uL":           "10^-3/uL",
		"/m":                 "/m",
		"/m.s":               "/m.s",
		"((m))":              "((m))",
		"(m.s){a}":           "(m.s){a}",
		"{}":                 "{}",
		"mL/min/{1.73_m2}":   "mL/min/{1.73_m2}",
		"100.Cel":            "100.Cel",
		"Cel/10":             "Cel/10",
		"Cel{core}":          "Cel{core}",
		"[pi].rad/360":       "[pi].rad/360",
		"cal_[15]/g":         "cal_[15]/g",
		"[m/s2/Hz^(1/2)]":    "[m/s2/Hz^(1/2)]",
		"dB[10.nV]":          "dB[10.nV]",
		"KiBy/s":             "KiBy/s",
		"''":                 "''",
		"[Amb'a'1'U]":        "[Amb'a'1'U]",
		"m[H2O]2":            "m[H2O]2",
		"dam":                "dam",
		"10*23.mol-1":        "10*23.mol-1",
		"[in_i'H2O]/(L/min)": "[in_i'H2O]/(L/min)",
	} {
		u, err := Parse(code)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if u.String() != printed {
			t.Errorf("%q: %q, want %q", code, u, printed)
		}
	}
}

func TestDivisionGoesFromLeftToRight(t *testing.T) {
	for code, canonical := range map[string]string{
		"s/m.g":      "1 g.m-1.s",
		"s/(m.g)":    "1 g-1.m-1.s",
		"/m.s":       "1 m-1.s",
		"m/s/s":      "1 m.s-2",
		"kPa":        "1000000 g.m-1.s-2",
		"10*3":       "1000 1",
		"2.m/4.s":    "1/2 m.s",
		"[IU]/mL":    "1000000 [iU].m-3",
		"[iU].[IU]":  "1 [iU]2",
		"[IU]/[iU]":  "1 1",
		"[CFU]/[IU]": "1 [CFU].[iU]-1",
		"S":          "1/1000 C2.g-1.m-2.s",
		"m0":         "1 1",
		"%{vol}":     "1/100 1",
	} {
		factor, unit, err := Canonical(code)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if got := factor.RatString() + " " + unit; got != canonical {
			t.Errorf("%q: %s, want %s", code, got, canonical)
		}
	}
}

func TestASpecialUnitHasNoFactor(t *testing.T) {
	if _, _, err := Canonical("Cel"); !errors.Is(err, ErrNotConvertible) {
		t.Fatalf("%v", err)
	}
	value, unit, err := CanonicalQuantity(Quantity{dec(t, "37"), "Cel"})
	if err != nil || unit != "K" || value.Cmp(big.NewRat(31015, 100)) != 0 {
		t.Fatalf("%v %s, %v", value, unit, err)
	}
	value, unit, err = CanonicalQuantity(Quantity{dec(t, "7"), "[pH]"})
	// 1e-7 mol/L are 6.02214076e23 × 1e-7 × 1000 = 6.02214076e19 particles in a cubic metre.
	if err != nil || unit != "m-3" || value.Cmp(new(big.Rat).Mul(big.NewRat(602214076, 1), big.NewRat(1e11, 1))) != 0 {
		t.Fatalf("%v %s, %v", value, unit, err)
	}
}

func TestNoSymbolCanBeReadInTwoWays(t *testing.T) {
	ours := loaded(t)
	read := map[string]string{}
	for i := range prefixes {
		for _, a := range ours.order {
			if !a.metric {
				continue
			}
			symbol := prefixes[i].code + a.code
			way := prefixes[i].code + " " + a.code
			if first, twice := read[symbol]; twice {
				t.Errorf("%q: %s and %s", symbol, first, way)
			}
			read[symbol] = way
			p, got := ours.split(symbol)
			if ours.atoms[symbol] != nil {
				continue // an atom goes before a prefix: cd, not centi-day
			}
			if p == nil || p.code+" "+got.code != way {
				t.Errorf("%q is not read as %s", symbol, way)
			}
		}
	}
}

func TestEveryAtomConvertsToItsDefinition(t *testing.T) {
	ours := loaded(t)
	for _, a := range ours.order {
		if a.isBase() || a.function != "" || a.arbitrary {
			continue
		}
		got, err := Convert(dec(t, "1"), a.code, a.unit)
		if err != nil {
			t.Errorf("%s: %v", a.code, err)
			continue
		}
		if got.Cmp(dec(t, a.value)) != 0 {
			t.Errorf("1 %s is %s %s, want %s", a.code, got, a.unit, a.value)
		}
	}
}

func TestTheZeroUnitAndTheZeroPlanAreRefused(t *testing.T) {
	var u Unit
	if u.String() != "" || u.Dimension() != "" || u.DisplayName() != "" || u.Special() || u.Arbitrary() || u.CommensurableWith(u) {
		t.Error("the zero unit is taken for a unit")
	}
	for _, p := range []*Plan{nil, {}} {
		if d, err := p.Convert(dec(t, "1")); !errors.Is(err, ErrNotConvertible) || d != nil {
			t.Errorf("%v, %v", d, err)
		}
	}
}

func TestDisplayNames(t *testing.T) {
	for code, want := range map[string]string{
		"":                "(unity)",
		"1":               "(unity)",
		"/m":              "1 / (meter)",
		"mg/(kg.d)":       "(milligram) / ((kilogram) * (day))",
		"10*9/L":          "(the number ten for arbitrary powers ^ 9) / (liter)",
		"[drp]/{HPF}":     "(drop) / {HPF}",
		"kg{total}":       "(kilogram) {total}",
		"Cel":             "(degree Celsius)",
		"m[IU]/L":         "(milliinternational unit) / (liter)",
		"KiBy":            "(kibibyte)",
		"[m/s2/Hz^(1/2)]": "(meter per square seconds per square root of hertz)",
	} {
		if got, err := DisplayName(code); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", code, got, err, want)
		}
	}
	if _, err := DisplayName("qwertz"); !errors.Is(err, ErrInvalidUnit) {
		t.Errorf("%v", err)
	}
}
