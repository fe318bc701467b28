package checkup_test

import (
	"testing"
	"time"

	"github.com/crflink/crflink/internal/checkup"
)

func TestWhatEndsSoonIsDoubtfulAndWhatIsOverIsBad(t *testing.T) {
	now := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		left time.Duration
		want checkup.Verdict
		said string
	}{
		{-time.Hour, checkup.Bad, "over since 2026-08-31"},
		{48 * time.Hour, checkup.Doubtful, "good until 2026-09-03"},
		{60 * 24 * time.Hour, checkup.Good, "good until 2026-10-31"},
	} {
		r := checkup.Report{Of: "source s"}
		r.Expiry("certificate", now.Add(c.left), now, "renew it")
		if m := r.Remarks[0]; m.Verdict != c.want || m.Said != c.said || (m.Hint == "") != (c.want == checkup.Good) {
			t.Errorf("%v: %+v", c.left, m)
		}
		if checkup.IsBad(r.Remarks) != (c.want == checkup.Bad) || checkup.Soon(now.Add(c.left), now) != (c.want != checkup.Good) {
			t.Errorf("%v: %+v", c.left, r)
		}
	}
}

func TestClocksThatDifferAreTold(t *testing.T) {
	now := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	for skew, want := range map[time.Duration]checkup.Remark{
		time.Second:      {Verdict: checkup.Good, Said: "as here, to the second or two"},
		90 * time.Second: {Verdict: checkup.Doubtful, Said: "it is 1m30s ahead"},
		-6 * time.Minute: {Verdict: checkup.Bad, Said: "it is 6m0s behind"},
	} {
		var r checkup.Report
		r.Clock(now.Add(skew), now)
		if m := r.Remarks[0]; m.Verdict != want.Verdict || m.Said != want.Said {
			t.Errorf("%v: %+v", skew, m)
		}
	}
}
