package ucum

import (
	"errors"
	"strings"
	"testing"
)

// Each outcome was worked out apart from this package, from the definitions of
// the units with a decimal calculator.
var clinical = []struct{ value, from, to, want string }{
	// concentrations
	{"5.4", "mmol/L", "umol/L", "5400"},
	{"88", "umol/L", "mmol/L", "0.088"},
	{"1.2", "mg/dL", "g/L", "0.012"},
	{"12.5", "g/dL", "g/L", "125"},
	{"3", "ng/mL", "ug/L", "3"},
	{"0.25", "pg/mL", "ng/L", "0.25"},
	{"4", "ug/dL", "mg/L", "0.04"},
	{"140", "meq/L", "mmol/L", "140"},
	{"290", "mosm/kg", "mmol/kg", "290"},
	{"1", "mmol/mol", "%", "0.1"},
	{"48", "mmol/mol", "%", "4.8"},
	{"1", "g%", "g/L", "10"},
	// counts
	{"7.2", "10*9/L", "/uL", "7200"},
	{"4500", "/uL", "10*9/L", "4.5"},
	{"4.8", "10*12/L", "10*6/uL", "4.8"},
	{"250", "10*3/uL", "10^9/L", "250"},
	{"3", "/[HPF]", "/{HPF}", "3"},
	// enzymes and arbitrary units
	{"35", "U/L", "ukat/L", "0.5833333333333333333333333333333333"},
	{"1", "ukat/L", "U/L", "60"},
	{"15", "m[IU]/L", "[IU]/mL", "0.000015"},
	{"2.5", "u[IU]/mL", "m[iU]/L", "2.5"},
	{"100", "k[IU]/L", "[IU]/mL", "100"},
	{"3", "[arb'U]/mL", "[arb'U]/L", "3000"},
	// temperatures
	{"37", "Cel", "K", "310.15"},
	{"310.15", "K", "Cel", "37"},
	{"98.6", "[degF]", "Cel", "37"},
	{"-40", "[degF]", "Cel", "-40"},
	{"0", "K", "[degF]", "-459.67"},
	{"100", "Cel", "[degF]", "212"},
	{"80", "[degRe]", "Cel", "100"},
	{"1", "[degF]", "K", "255.9277777777777777777777777777778"},
	{"0.037", "kCel", "Cel", "37"},
	{"491.67", "[degR]", "Cel", "0"},
	// pressures and resistances
	{"120", "mm[Hg]", "kPa", "15.99864"},
	{"16", "kPa", "mm[Hg]", "120.0102008670737012646074916367891"},
	{"10", "cm[H2O]", "mm[Hg]", "7.355612727081801953166019111624488"},
	{"1", "[wood'U]", "mm[Hg].min/L", "1"},
	{"2", "bar", "kPa", "200"},
	// radioactivity and dose
	{"185", "MBq", "GBq", "0.185"},
	{"2.5", "MBq/kg", "kBq/g", "2.5"},
	{"10", "mCi", "MBq", "370"},
	{"5", "kBq/mL", "MBq/L", "5"},
	{"20", "mSv", "Sv", "0.02"},
	{"1", "RAD", "cGy", "1"},
	// acidity
	{"7", "[pH]", "mol/L", "1E-7"},
	{"7.4", "[pH]", "nmol/L", "39.81071705534972507702523050877520"},
	{"1e-7", "mol/L", "[pH]", "7"},
	{"40", "nmol/L", "[pH]", "7.397940008672037609572522210551014"},
	// time
	{"12", "mo", "a", "1"},
	{"1", "mo/a", "1", "0.08333333333333333333333333333333333"},
	{"1", "a", "d", "365.25"},
	{"2", "wk", "d", "14"},
	{"90", "min", "h", "1.5"},
	{"72", "/min", "Hz", "1.2"},
	// body and fluids
	{"6", "[ft_i]", "cm", "182.88"},
	{"150", "[lb_av]", "kg", "68.0388555"},
	{"72.5", "kg", "g", "72500"},
	{"90", "mL/min/{1.73_m2}", "L/h/{1.73_m2}", "5.4"},
	{"24", "kg/m2", "g/cm2", "2.4"},
	{"3", "mg/(kg.d)", "ug/kg/h", "125"},
	{"6", "[Ch]", "mm", "2"},
	{"10", "[drp]", "mL", "0.5"},
	{"3", "[MET]", "mL/(min.kg)", "10.5"},
	// angles and levels
	{"100", "%[slope]", "deg", "45"},
	{"45", "deg", "%[slope]", "100"},
	{"180", "deg", "[pi].rad", "1"},
	{"100", "[p'diop]", "deg", "45"},
	{"60", "dB", "1", "1000000"},
	{"1000", "1", "B", "3"},
	{"94", "dB[SPL]", "Pa", "1.002374467254544570003108373769892"},
	{"120", "dB[uV]", "V", "1"},
	{"3", "B[W]", "B[kW]", "0"},
	{"1", "Np", "1", "2.718281828459045235360287471352662"},
	{"8", "bit_s", "1", "256"},
	{"4", "[m/s2/Hz^(1/2)]", "m2/s3", "16"},
	{"9", "m2/s4/Hz", "[m/s2/Hz^(1/2)]", "3"},
	{"6", "[hp'_X]", "1", "0.000001"},
	{"3", "[hp'_C]", "[hp'_X]", "6"},
	{"2", "[hp'_M]", "1", "0.000001"},
	{"1", "[hp'_Q]", "1", "0.00002"},
}

func TestClinicalConversions(t *testing.T) {
	for _, c := range clinical {
		got, err := Convert(dec(t, c.value), c.from, c.to)
		if err != nil {
			t.Errorf("%s %s to %s: %v", c.value, c.from, c.to, err)
			continue
		}
		if got.Cmp(dec(t, c.want)) != 0 {
			t.Errorf("%s %s to %s: %s, want %s", c.value, c.from, c.to, got, c.want)
		}
	}
}

func TestWhatUCUMDoesNotDefineIsRefusedWithAReason(t *testing.T) {
	for _, c := range []struct{ from, to, reason string }{
		{"mg/dL", "mmol/L", "molar mass"},
		{"umol/L", "mg/dL", "molar mass"},
		{"g", "mol", "molar mass"},
		{"[IU]/L", "U/L", "assay"},
		{"[IU]/mL", "mg/mL", "assay"},
		{"[IU]", "[arb'U]", "assay"},
		{"[IU]", "1", "assay"},
		{"[IU]2", "[IU]", "assay"},
		{"[hp_X]", "[hp'_X]", "assay"},
		{"[CFU]/mL", "[PFU]/mL", "assay"},
		{"pH", "[pH]", "picohenry"},
		{"37", "Cel", `"1" and "K"`},
		{"C", "K", "coulomb"},
		{"G/L", "10*9/L", "gauss"},
		{"kg", "cm", `"g" and "m"`},
		{"mL/min/1.73.m2", "mL/min/{1.73_m2}", `"m5.s-1" and "m3.s-1"`},
		{"10*9/L", "10*9", `"m-3" and "1"`},
		{"Bq", "Gy", `"s-1" and "m2.s-2"`},
	} {
		got, err := Convert(dec(t, "1"), c.from, c.to)
		if !errors.Is(err, ErrNotConvertible) || got != nil {
			t.Errorf("%s to %s: %v, %v", c.from, c.to, got, err)
			continue
		}
		if !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s to %s: %q does not tell %q", c.from, c.to, err, c.reason)
		}
		if Commensurable(c.from, c.to) || Commensurable(c.to, c.from) {
			t.Errorf("%s and %s are commensurable", c.from, c.to)
		}
	}
}

func TestAValueOutsideOfTheDomainIsRefused(t *testing.T) {
	for _, c := range []struct{ value, from, to string }{
		{"0", "mol/L", "[pH]"},
		{"-1", "mol/L", "[pH]"},
		{"0", "1", "dB"},
		{"-1", "m2/s3", "[m/s2/Hz^(1/2)]"},
		{"-1", "[m/s2/Hz^(1/2)]", "m2/s3"},
		{"90", "deg", "%[slope]"},
		{"-135", "deg", "[p'diop]"},
		{"1E+100", "%[slope]", "deg"},
		{"7000", "[pH]", "mol/L"},
		{"-7000", "[pH]", "mol/L"},
		{"1E+6000", "B", "1"},
		{"NaN", "g", "kg"},
		{"Infinity", "g", "g"},
		{"-Infinity", "Cel", "K"},
		{"1E+99999", "g", "kg"},
		{"1E-99999", "g", "kg"},
		{"1E+6144", "kg", "g"},
		{"1E-6143", "g", "kg"},
	} {
		if got, err := Convert(dec(t, c.value), c.from, c.to); !errors.Is(err, ErrValue) || got != nil {
			t.Errorf("%s %s to %s: %v, %v", c.value, c.from, c.to, got, err)
		}
	}
	if _, err := Convert(nil, "g", "kg"); !errors.Is(err, ErrValue) {
		t.Errorf("no value: %v", err)
	}
}

func TestTheHintsNameValidCodesAndAreReachable(t *testing.T) {
	for code := range mistaken {
		if err := Validate(code); err != nil {
			t.Errorf("%v", err)
		}
	}
	for _, code := range lookalikes {
		if err := Validate(code); err != nil {
			t.Errorf("suggested: %v", err)
		}
	}
	for symbol := range lookalikes {
		if p, a := loaded(t).split(symbol); a != nil {
			t.Errorf("%q is a known unit (%v), so its entry is never used", symbol, p)
		}
	}
}

func TestTheWayAResultIsWritten(t *testing.T) {
	for _, c := range []struct{ value, from, to, want string }{
		{"6.30", "mm", "mm", "6.30"},        // nothing was computed
		{"6.30", "mmol/L", "meq/L", "6.30"}, // likewise
		{"6.30", "mm", "m", "0.0063"},
		{"6.30", "m", "mm", "6300"},
		{"1", "mol", "1", "602214076000000000000000"},
		{"1", "Ym", "ym", "1E+48"},
		{"1E3", "g", "kg", "1"},
		{"-0.0", "g", "kg", "0"},
		{"0.00", "Cel", "K", "273.15"},
		{"-273.15", "Cel", "K", "0"},
		{"1", "m", "[ft_i]", "3.28083989501312335958005249343832"},
		{"3", "[ft_i]", "[yd_i]", "1"},
		{"12345678901234567890123456789012345678901234567890", "g", "mg", "1.2345678901234567890123456789012345678901234567890E+52"},
	} {
		got, err := Convert(dec(t, c.value), c.from, c.to)
		if err != nil || got.String() != c.want {
			t.Errorf("%s %s to %s: %s, %v, want %s", c.value, c.from, c.to, got, err, c.want)
		}
	}
}

func TestTheValueGivenIsLeftAlone(t *testing.T) {
	value := dec(t, "37.50")
	for _, to := range []string{"Cel", "K", "mCel"} {
		got, err := Convert(value, "Cel", to)
		if err != nil {
			t.Fatal(err)
		}
		got.Coeff.SetInt64(1)
		if value.String() != "37.50" {
			t.Fatalf("the value became %s", value)
		}
	}
}
