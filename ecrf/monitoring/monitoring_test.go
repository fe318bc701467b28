package monitoring_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/ecrf/monitoring"
)

func account(t *testing.T) *monitoring.Account {
	t.Helper()
	a := monitoring.NewAccount(ledgertest.Dictionary(t))
	for _, book := range ledgertest.Stored() {
		a.Take(book)
	}
	a.Take(&ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "S3", Site: "site-b"}, Cells: []ecrf.StoredCell{
		{CellKey: ecrf.CellKey{Event: "baseline", Form: "base", Item: "sex"}, Missing: ecrf.NotApplicable},
		{CellKey: ecrf.CellKey{Event: "later", Form: "note", Item: "note"}, Missing: ecrf.NoValue},
		{CellKey: ecrf.CellKey{Event: "baseline", Form: "gone", Item: "gone"}, Value: "x"},
	}})
	return a
}

func TestCellsAreCountedByFormAndByReason(t *testing.T) {
	want := []monitoring.Row{
		{Place: monitoring.Place{Form: "base"}, Filled: 4, Expected: 6, Queried: 1, Variables: 3, Seen: 3, Missing: map[ecrf.MissingReason]int{ecrf.Absent("asked-declined"): 1, ecrf.NoConsent: 1, ecrf.NotApplicable: 1}},
		{Place: monitoring.Place{Form: "lab"}, Filled: 4, Expected: 4, Variables: 2, Seen: 2, Missing: map[ecrf.MissingReason]int{}},
		{Place: monitoring.Place{Form: "note"}, Expected: 1, Variables: 1, Missing: map[ecrf.MissingReason]int{ecrf.NoValue: 1}},
	}
	a := account(t)
	if diff := cmp.Diff(want, a.By(monitoring.ByForm)); diff != "" || a.Subjects != 3 {
		t.Errorf("%d subjects, %s", a.Subjects, diff)
	}
}

func TestAnAccountIsBrokenDownByWhatIsAskedFor(t *testing.T) {
	a := account(t)
	var got []string
	for _, r := range a.By(monitoring.BySite, monitoring.ByItem) {
		got = append(got, r.Form+"."+r.Item+" "+r.Site)
	}
	want := []string{"base.sex site-a", "base.sex site-b", "base.weight site-a", "base.weight site-b", "base.remark site-a", "base.remark site-b", "lab.lab_date site-a", "lab.psa site-a", "note.note site-b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	all := a.By()
	share, ok := all[0].Share()
	if len(all) != 1 || !ok || share != 8.0/11 {
		t.Errorf("%+v: %v", all, share)
	}
	if share, ok := all[0].VariableShare(); !ok || share != 5.0/6 {
		t.Errorf("by variable %v", share)
	}
	if _, ok := (&monitoring.Row{}).Share(); ok {
		t.Error("nothing expected has a share")
	}
}

func TestTheRiskIsThatOfTheWayFromTheSource(t *testing.T) {
	for _, c := range []struct {
		item ecrf.Item
		cell ecrf.StoredCell
		risk monitoring.Risk
		why  string
	}{
		{ecrf.Item{}, ecrf.StoredCell{Value: "1", State: ecrf.Query}, monitoring.High, monitoring.Unsupported},
		{ecrf.Item{Required: true}, ecrf.StoredCell{Value: "1"}, monitoring.High, monitoring.Required},
		{ecrf.Item{Unit: "kg"}, ecrf.StoredCell{Value: "1.0", Provenance: ecrf.Provenance{OriginalValue: "1000", OriginalUnit: "g"}}, monitoring.Middle, monitoring.Converted},
		{ecrf.Item{}, ecrf.StoredCell{Value: "1", Provenance: ecrf.Provenance{OriginalValue: "male"}}, monitoring.Middle, monitoring.Mapped},
		{ecrf.Item{Unit: "kg"}, ecrf.StoredCell{Value: "81.5", Provenance: ecrf.Provenance{OriginalValue: "81.5", OriginalUnit: "kg"}}, monitoring.Low, monitoring.Verbatim},
	} {
		if risk, why := monitoring.RiskOf(&c.item, &c.cell); risk != c.risk || why != c.why {
			t.Errorf("%+v: %s, %s", c.cell, risk, why)
		}
	}
}

// cells draws among 200 subjects with four values of low risk each.
func drawn(t *testing.T, plan monitoring.Plan, subjects int) map[string]bool {
	t.Helper()
	s := &monitoring.Sample{Plan: plan, Dictionary: ledgertest.Dictionary(t)}
	chosen := map[string]bool{}
	for n := range subjects {
		book := *ledgertest.Stored()[0]
		book.Facts.Subject = ledgertest.Number(n)
		if err := s.Take(&book, func(c monitoring.Chosen) error {
			chosen[c.Subject+" "+c.Cell.Item+" "+string(rune('0'+c.Cell.Repeat))] = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for _, n := range s.Chosen {
		total += n
	}
	if total != len(chosen) {
		t.Errorf("%d values are counted, %d chosen", total, len(chosen))
	}
	return chosen
}

func TestASampleIsDrawnByItsRatesAndStays(t *testing.T) {
	rates := func(high, middle, low int) map[monitoring.Risk]int {
		return map[monitoring.Risk]int{monitoring.High: high, monitoring.Middle: middle, monitoring.Low: low}
	}
	if n := len(drawn(t, monitoring.Plan{Rates: rates(100, 100, 100)}, 200)); n != 1400 {
		t.Errorf("all are %d", n)
	}
	if n := len(drawn(t, monitoring.Plan{Rates: rates(0, 0, 0)}, 200)); n != 0 {
		t.Errorf("none are %d", n)
	}
	if n := len(drawn(t, monitoring.Plan{Rates: rates(100, 0, 0)}, 200)); n != 200 {
		t.Errorf("only those with a query are %d", n)
	}
	tenth := drawn(t, monitoring.Plan{Rates: rates(10, 10, 10), Seed: "a"}, 200)
	if n := len(tenth); n < 90 || n > 190 {
		t.Errorf("a tenth of 1400 are %d", n)
	}
	more := drawn(t, monitoring.Plan{Rates: rates(20, 20, 20), Seed: "a"}, 300)
	for cell := range tenth {
		if !more[cell] {
			t.Fatal("further subjects and a higher rate change who was drawn before")
		}
	}
	if cmp.Equal(tenth, drawn(t, monitoring.Plan{Rates: rates(10, 10, 10), Seed: "b"}, 200)) {
		t.Error("another seed draws the same")
	}
	whole := drawn(t, monitoring.Plan{Rates: rates(0, 0, 0), Subjects: 10}, 200)
	if n := len(whole); n == 0 || n%7 != 0 || n > 7*40 {
		t.Errorf("whole subjects have %d values", n)
	}
}

func TestARateThatIsNoPercentageIsRefused(t *testing.T) {
	if err := (monitoring.Plan{Subjects: 101}).Check(); err == nil {
		t.Error("101 percent")
	}
	if err := (monitoring.Plan{Rates: map[monitoring.Risk]int{monitoring.Low: 100}}).Check(); err != nil {
		t.Error(err)
	}
}
