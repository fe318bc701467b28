package ecrf_test

import (
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
)

func TestAFreezeHoldsFromItsDayOnForItsSiteAndForm(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	all := ecrf.Freezes{{From: day(20)}, {From: day(10), Site: "a"}, {From: day(5), Form: "labs"}, {From: day(1), Site: "b", Form: "base"}}
	for _, c := range []struct {
		at         time.Time
		site, form string
		want       bool
	}{
		{day(4), "a", "labs", false}, {day(5), "a", "labs", true}, {day(9), "a", "base", false}, {day(10), "a", "base", true},
		{day(19), "c", "base", false}, {day(20), "c", "base", true}, {day(1), "b", "base", true}, {day(1).Add(-time.Second), "b", "base", false},
	} {
		if got := all.Hold(c.at, c.site, c.form); got != c.want {
			t.Errorf("%s %s %s: %v", c.at, c.site, c.form, got)
		}
	}
	if ecrf.Freezes(nil).Hold(day(31), "a", "base") {
		t.Error("nothing is frozen")
	}
}
