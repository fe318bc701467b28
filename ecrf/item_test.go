package ecrf

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
)

func TestEachTypeHasOneSpelling(t *testing.T) {
	sex := &CodeList{Name: "sex", Codes: []Code{{"1", "male"}, {"2", "female"}}}
	for _, c := range []struct {
		item     Item
		in, want string // want "" is an error
	}{
		{Item{Type: Integer}, "5", "5"},
		{Item{Type: Integer}, "+5", "5"},
		{Item{Type: Integer}, "-0", "0"},
		{Item{Type: Integer}, "007", "7"},
		{Item{Type: Integer}, "5.0", "5"},
		{Item{Type: Integer}, "1.2e1", "12"},
		{Item{Type: Integer}, "5.4", ""},
		{Item{Type: Integer}, "5,4", ""},
		{Item{Type: Integer}, " 5", ""},
		{Item{Type: Integer}, "NaN", ""},
		{Item{Type: Integer}, "1e999", ""},
		{Item{Type: Integer}, "", ""},
		{Item{Type: Decimal, Decimals: 2}, "4.1", "4.10"},
		{Item{Type: Decimal, Decimals: 2}, "4.105", "4.11"},
		{Item{Type: Decimal, Decimals: 2}, "-4.105", "-4.11"},
		{Item{Type: Decimal, Decimals: 2}, "4.1049999", "4.10"},
		{Item{Type: Decimal, Decimals: 2}, "-0.001", "0.00"},
		{Item{Type: Decimal, Decimals: 0}, "12.5", "13"},
		{Item{Type: Decimal, Decimals: 1}, "1E2", "100.0"},
		{Item{Type: Decimal, Decimals: 1}, "0x10", ""},
		{Item{Type: Decimal, Decimals: 1}, ".5", ""},
		{Item{Type: Decimal, Decimals: 1}, "5.", ""},
		{Item{Type: Decimal, Decimals: 1}, "1e", ""},
		{Item{Type: Decimal, Decimals: 1}, "Infinity", ""},
		{Item{Type: Date}, "2024-02-29", "2024-02-29"},
		{Item{Type: Date}, "2023-02-29", ""},
		{Item{Type: Date}, "2024-02", ""},
		{Item{Type: Date}, "0000-01-01", ""},
		{Item{Type: PartialDate}, "2024-02", "2024-02"},
		{Item{Type: PartialDate}, "2024", "2024"},
		{Item{Type: PartialDate}, "2024-13", ""},
		{Item{Type: DateTime}, "2024-02-29T23:59:59", "2024-02-29T23:59:59"},
		{Item{Type: DateTime}, "2024-02-29T23:59:59Z", ""},
		{Item{Type: Boolean}, "true", "true"},
		{Item{Type: Boolean}, "yes", ""},
		{Item{Type: Choice, list: sex}, "1", "1"},
		{Item{Type: Choice, list: sex}, "male", ""},
		{Item{Type: Choice}, "1", ""},
		{Item{Type: Text}, "a\nb", "a\nb"},
		{Item{Type: Text}, "a\x00b", ""},
		{Item{Type: Text}, "a\xffb", ""},
		{Item{Type: Text}, "a\rb", ""},
		{Item{Type: Text, Length: 2}, "äö", "äö"},
		{Item{Type: Text, Length: 2}, "äöü", ""},
		{Item{Type: "unknown"}, "a", ""},
	} {
		got, err := c.item.Canonical(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s(%d) %q: %q, %v; want %q", c.item.Type, c.item.Decimals, c.in, got, err, c.want)
		}
		if checked := c.item.Check(c.in); (checked == nil) != (c.want != "" && c.in == c.want) {
			t.Errorf("%s: Check(%q) is %v", c.item.Type, c.in, checked)
		}
	}
}

func TestBoundsAreInclusiveAndCompareNumbersNotTexts(t *testing.T) {
	weight := Item{Name: "weight", Type: Decimal, Decimals: 1, Min: "9.5", Max: "120.0"}
	for value, inside := range map[string]bool{"9.5": true, "120.0": true, "9.4": false, "120.1": false, "20.0": true, "-20.0": false} {
		err := weight.Check(value)
		if inside != (err == nil) || err != nil && !errors.Is(err, ErrOutOfRange) {
			t.Errorf("%s: %v", value, err)
		}
		if err != nil && strings.Contains(err.Error(), value) {
			t.Errorf("the error repeats the value: %v", err)
		}
	}
	visit := Item{Type: PartialDate, Min: "2024-05-10"}
	for value, inside := range map[string]bool{"2024": true, "2024-05": true, "2024-04": false, "2024-05-09": false, "2025": true} {
		if err := visit.Check(value); inside != (err == nil) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestTheDictionaryChecksByNameAndKnowsItsItems(t *testing.T) {
	d, _ := registry(t)
	if err := d.Check("sex", "1"); err != nil {
		t.Error(err)
	}
	if err := d.Check("sex", "male"); !errors.Is(err, ErrNotACode) {
		t.Error(err)
	}
	if err := d.Check("postal_region", "123"); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	if d.Check("no_such_item", "1") == nil {
		t.Error("an unknown item was checked")
	}
}

func TestMissingReasonsAreAPublishedList(t *testing.T) {
	all := MissingReasons()
	for i, r := range all {
		if !r.Valid() || slices.Contains(all[:i], r) {
			t.Errorf("%s is not valid, or there twice", r)
		}
	}
	if Absent("masked") != "absent:masked" || Absent("made-up") != "absent:unknown" {
		t.Error("absent codes")
	}
	for _, r := range []MissingReason{"", "absent:", "absent:made-up", "other"} {
		if r.Valid() {
			t.Errorf("%q is valid", r)
		}
	}
}

// FuzzCanonicalIsAFixedPoint: what Canonical returns passes Check and is its own canonical text.
func FuzzCanonicalIsAFixedPoint(f *testing.F) {
	for _, s := range []string{"1", "-0.005", "1e5", "2024-05", "text", "+1.50", "99999999999999999999"} {
		f.Add(s, uint8(2))
	}
	f.Fuzz(func(t *testing.T, s string, decimals uint8) {
		for _, typ := range Types() {
			it := Item{Name: "i", Type: typ, Decimals: int(decimals % (maxDecimals + 1))}
			canonical, err := it.Canonical(s)
			if err != nil {
				continue
			}
			if err := it.Check(canonical); err != nil {
				t.Errorf("%s: Canonical(%q) = %q: %v", typ, s, canonical, err)
			}
			if strings.ContainsAny(canonical, "eE+") && typ == Decimal {
				t.Errorf("%q has an exponent or a plus", canonical)
			}
		}
	})
}

func TestAShortWayThroughNumbersGivesWhatTheLongWayGives(t *testing.T) {
	texts := []string{"0", "-0", "00", "01", "1", "-1", "10", "9", "1.0", "1.00", "1.05", "1.5", "0.5", "-0.5", ".5", "5.", "1e2", "+1", "", "1.2.3", "12345678901234567890123456789012345678901", "0.10", "0.1"}
	rng := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- a test's numbers
	for range 2000 {
		texts = append(texts, fmt.Sprintf("%.*f", rng.IntN(4), (rng.Float64()-0.3)*math.Pow(10, float64(rng.IntN(6)))))
	}
	for i, a := range texts {
		for decimals := range 3 {
			want, err := spellExactly(a, decimals, true)
			if spelled(a, decimals) && (err != nil || want != a) {
				t.Errorf("%q with %d decimals counts as spelled; it is spelled %q, %v", a, decimals, want, err)
			}
		}
		b := texts[(i*7+3)%len(texts)]
		x, _, errX := apd.NewFromString(a)
		y, _, errY := apd.NewFromString(b)
		order, ok := comparePlain(a, b)
		if ok && (errX != nil || errY != nil || order != x.Cmp(y)) {
			t.Errorf("%q and %q: %d", a, b, order)
		}
	}
}
