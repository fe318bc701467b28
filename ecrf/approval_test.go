package ecrf

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCellsOfARuleThatNobodyApprovedStayAsTheyAre(t *testing.T) {
	d, _ := registry(t)
	stored := reconcile(nil, book(t, psaOf("a", "2026-01-01", "3.900"))).After(nil, d)
	change := reconcile(stored, book(t, psaOf("a", "2026-01-01", "4.100"), psaOf("b", "2026-02-01", "5.000")))
	held := change.Hold(func(_, item string) bool { return item == "psa" })
	if len(held) != 2 || held[0].Cell.Value != "4.100" || held[1].Cell.Value != "5.000" {
		t.Fatalf("held are %+v", held)
	}
	after := change.After(stored, d)
	want := []StoredCell{stored.Cells[0], stored.Cells[1], {CellKey: CellKey{"course", "psa", 2, "psa_date"}, Value: "2026-02-01", State: New}}
	i := slices.IndexFunc(want, func(c StoredCell) bool { return c.Item == "psa" })
	want[i].State = Outdated
	if diff := cmp.Diff(want, after.Cells); diff != "" {
		t.Error(diff)
	}
	if again := reconcile(after, book(t, psaOf("a", "2026-01-01", "4.100"))); len(again.Hold(func(_, item string) bool { return item == "psa" })) != 1 || again.Tally().Held != 0 {
		t.Errorf("held once more, it is stored once more: %+v", again.Cells)
	}
	approved := reconcile(after, book(t, psaOf("a", "2026-01-01", "4.100"), psaOf("b", "2026-02-01", "5.000"))).After(after, d)
	if got := approved.Cells[i]; got.Value != "4.100" || got.State != New || len(approved.Cells) != 4 {
		t.Errorf("after the approval it is %+v", approved.Cells)
	}
}

func TestWhatTheConsentTakesAwayWaitsForNobody(t *testing.T) {
	d, _ := registry(t)
	stored := reconcile(nil, book(t, psaOf("a", "2026-01-01", "3.900"))).After(nil, d)
	b := book(t)
	if err := b.Uncovered("psa"); err != nil {
		t.Fatal(err)
	}
	change := reconcile(stored, b)
	change.Hold(func(string, string) bool { return true })
	for _, c := range change.After(stored, d).Cells {
		if c.Item == "psa" && (c.Value != "" || c.State != Withdrawn) {
			t.Errorf("%+v", c)
		}
	}
}

func TestRulesWaitThatAreNewChangedOrGone(t *testing.T) {
	a := Approval{Rules: map[string]string{"f.same": "1", "f.changed": "1", "f.gone": "1"}}
	got := a.Waiting(map[string]string{"f.same": "1", "f.changed": "2", "f.new": "1"})
	if !slices.Equal(got, []string{"f.changed", "f.gone", "f.new"}) {
		t.Errorf("%v wait", got)
	}
}
