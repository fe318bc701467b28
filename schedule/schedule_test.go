package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/crflink/crflink/schedule"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func parse(t interface{ Fatal(...any) }, spec, name string) *schedule.Schedule {
	s, err := schedule.Parse(spec, zone(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryNightOfAYearIsDueOnceOverBothClockChanges(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, berlin)
	for _, spec := range []string{"30 2 * * *", "0 3 * * *", "0 2 * * *", "59 1 * * *", "@daily"} {
		due := parse(t, spec, "Europe/Berlin").Between(from, from.AddDate(1, 0, 0).Add(-time.Second))
		nights := map[string]int{}
		for i, d := range due {
			nights[d.Nominal[:10]]++
			if i > 0 && !d.At.After(due[i-1].At) {
				t.Errorf("%s: %v is not after %v", spec, d, due[i-1])
			}
		}
		want := 365
		if spec == "@daily" {
			want = 364 // midnight of 1 January is from, which is not after itself
		}
		if len(nights) != want || len(due) != want {
			t.Errorf("%s: %d runs on %d nights, want %d", spec, len(due), len(nights), want)
		}
	}
}

func TestATimeThatTheClockLeavesOutIsDueWhenItGoesOnAndOneItShowsTwiceTheFirstTime(t *testing.T) {
	for _, c := range []struct{ zone, spec, from, nominal, at string }{
		{"Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T02:30", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T02:30", "2026-10-25T00:30:00Z"},
		{"Europe/Berlin", "30 1 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:30", "2026-03-29T00:30:00Z"},
		{"America/New_York", "15 2 * * *", "2026-03-07T12:00:00Z", "2026-03-08T02:15", "2026-03-08T07:00:00Z"},
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-04T02:00:00Z", "2026-04-05T01:45", "2026-04-04T14:45:00Z"},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		due, ok := parse(t, c.spec, c.zone).Next(from)
		if !ok || due.Nominal != c.nominal || due.At.UTC().Format(time.RFC3339) != c.at {
			t.Errorf("%s %s: %v at %s, want %s at %s", c.zone, c.spec, due.Nominal, due.At.UTC().Format(time.RFC3339), c.nominal, c.at)
		}
	}
}

// A program that stops and starts again asks from where it stopped: it must get what it would have got.
func TestAdjoiningIntervalsGiveWhatTheWholeGives(t *testing.T) {
	specs := []string{"30 2 * * *", "*/20 1-3 * * *", "0 0 29 2 *", "15 3 * * 0", "0 * * * *"}
	rapid.Check(t, func(t *rapid.T) {
		s := parse(t, rapid.SampledFrom(specs).Draw(t, "spec"), rapid.SampledFrom([]string{"Europe/Berlin", "Australia/Lord_Howe", "UTC"}).Draw(t, "zone"))
		base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Unix()
		a := time.Unix(base+int64(rapid.IntRange(0, 300*86400).Draw(t, "a")), 0)
		b := a.Add(time.Duration(rapid.IntRange(0, 5*86400).Draw(t, "b")) * time.Second)
		c := b.Add(time.Duration(rapid.IntRange(0, 5*86400).Draw(t, "c")) * time.Second)
		if diff := cmp.Diff(s.Between(a, c), append(s.Between(a, b), s.Between(b, c)...)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestASpecificationWithoutANightIsRefused(t *testing.T) {
	for spec, why := range map[string]string{
		"@every 1h": "names no night", "TZ=UTC 0 2 * * *": "leave it out", "61 2 * * *": "schedule:", "": "schedule:",
	} {
		if _, err := schedule.Parse(spec, time.UTC); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", spec, err, why)
		}
	}
	if due, ok := parse(t, "0 0 30 2 *", "UTC").Next(time.Unix(0, 0)); ok {
		t.Errorf("30 February is due at %v", due)
	}
}
