package ledgertest

import (
	"fmt"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pseudonym"
)

const study = `study: ledger-test
version: "1"
events:
  - {name: baseline, label: Baseline, forms: [base, lab]}
  - {name: later, label: Later, forms: [lab, note]}
codelists:
  sex: {"1": male, "2": female}
forms:
  - name: base
    items:
      - {name: sex, type: choice, codelist: sex}
      - {name: weight, type: decimal, decimals: 1, unit: kg, min: 20, max: 350}
      - {name: remark, type: text}
  - name: lab
    repeating: true
    items:
      - {name: lab_date, type: date}
      - {name: psa, type: decimal, decimals: 3, unit: ng/mL}
  - name: note
    items:
      - {name: note, type: text, length: 400}
`

// Dictionary returns the dictionary of the suite: single and repeating forms, one of them in two events.
func Dictionary(t testing.TB) *ecrf.Dictionary {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(study))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Book is what a test computes for a subject.
type Book struct {
	Sex, Weight string // "" is missing: no-resource
	Labs        []Lab
	Uncovered   []string
}

// Lab is one instance of the repeating form.
type Lab struct{ Key, Date, PSA string }

// Casebook fills the suite's forms.
func (b Book) Casebook(t testing.TB, d *ecrf.Dictionary, s pseudonym.Subject) *ecrf.Casebook {
	t.Helper()
	c, err := ecrf.NewCasebook(s, d)
	if err != nil {
		t.Fatal(err)
	}
	must(t, c.Add(ecrf.Instance{Event: "baseline", Form: "base", Cells: []ecrf.Cell{cell("sex", b.Sex), cell("weight", b.Weight)}}))
	for _, lab := range b.Labs {
		must(t, c.Add(ecrf.Instance{
			Event: "later", Form: "lab", Key: lab.Key, Order: lab.Date,
			Cells: []ecrf.Cell{cell("lab_date", lab.Date), cell("psa", lab.PSA)},
		}))
	}
	for _, item := range b.Uncovered {
		must(t, c.Uncovered(item))
	}
	return c
}

func cell(item, value string) ecrf.Cell {
	c := ecrf.Cell{Item: item, Value: value}
	if value == "" {
		c.Missing = ecrf.NoResource
		c.Provenance = ecrf.Provenance{Rule: item}
		return c
	}
	c.Provenance = ecrf.Provenance{
		Source: "hospital", Resource: "Observation/k-" + item, Version: "3", Path: "Observation.value", Rule: item,
		OriginalValue: value + "0", OriginalUnit: "unit of " + item, Effective: "2024-05-06",
	}
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Number returns the nth study number, in sorting order.
func Number(n int) string { return fmt.Sprintf("S%06d", n) }
