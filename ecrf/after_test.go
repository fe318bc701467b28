package ecrf

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatALedgerWillHoldIsWhatItHoldsThen(t *testing.T) {
	d, _ := registry(t)
	first := reconcile(nil, book(t, psaOf("b", "2026-02-01", "4.100"), psaOf("a", "2026-01-01", "3.900")))
	stored := first.After(nil, d)
	change := reconcile(stored, book(t, psaOf("c", "2026-03-01", "5.000"), psaOf("a", "2026-01-01", "3.800")))
	before := slices.Clone(stored.Cells)
	got, want := change.After(stored, d), applied(stored, change)
	if diff := cmp.Diff(before, stored.Cells); diff != "" {
		t.Errorf("what is stored was changed:\n%s", diff)
	}
	if !slices.IsSortedFunc(got.Cells, func(a, b StoredCell) int { return d.Compare(a.CellKey, b.CellKey) }) {
		t.Error("the cells are not in canonical order")
	}
	slices.SortFunc(want.Cells, func(a, b StoredCell) int { return d.Compare(a.CellKey, b.CellKey) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
