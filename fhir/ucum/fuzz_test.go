package ucum

import (
	"errors"
	"testing"

	"github.com/cockroachdb/apd/v3"
)

// Laws: a code is a unit or a *SyntaxError that points into it; a printed unit
// parses to the same unit and prints the same.
func FuzzParseThenPrintIsStable(f *testing.F) {
	for _, code := range []string{"mmol/L", "/m.s", "10*3", "10^-3", "(m/s){a}/4.{b}", "dB[10.nV]", "[m/s2/Hz^(1/2)]", "m[H2O]-02", "007.g", "",
		"((((m", "µg", "Ym999", "m{", "Cel.10/3", "[IU].[CFU]-3", "{}", "'", "''2"} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code string) {
		u, err := Parse(code)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(code) || syntax.Code != code || u.String() != "" {
				t.Fatalf("%q: %v", code, err)
			}
			return
		}
		printed := u.String()
		again, err := Parse(printed)
		if err != nil || again.String() != printed {
			t.Fatalf("%q prints %q, which parses to %q, %v", code, printed, again, err)
		}
		if !u.CommensurableWith(again) || u.scale.factor.Cmp(again.scale.factor) != 0 || u.scale.special != again.scale.special {
			t.Fatalf("%q and %q differ in meaning", code, printed)
		}
		if u.DisplayName() != again.DisplayName() || u.Dimension() == "" {
			t.Fatalf("%q: display %q, dimension %q", code, u.DisplayName(), u.Dimension())
		}
	})
}

// Laws: there is a result or one of the three errors; a value other than zero
// never becomes zero between proper units.
func FuzzConvertNeverYieldsASilentZero(f *testing.F) {
	f.Add("37", "Cel", "K")
	f.Add("1", "mmol/mol", "%")
	f.Add("1e-6000", "yg", "Yg")
	f.Add("7", "[pH]", "mol/L")
	f.Add("-1e3000", "dB[SPL]", "mm[Hg]")
	f.Add("1e-300", "%[slope]", "deg")
	f.Add("89.999999999", "deg", "[p'diop]")
	f.Add("NaN", "[degF]", "[degRe]")
	f.Fuzz(func(t *testing.T, text, from, to string) {
		v, _, err := apd.NewFromString(text)
		if err != nil {
			return
		}
		got, err := Convert(v, from, to)
		if err != nil {
			if got != nil || !(errors.Is(err, ErrInvalidUnit) || errors.Is(err, ErrNotConvertible) || errors.Is(err, ErrValue)) {
				t.Fatalf("%s %q to %q: %v, %v", text, from, to, got, err)
			}
			return
		}
		u, err := Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		w, err := Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if !u.Special() && !w.Special() && got.Sign() != v.Sign() {
			t.Fatalf("%s %q is %s %q", text, from, got, to)
		}
	})
}
