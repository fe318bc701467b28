package ecrf

import (
	"context"
	"iter"
	"reflect"
	"testing"
)

const datedForms = `study: s
version: "1"
codelists:
  yn: {"0": no, "1": yes}
events:
  - {name: base, forms: [f]}
forms:
  - name: f
    items:
      - {name: day, type: date, min: "2000-01-01", max: "2100-01-01"}
      - {name: instant, type: datetime}
      - {name: partial, type: partial-date}
      - {name: text, type: text}
      - {name: number, type: integer, unit: d, min: "0"}
      - {name: choice, type: choice, codelist: yn}
`

func dated(t *testing.T) Delivery {
	t.Helper()
	d, _, err := ParseDictionary("forms.yaml", []byte(datedForms))
	if err != nil {
		t.Fatal(err)
	}
	cells := []StoredCell{
		{CellKey: CellKey{Item: "day"}, Value: "2024-03-01", Provenance: Provenance{OriginalValue: "2024-03-01T10:00:00Z", Effective: "2024-03-02", Rule: "r"}},
		{CellKey: CellKey{Item: "instant"}, Value: "2024-02-20T23:59:59"},
		{CellKey: CellKey{Item: "partial"}, Value: "2024-02"},
		{CellKey: CellKey{Item: "text"}, Value: "seen on 2024-02-03"},
		{CellKey: CellKey{Item: "number"}, Value: "17", Provenance: Provenance{OriginalValue: "17.0", OriginalUnit: "d"}},
		{CellKey: CellKey{Item: "choice"}, Value: "1"},
		{CellKey: CellKey{Item: "gone"}, Value: "2024-02-03"},
		{CellKey: CellKey{Item: "day", Repeat: 1}, Missing: NoValue},
		{CellKey: CellKey{Item: "day", Repeat: 2}, Value: "2024-02", Missing: NoResource, State: Query},
	}
	return Delivery{Dictionary: d, Casebooks: func(context.Context) iter.Seq2[*StoredCasebook, error] {
		return func(yield func(*StoredCasebook, error) bool) {
			for _, subject := range []string{"with", "without"} {
				if !yield(&StoredCasebook{Facts: Facts{Subject: subject}, Cells: cells}, nil) {
					return
				}
			}
		}
	}}
}

func TestDaysAreCountedFromTheIndexEvent(t *testing.T) {
	from := dated(t)
	to := from.RelativeTo(func(f Facts) (string, bool) { return "2024-02-28", f.Subject == "with" })
	want := map[string][]string{
		"with":    {"2", "-8", "/unconvertible", "/unconvertible", "17", "1", "/unconvertible", "/no-value", "/no-resource"},
		"without": {"/no-event", "/no-event", "/no-event", "/unconvertible", "17", "1", "/unconvertible", "/no-value", "/no-resource"},
	}
	for range 2 { // every call begins anew, and nothing of the first has changed what the ledger gives
		for book, err := range to.Casebooks(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range book.Cells {
				if c.Value != "" && c.Missing != "" {
					t.Errorf("%s has a value and a reason for none", c.Item)
				}
				text := c.Value
				if text == "" {
					text = "/" + string(c.Missing)
				}
				got = append(got, text)
				if holdsDate(c.Value + "\n" + c.Provenance.OriginalValue + "\n" + c.Provenance.Effective) {
					t.Errorf("a date is left: %+v", c)
				}
			}
			if !reflect.DeepEqual(got, want[book.Facts.Subject]) {
				t.Errorf("%s: %q, want %q", book.Facts.Subject, got, want[book.Facts.Subject])
			}
			if p := book.Cells[0].Provenance; book.Facts.Subject == "with" && p != (Provenance{Effective: "3", Rule: "r"}) {
				t.Errorf("provenance %+v", p)
			}
		}
	}
}

func TestDatesBecomeIntegersInDays(t *testing.T) {
	from := dated(t)
	hash := from.Dictionary.Hash()
	to := from.RelativeTo(func(Facts) (string, bool) { return "", false })
	for _, name := range []string{"day", "instant", "partial"} {
		it := to.Dictionary.Item(name)
		if it.Type != Integer || it.Unit != "d" || it.Min+it.Max != "" || it.Check("-3") != nil {
			t.Errorf("%s: %+v", name, it)
		}
	}
	if to.Dictionary.Item("choice").Check("1") != nil || to.Dictionary.Item("choice").Check("2") == nil || !to.Dictionary.Has("base", "f") || to.Dictionary.Item("number").Min != "0" {
		t.Error("what is no date has changed")
	}
	if from.Dictionary.Hash() != hash || from.Dictionary.Item("day").Type != Date {
		t.Error("the study's dictionary has changed")
	}
}

func TestATextThatHoldsADateIsKnown(t *testing.T) {
	for text, want := range map[string]bool{
		"2024-02-03": true, "seen 2024-02": true, "20240203": false, "1999-12-31T10:00:00+01:00; x": true, "2857-1": false, "12024-02-03": false,
		"2024": false, "1952": false, "2024-13-01": false, "": false, "2.25.2024": false, "C61.9": false,
	} {
		if holdsDate(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
