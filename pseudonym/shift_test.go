package pseudonym

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crflink/crflink/fhir"
)

func moved(t testing.TB, s string, days int) string {
	t.Helper()
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		t.Fatal(err)
	}
	d, ok := shifted(local(d, berlin(t)), days)
	if !ok {
		return "none"
	}
	return d.String()
}

func TestDatesMoveByCalendarDaysAndKeepTheirForm(t *testing.T) {
	for _, c := range []struct {
		in   string
		days int
		want string
	}{
		{"2024-10-26T22:30:00Z", 5, "2024-11-01T00:30:00+02:00"}, // an instant of the local 27th, the day on which summer time ends
		{"2024-10-27", 5, "2024-11-01"},                          // and its date-only twin
		{"2024-10-26", 5, "2024-10-31"},
		{"2024-10-27T02:30:00+02:00", 0, "2024-10-27T02:30:00+02:00"}, // both hours of that night keep their offset
		{"2024-10-27T02:30:00+01:00", 0, "2024-10-27T02:30:00+01:00"},
		{"2024-03-31T01:30:00Z", -1, "2024-03-30T03:30:00+02:00"},
		{"2024-03-30T02:30:00+01:00", 1, "2024-03-31T02:30:00+01:00"}, // an hour that does not exist is written, not corrected
		{"2024-01-15T23:30:00-05:00", 1, "2024-01-17T05:30:00+01:00"},
		{"2024-02-28", 1, "2024-02-29"},
		{"2024-12-31T23:30:00.120Z", 1, "2025-01-02T00:30:00.120+01:00"},
		{"2024-01-01", -1, "2023-12-31"},
		{"2024", 30, "2024"},
		{"2024", -30, "2024"},
		{"2024-01", 10, "2024-01"},
		{"2024-01", 17, "2024-02"},
		{"2024-01", -15, "2023-12"},
		{"9999-12-31", 1, "none"},
		{"0001-01-01", -1, "none"},
	} {
		if got := moved(t, c.in, c.days); got != c.want {
			t.Errorf("%s moved by %d: %s, want %s", c.in, c.days, got, c.want)
		}
	}
}

func TestAShiftKeepsIntervalsOfFullDatesAndPrecision(t *testing.T) {
	zone := berlin(t)
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.IntRange(-30, 30).Draw(t, "days")
		write := func(label string) string {
			at := time.Unix(rapid.Int64Range(-2_000_000_000, 4_000_000_000).Draw(t, label), 0).In(zone)
			return at.UTC().Format(rapid.SampledFrom([]string{"2006-01-02", "2006-01-02T15:04:05Z"}).Draw(t, label+" form"))
		}
		day := func(s string) fhir.Day {
			d, err := fhir.ParseDateTime(s)
			if err != nil {
				t.Fatal(err)
			}
			return fhir.NewDay(d.Year, d.Month, d.Day)
		}
		a, b := write("a"), write("b")
		move := func(s string) string {
			d, err := fhir.ParseDateTime(s)
			if err != nil {
				t.Fatal(err)
			}
			out, ok := shifted(local(d, zone), days)
			if !ok || out.Precision != d.Precision {
				t.Fatalf("%s: precision %d became %d", s, d.Precision, out.Precision)
			}
			return out.String()
		}
		before := localDay(t, a, zone) - localDay(t, b, zone)
		if after := day(move(a)) - day(move(b)); after != before {
			t.Fatalf("%s and %s were %d days apart and are %d", a, b, before, after)
		}
	})
}

func localDay(t *rapid.T, s string, zone *time.Location) fhir.Day {
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := d.Days(zone)
	return first
}

func TestPlaceholderDatesAreNotMoved(t *testing.T) {
	from := record(t, somebody, `{"resourceType":"Encounter","id":"e","status":"finished","period":{"start":"2024-05-01","end":"9999-12-31T00:00:00+01:00"}}`)
	rec, report, err := testVeil(t, Shift).apply(from, false, testSubject(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for e := range rec.OfType("Encounter") {
		if e.Path("period", "end").Exists() || !e.Path("period", "start").Exists() {
			t.Error(written(rec))
		}
	}
	if len(report.Dropped) != 1 || report.Dropped[0] != (Dropped{"Encounter.period.end", Placeholder, 1}) {
		t.Error(report.Dropped)
	}
}

func TestADateModeMustBeChosen(t *testing.T) {
	for _, d := range []Dates{{}, {Mode: Shift}, {Mode: Shift, Zone: time.UTC, Limit: -1}, {Mode: 9, Zone: time.UTC}} {
		if _, err := NewVeil(builtIn(t), d); err == nil {
			t.Errorf("%+v was accepted", d)
		}
	}
	if _, err := ParseDateMode("some"); err == nil {
		t.Error("an unknown mode was accepted")
	}
}
