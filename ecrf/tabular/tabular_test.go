package tabular_test

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/tabular"
)

func TestACellIsARowOfTheLongTableAndAColumnOfItsForm(t *testing.T) {
	tables := tabular.Of(ledgertest.Dictionary(t))
	var got []string
	for _, book := range ledgertest.Stored() {
		if err := tables.Book(book, func(row tabular.Row) error {
			if row.Table != tables.Long {
				got = append(got, row.Table.Name+": "+strings.Join(row.Values, "|")+" missing "+strings.Join(row.Missing[row.Table.Keys:], "|"))
			} else if len(row.Values) != len(row.Table.Columns) {
				t.Errorf("%d values in %d columns", len(row.Values), len(row.Table.Columns))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"base: S000001|site-a|baseline||1|81.5|=1+1, \"<a>\"\n&amp; missing |no-resource|",
		"lab: S000001|site-a|later|1|2024-01-01|1.000 missing |",
		"lab: S000001|site-a|later|2|2024-02-01|2.000 missing |",
		"base: S000002|site-b|baseline||||'-5 missing absent:asked-declined|no-consent|",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the rows are\n%s", strings.Join(got, "\n"))
	}
}

func TestWhatTheDictionaryNoLongerHasStandsInTheLongTableOnly(t *testing.T) {
	tables := tabular.Of(ledgertest.Dictionary(t))
	book := &ecrf.StoredCasebook{Cells: []ecrf.StoredCell{
		{CellKey: ecrf.CellKey{Event: "baseline", Form: "gone", Item: "x"}, Value: "1"}, {CellKey: ecrf.CellKey{Event: "baseline", Form: "note", Item: "note"}, Value: "1"},
	}}
	rows := map[string]int{}
	if err := tables.Book(book, func(row tabular.Row) error {
		rows[row.Table.Name]++
		return nil
	}); err != nil || len(rows) != 1 || rows["cells"] != 2 {
		t.Errorf("%v, %v", rows, err)
	}
}

func TestOnlyNumbersThatFitInto64BitsFit(t *testing.T) {
	for text, want := range map[string]map[ecrf.Type]bool{
		"":                     {ecrf.Integer: true, ecrf.Decimal: true},
		"9223372036854775807":  {ecrf.Integer: true, ecrf.Decimal: false},
		"9223372036854775808":  {ecrf.Integer: false, ecrf.Text: true},
		"-9223372036854775808": {ecrf.Integer: true},
		"-12345678901234567.8": {ecrf.Decimal: true},
		"12345678901234567.89": {ecrf.Decimal: false},
	} {
		for typ, fits := range want {
			if got := (&tabular.Column{Type: typ}).Fits(text); got != fits {
				t.Errorf("%s %q: %v", typ, text, got)
			}
		}
	}
}
