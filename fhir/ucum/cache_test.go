package ucum

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/apd/v3"
)

func TestManyGoroutinesShareOnePlan(t *testing.T) {
	cases := clinical
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, c := range cases {
				got, err := Convert(dec(t, c.value), c.from, c.to)
				if err != nil || got.Cmp(dec(t, c.want)) != 0 {
					t.Errorf("%s %s to %s: %v, %v", c.value, c.from, c.to, got, err)
				}
			}
		})
	}
	group.Wait()
}

func TestACacheMakesAKeyOnceAndStaysBounded(t *testing.T) {
	var c cache[int, int]
	made := 0
	create := func(k int) int { made++; return 2 * k }
	for range 3 {
		if got := c.get(7, create); got != 14 {
			t.Fatalf("%d", got)
		}
	}
	if made != 1 {
		t.Fatalf("made %d times", made)
	}
	for k := range 5 * maxCached {
		if got := c.get(k, create); got != 2*k {
			t.Fatalf("%d for %d", got, k)
		}
		if n := len(*c.kept.Load()); n > maxCached {
			t.Fatalf("%d are kept", n)
		}
	}
}

func TestAPlanIsKeptAndSoIsARefusal(t *testing.T) {
	first, err := PlanFor("mg/dL", "g/L")
	if err != nil {
		t.Fatal(err)
	}
	second, _ := PlanFor("mg/dL", "g/L")
	if first != second {
		t.Error("the plan was made twice")
	}
	_, one := PlanFor("mg/dL", "mmol/L")
	_, two := PlanFor("mg/dL", "mmol/L")
	if one == nil || one != two { //nolint:errorlint // the very same error: it is cached
		t.Error("the refusal was made twice")
	}
}

func BenchmarkConvertCached(b *testing.B) {
	for _, c := range []struct{ value, from, to string }{
		{"5.4", "mmol/L", "umol/L"},
		{"120", "mm[Hg]", "kPa"},
		{"16", "kPa", "mm[Hg]"},
		{"37.2", "Cel", "[degF]"},
		{"7.4", "[pH]", "nmol/L"},
	} {
		v := dec(b, c.value)
		name := fmt.Sprintf("%s to %s", c.from, c.to)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				keep(Convert(v, c.from, c.to))
			}
		})
	}
}

func BenchmarkPlanConvert(b *testing.B) {
	p, err := PlanFor("mmol/L", "umol/L")
	if err != nil {
		b.Fatal(err)
	}
	v := dec(b, "5.4")
	b.ReportAllocs()
	for b.Loop() {
		keep(p.Convert(v))
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("mg/(kg.d)"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConvertParallel(b *testing.B) {
	v := dec(b, "5.4")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			keep(Convert(v, "mmol/L", "umol/L"))
		}
	})
}

func keep(d *apd.Decimal, err error) {
	if err != nil || d == nil {
		panic("a benchmark may not fail")
	}
}
