package disclosure

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
)

const forms = `study: s
version: "1"
codelists:
  sex: {m: male, f: female}
events:
  - {name: base, forms: [person, visit]}
forms:
  - name: person
    items:
      - {name: sex, type: choice, codelist: sex}
      - {name: year, type: integer, min: "1900", max: "2030"}
      - {name: region, type: text}
      - {name: born, type: date}
      - {name: psa, type: decimal, decimals: 2}
  - name: visit
    repeating: true
    items:
      - {name: note, type: text}
`

func dictionary(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("forms.yaml", []byte(forms))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// of delivers subjects with sex, year and region; "" is no value.
func of(t *testing.T, people ...[3]string) ecrf.Delivery {
	t.Helper()
	return ecrf.Delivery{Dictionary: dictionary(t), Casebooks: func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			for i, p := range people {
				book := &ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: fmt.Sprint("S", i)}}
				for j, item := range []string{"sex", "year", "region"} {
					c := ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "base", Form: "person", Item: item}, Value: p[j], Provenance: ecrf.Provenance{OriginalValue: "original " + p[j], Rule: "r"}}
					if p[j] == "" {
						c.Missing = []ecrf.MissingReason{ecrf.NoResource, ecrf.Ambiguous}[i%2]
					}
					book.Cells = append(book.Cells, c)
				}
				book.Cells = append(book.Cells, ecrf.StoredCell{CellKey: ecrf.CellKey{Event: "base", Form: "person", Item: "psa"}, Value: "1.25", Provenance: ecrf.Provenance{OriginalValue: "1.25"}})
				if !yield(book, nil) {
					return
				}
			}
		}
	}}
}

var quasi = []string{"person.sex", "person.year", "person.region"}

// delivered returns the quasi-identifiers of each subject as they are delivered.
func delivered(t *testing.T, d ecrf.Delivery) (all []string) {
	t.Helper()
	for book, err := range d.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		var values []string
		for _, c := range book.Cells {
			if c.Item == "psa" {
				if c.Value != "1.25" || c.Provenance.OriginalValue != "1.25" {
					t.Errorf("an item that is no quasi-identifier has changed: %+v", c)
				}
				continue
			}
			if it := d.Dictionary.Item(c.Item); c.Value != "" && it.Check(c.Value) != nil {
				t.Errorf("%q does not fit the dictionary that is delivered", c.Value)
			}
			if (c.Value == "") == (c.Missing == "") || c.Provenance.OriginalValue != "" {
				t.Errorf("%+v", c)
			}
			values = append(values, c.Value+string(c.Missing))
		}
		all = append(all, strings.Join(values, " "))
	}
	return all
}

func apply(t *testing.T, r Rules, d ecrf.Delivery) ([]string, Report) {
	t.Helper()
	out, report, err := r.Apply(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return delivered(t, out), report
}

func TestStepsAreTakenUntilEveryClassIsLargeEnough(t *testing.T) {
	people := [][3]string{{"m", "1951", "53"}, {"m", "1953", "53"}, {"m", "1957", "50"}, {"m", "1959", "51"}}
	r := Rules{K: 2, Items: quasi, Steps: []Step{{Item: "person.year", Band: 5}, {Item: "person.region", Prefix: 1}, {Item: "person.year", Band: 100}}}
	got, report := apply(t, r, of(t, people...))
	if want := []string{"m 1950 5", "m 1950 5", "m 1955 5", "m 1955 5"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	want := Report{K: 2, Subjects: 4, AtRisk: 4, Classes: 2, Smallest: 2, Steps: []string{"person.year in bands of 5", "person.region to its first 1 characters"}}
	if !reflect.DeepEqual(report, want) {
		t.Errorf("%+v", report)
	}
	if got, report := apply(t, r, of(t, people[0], people[0])); report.AtRisk != 0 || report.Steps != nil || got[0] != "m 1951 53" {
		t.Errorf("what is anonymous already was changed: %q %+v", got, report)
	}
}

func TestWhoIsAloneIsSuppressedAndNeverAlone(t *testing.T) {
	r := Rules{K: 3, Items: quasi}
	many := func(n int, p [3]string) (all [][3]string) {
		for range n {
			all = append(all, p)
		}
		return all
	}
	a, b, c := [3]string{"m", "1950", "5"}, [3]string{"f", "1950", "5"}, [3]string{"f", "1960", "5"}
	// One alone takes the smallest class with them, so that the suppressed are not one.
	got, report := apply(t, r, of(t, append(append(many(5, a), many(3, b)...), c)...))
	if report.Suppressed != 4 || report.Classes != 2 || report.Smallest != 4 || report.AtRisk != 1 || got[8] != got[5] || got[0] != "m 1950 5" || !strings.Contains(got[8], "suppressed") {
		t.Errorf("%q %+v", got, report)
	}
	// Fewer than k in all: nobody is delivered.
	got, report = apply(t, r, of(t, a, b))
	if len(got) != 0 || report.Withheld != 2 || report.Suppressed != 0 || report.Classes != 0 || report.Smallest != 0 {
		t.Errorf("%q %+v", got, report)
	}
	if got, report := apply(t, r, of(t)); len(got) != 0 || report.Withheld != 0 {
		t.Errorf("of nobody: %q %+v", got, report)
	}
}

func TestWhyAValueIsMissingPartsNoClass(t *testing.T) {
	got, report := apply(t, Rules{K: 2, Items: quasi}, of(t, [3]string{"m", "", "5"}, [3]string{"m", "", "5"}))
	if report.Suppressed != 0 || got[0] != got[1] || got[0] != "m no-value 5" {
		t.Errorf("%q %+v", got, report)
	}
}

// TestEveryDeliveryIsKAnonymous holds the law for random people: each combination that is delivered belongs to k or more.
func TestEveryDeliveryIsKAnonymous(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		k := 2 + random.IntN(5)
		people := make([][3]string, random.IntN(60))
		for i := range people {
			people[i] = [3]string{[]string{"m", "f", ""}[random.IntN(3)], fmt.Sprint(1940 + random.IntN(30)), fmt.Sprintf("%02d", random.IntN(20))}
		}
		r := Rules{K: k, Items: quasi, Steps: []Step{{Item: "person.year", Band: 10}, {Item: "person.region", Prefix: 1}}[:random.IntN(3)]}
		got, report := apply(t, r, of(t, people...))
		classes := map[string]int{}
		for _, values := range got {
			classes[values]++
		}
		for values, n := range classes {
			if n < k {
				t.Fatalf("k %d: %q has %d of %d people: %+v", k, values, n, len(people), report)
			}
		}
		if len(got)+report.Withheld != len(people) || len(classes) != report.Classes {
			t.Fatalf("%d of %d people in %d classes: %+v", len(got), len(people), len(classes), report)
		}
	}
}

func TestValuesAreGeneralised(t *testing.T) {
	for _, c := range []struct {
		step        Step
		value, want string
	}{
		{Step{Band: 5}, "1953", "1950"}, {Step{Band: 5}, "-1", "-5"}, {Step{Band: 10}, "12.99", "10"}, {Step{Band: 5}, "x", ""}, {Step{Band: 5}, "NaN", ""}, {Step{Band: 5}, "", ""},
		{Step{Prefix: 1}, "Äb", "Ä"}, {Step{Prefix: 3}, "ab", "ab"}, {Step{Precision: "year"}, "1953-04-05", "1953"}, {Step{Precision: "month"}, "1953-04-05", "1953-04"},
		{Step{Precision: "month"}, "1953", ""},
	} {
		if got := c.step.generalise(c.value); got != c.want {
			t.Errorf("%v of %q is %q, want %q", c.step, c.value, got, c.want)
		}
	}
}

func TestRulesThatCannotBeKeptAreFoundAtOnce(t *testing.T) {
	r := Rules{K: 1, Items: []string{"person.sex", "person.sex", "person.none", "nowhere", "visit.note", "person.born", "person.year"},
		Steps: []Step{{Item: "person.sex", Band: 5}, {Item: "person.region", Prefix: 1}, {Item: "person.born", Precision: "week"}, {Item: "person.year", Band: 5, Prefix: 1}}}
	all := strings.Join(r.Check(dictionary(t)), "\n")
	for _, want := range []string{"k is 1", "person.sex is there twice", `no item "person.none"`, `no item "nowhere"`, "visit.note stands in a repeating form", "person.sex is of type choice",
		"person.region is generalised, but is no quasi-identifier", "person.born is of type date", "person.year is of type integer"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	good := Rules{K: 5, Items: quasi, Steps: []Step{{Item: "person.year", Band: 5}}}
	if got := good.Check(dictionary(t)); got != nil {
		t.Errorf("%q", got)
	}
	if got := (&Rules{K: 5}).Check(dictionary(t)); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestAFailureOfTheLedgerIsPassedOn(t *testing.T) {
	broken := errors.New("broken")
	d := ecrf.Delivery{Dictionary: dictionary(t), Casebooks: func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) { yield(nil, broken) }
	}}
	if _, _, err := (&Rules{K: 2, Items: quasi}).Apply(t.Context(), d); !errors.Is(err, broken) {
		t.Error(err)
	}
}
