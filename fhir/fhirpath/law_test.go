package fhirpath

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
)

func TestDaysAgreeWithTheCalendar(t *testing.T) {
	for d := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() <= 9999; d = d.AddDate(0, 0, 17) {
		n := days(d.Year(), int(d.Month()), d.Day())
		if n*secondsPerDay != d.Unix() {
			t.Fatalf("%s is day %d", d.Format(time.DateOnly), n)
		}
		if y, m, day := civil(n); y != d.Year() || m != int(d.Month()) || day != d.Day() {
			t.Fatalf("day %d is %04d-%02d-%02d, not %s", n, y, m, day, d.Format(time.DateOnly))
		}
	}
}

func FuzzDecimalsAgreeWithRationals(f *testing.F) {
	for _, s := range [][2]string{{"1.10", "1.1"}, {"-0.5", "5e-1"}, {"123456789012345678901234567890", "1e29"}, {"999999999999999999", "1000000000000000000"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, s, u string) {
		a, okA := parseDec(s)
		b, okB := parseDec(u)
		if !okA || !okB {
			return
		}
		x, okX := new(big.Rat).SetString(s)
		y, okY := new(big.Rat).SetString(u)
		if !okX || !okY {
			t.Fatalf("accepted %q or %q, which math/big refuses", s, u)
		}
		if got, want := a.compare(b), x.Cmp(y); got != want {
			t.Fatalf("%s against %s: %d, want %d", s, u, got, want)
		}
		for name, op := range map[string]struct {
			ours func(dec) (dec, bool)
			want *big.Rat
		}{
			"+": {a.add, new(big.Rat).Add(x, y)},
			"*": {func(o dec) (dec, bool) { return exact(opMul, a, o) }, new(big.Rat).Mul(x, y)},
		} {
			if r, ok := op.ours(b); ok {
				if z, _ := new(big.Rat).SetString(r.String()); z.Cmp(op.want) != 0 {
					t.Fatalf("%s %s %s gave %s", s, name, u, r)
				}
			}
		}
		again, ok := parseDec(a.String())
		if !ok || again.compare(a) != 0 || again.places() != a.places() && a.places() > 0 {
			t.Fatalf("%q is written %q", s, a)
		}
	})
}

// FuzzMomentsKeepTheirText states that what is read as a moment is written the same, up to nine digits of a fraction,
// and that fhir's reader agrees on what it accepts.
func FuzzMomentsKeepTheirText(f *testing.F) {
	for _, s := range []string{"2024", "2024-02-29", "2024-02-29T10", "2024-02-29T23:59:59.123456789-09:30", "2023-02-29", "0001-01-01T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := parseMoment(s, DateTime)
		d, err := fhir.ParseDateTime(s)
		if err == nil && !ok {
			t.Fatalf("%q is a FHIR dateTime and was refused", s)
		}
		if _, fraction, _ := strings.Cut(s, "."); !ok || len(fraction) > 9 {
			return
		}
		if second := len("2024-02-29T10:10:"); len(s) > second && s[second] == '6' {
			return // a leap second is written as the next minute
		}
		if got := m.String(); got != s && !strings.HasSuffix(s, "-00:00") {
			t.Fatalf("%q is written %q", s, got)
		}
		if instant, zoned := d.Instant(); err == nil && zoned {
			if v, known := m.compare(momentOf(instant.Truncate(time.Millisecond)), nil); !known || v < 0 {
				t.Fatalf("%q is not at or after its own millisecond", s)
			}
		}
	})
}

func TestEveryFunctionHasOneEntry(t *testing.T) {
	n := 0
	for _, group := range functionGroups() {
		n += len(group)
	}
	if n != len(functions) {
		t.Errorf("%d entries name %d functions", n, len(functions))
	}
}

func TestNarrativesAreChecked(t *testing.T) {
	const ns = ` xmlns="http://www.w3.org/1999/xhtml"`
	for text, want := range map[string]bool{
		"<div" + ns + "><p>text</p></div>":                      true,
		"<div" + ns + "><img src='#a'/></div>":                  true,
		"<div" + ns + "> \n</div>":                              false,
		"<div" + ns + "><script>x</script></div>":               false,
		"<div" + ns + "><p onclick='x'>text</p></div>":          false,
		"<div" + ns + "><a href=' JavaScript:x'>text</a></div>": false,
		"<p" + ns + ">text</p>":                                 false,
		"<div" + ns + ">text":                                   false,
		"<div" + ns + ">text</div><div" + ns + ">text</div>":    false,
		"<!DOCTYPE x><div" + ns + ">text</div>":                 false,
		"text":                                                  false,
	} {
		if narrativeIsSafe(text) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
}

func TestMadeValuesAreWhatTheyWereMadeOf(t *testing.T) {
	if v := NewInteger(1 << 40); v.Kind() != Long || v.Text() != "1099511627776" {
		t.Errorf("%v %s", v.Kind(), v.Text())
	}
	if v, err := NewMoment(DateTime, "2024-03-05T10:00:00+01:00"); err != nil || v.Text() != "2024-03-05T10:00:00+01:00" {
		t.Errorf("%v %s", err, v.Text())
	}
	if _, err := NewMoment(Date, "2024-02-30"); err == nil {
		t.Error("there is no 30 February")
	}
	d, _ := parseDec("1.50")
	v, err := NewQuantity(apdQuantity(d, "").Value, "mg")
	if n, unit, ok := v.Quantity(); err != nil || !ok || unit != "mg" || n.String() != "1.50" {
		t.Errorf("%v %s", err, v.Text())
	}
	if _, err := NewElement(fhir.Node{}, ""); err == nil {
		t.Error("a missing node was taken for an element")
	}
}
