package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/ecrf"
)

func TestARunRemembersHowCompleteEachFormEventAndSiteIs(t *testing.T) {
	cell := func(event, form, item, value string, missing ecrf.MissingReason) ecrf.StoredCell {
		return ecrf.StoredCell{CellKey: ecrf.CellKey{Event: event, Form: form, Item: item}, Value: value, Missing: missing}
	}
	c := counting{}
	c.take(&ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "S1", Site: "a:b"}, Cells: []ecrf.StoredCell{
		cell("e1", "base", "sex", "1", ""), cell("e1", "base", "age", "", ecrf.NoResource), cell("e2", "labs", "k", "", ecrf.NotApplicable),
	}})
	c.take(&ecrf.StoredCasebook{Facts: ecrf.Facts{Subject: "S2"}, Cells: []ecrf.StoredCell{cell("e1", "base", "sex", "2", ""), cell("e2", "labs", "k", "4.1", "")}})
	counts := map[string]int64{"patients": 7}
	for part, share := range c.shares() {
		share.remember(counts, part)
	}
	want := map[Part]Share{
		{}: {3, 4, 3, 2}, {PartForm, "base"}: {2, 3, 2, 1}, {PartForm, "labs"}: {1, 1, 1, 1},
		{PartEvent, "e1"}: {2, 3, 2, 1}, {PartEvent, "e2"}: {1, 1, 1, 1}, {PartSite, "a:b"}: {1, 2, 3, 1},
	}
	if diff := cmp.Diff(want, Shares(counts)); diff != "" {
		t.Error(diff)
	}
	if total := c.total(); total[Slot{"base", "sex"}].Filled != 2 || total[Slot{"labs", "k"}].Missing[ecrf.NotApplicable] != 1 {
		t.Errorf("%v", total)
	}
	if diff := cmp.Diff(map[Part]Share{{}: {}}, (counting{}).shares()); diff != "" {
		t.Error("of nobody: ", diff)
	}
}
