package pseudonym

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crflink/crflink/fhir"
)

// sites are zones with summer time, without, with half hours, with seconds in an old offset, and west of Greenwich.
var sites = []string{"Europe/Berlin", "UTC", "Europe/London", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Africa/Monrovia", "Pacific/Kiritimati"}

func site(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// stepwise moves a date in the steps that say what moving is.
func stepwise(s string, zone *time.Location, days int) (string, bool) {
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		return "", false
	}
	if d, ok := shifted(local(d, zone), days); ok {
		return d.String(), true
	}
	return "", false
}

func agrees(t rapid.TB, m *mover, s string) {
	t.Helper()
	want, ok := stepwise(s, m.zone, m.days)
	got, moved := m.append([]byte("x"), s)
	if moved != ok || string(got) != "x"+want {
		t.Fatalf("%q by %d days in %s: %q %v, want %q %v", s, m.days, m.zone, got, moved, want, ok)
	}
}

func TestTheMoverWritesWhatTheStepsOfMovingSay(t *testing.T) {
	layouts := []string{
		"2006-01-02", "2006-01-02T15:04:05-07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.000-07:00", "2006-01", "2006",
		"2006-01-02T15:04:05.000Z", "2006-01-02T15:04:05.0000000000Z", "2006-01-02T15:04:05.Z", "2006-01-02T15:04:60Z", "2006-01-02T15:04:60-07:00", "2006-01-02T15:04:05-00:00", "2006-01-02T24:04:05-07:00", "2006-02-31", "2006-01-02T15:04-07:00",
	}
	zones := map[string]*time.Location{}
	for _, name := range sites {
		zones[name] = site(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(sites)
		m := &mover{zone: zones[name.Draw(t, "site")], days: rapid.IntRange(-maxShift, maxShift).Draw(t, "days")}
		for range 20 {
			written := zones[name.Draw(t, "written in")]
			if rapid.Bool().Draw(t, "at home") {
				written = m.zone
			}
			at := time.Unix(rapid.Int64Range(-62_200_000_000, 253_500_000_000).Draw(t, "at"), 0).In(written)
			agrees(t, m, at.Format(rapid.SampledFrom(layouts).Draw(t, "layout")))
		}
	})
}

func FuzzTheMoverWritesWhatTheStepsOfMovingSay(f *testing.F) {
	for _, s := range []string{
		"2024-02-29", "2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00", "2024-03-31T02:30:00+01:00", "9999-12-31T23:59:60+01:00",
		"0001-01-01T00:00:00+00:53", "2023-02-29", "2024-06-01T12:00:00+14:59", "2024-06-01T12:00:00-00:00", "2024-06-01T12:00:00.5Z", "2024-06-01T23:59:60.999999999Z", "2024-06-01T12:00:00.", "0001-01-01T00:00:00+13:00", "2024-06-01T12:00:00+0a:00", "٢024-06-0",
	} {
		f.Add(s, 0)
		f.Add(s, -17)
	}
	zone := site(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, s string, days int) {
		agrees(t, &mover{zone: zone, days: days % maxShift}, s)
	})
}
