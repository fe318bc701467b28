package fhir_test

import (
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
)

func TestDatesKeepTheirPrecision(t *testing.T) {
	for text, want := range map[string]fhir.Precision{
		"2024": fhir.Year, "0001": fhir.Year, "9999": fhir.Year, "2024-02": fhir.Month, "2024-02-29": fhir.DayPrecision, "2000-02-29": fhir.DayPrecision,
		"2024-02-29T23:59:59Z": fhir.Second, "2016-12-31T23:59:60Z": fhir.Second, "2024-01-01T00:00:00+14:00": fhir.Second, "2024-01-01T00:00:00-00:00": fhir.Second,
		"2024-01-01T00:00:00.0Z": fhir.Fraction, "2024-01-01T00:00:00.120+01:00": fhir.Fraction, "2024-01-01T00:00:00.123456789-11:30": fhir.Fraction,
	} {
		d, err := fhir.ParseDateTime(text)
		if err != nil || d.Precision != want {
			t.Errorf("%s: precision %d, %v, want %d", text, d.Precision, err, want)
		}
		if s := d.String(); s != text && !strings.HasSuffix(text, "-00:00") {
			t.Errorf("%s was written as %s", text, s)
		}
	}
}

func TestWhatIsNoDateIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "0000", "24", "2024-", "2024-1", "2024-13", "2024-00", "2024-02-30", "2023-02-29", "1900-02-29", "2024-04-31", "2024-01-32", "2024-1-1", "20240101", "01.01.2024", "2024-01-01T",
		"2024-01-01T10", "2024-01-01T10:00", "2024-01-01T10:00Z", "2024-01-01T10:00:00", "2024-01-01T24:00:00Z", "2024-01-01T10:60:00Z", "2024-01-01T10:00:61Z", "2024-01-01T10:00:00.Z",
		"2024-01-01T10:00:00z", "2024-01-01t10:00:00Z", "2024-01-01 10:00:00Z", "2024-01-01T10:00:00+15:00", "2024-01-01T10:00:00+14:30", "2024-01-01T10:00:00+01:60", "2024-01-01T10:00:00+0100", "2024-01-01T10:00:00Zx",
		"-2024", "+2024", " 2024", "2024 ", "２０２４", "2024-01-01Z", "2024T10:00:00Z", strings.Repeat("9", 100),
	} {
		if d, err := fhir.ParseDateTime(text); err == nil {
			t.Errorf("%q was read as %v", text, d)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats the text: %v", err)
		}
	}
}

func TestAnInstantIsAMomentWhateverItsZone(t *testing.T) {
	for _, c := range [][2]string{
		{"2024-01-01T00:30:00+01:00", "2023-12-31T23:30:00Z"}, {"2024-01-01T00:00:00.5Z", "2024-01-01T05:30:00.50+05:30"}, {"2024-03-01T01:00:00-12:00", "2024-03-01T13:00:00Z"},
	} {
		a, b := instant(t, c[0]), instant(t, c[1])
		if !a.Equal(b) {
			t.Errorf("%s and %s are the same moment, not %v and %v", c[0], c[1], a, b)
		}
	}
	for _, text := range []string{"2024", "2024-01", "2024-01-01"} {
		d, _ := fhir.ParseDateTime(text)
		if _, ok := d.Instant(); ok {
			t.Errorf("%s names no moment", text)
		}
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := fhir.ParseDateTime(text)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := d.Instant()
	if !ok {
		t.Fatalf("%s has no instant", text)
	}
	return at
}

func TestADateMeansAllDaysThatItMayMean(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	for text, want := range map[string]string{
		"2024": "2024-01-01 2024-12-31", "2024-02": "2024-02-01 2024-02-29", "2023-02": "2023-02-01 2023-02-28", "2023-12": "2023-12-01 2023-12-31", "2024-05-06": "2024-05-06 2024-05-06",
		"2024-06-30T22:30:00Z":      "2024-07-01 2024-07-01", // summer time in Berlin
		"2024-12-31T22:30:00Z":      "2024-12-31 2024-12-31",
		"2024-12-31T23:30:00Z":      "2025-01-01 2025-01-01",
		"2025-01-01T05:00:00+14:00": "2024-12-31 2024-12-31",
	} {
		d, err := fhir.ParseDateTime(text)
		if err != nil {
			t.Fatal(err)
		}
		first, last := d.Days(berlin)
		if got := first.String() + " " + last.String(); got != want {
			t.Errorf("%s means %s, want %s", text, got, want)
		}
	}
}

func TestDaysAreCountedByTheCalendar(t *testing.T) {
	for text, want := range map[string]fhir.Day{"1970-01-01": 0, "1969-12-31": -1, "2000-03-01": 11017, "0001-01-01": fhir.FirstDay, "9999-12-31": fhir.LastDay} {
		d, err := fhir.ParseDay(text)
		if err != nil || d != want || d.String() != text {
			t.Errorf("%s is day %d (%s), %v; want %d", text, d, d, err, want)
		}
	}
	for d := fhir.NewDay(1896, 1, 1); d < fhir.NewDay(1906, 1, 1); d++ { // 1900 is no leap year
		y, m, day := d.Date()
		if fhir.NewDay(y, m, day) != d {
			t.Fatalf("day %d is %v", d, d)
		}
	}
	for _, text := range []string{"2024", "2024-01", "2024-01-01T00:00:00Z", "x"} {
		if _, err := fhir.ParseDay(text); err == nil {
			t.Errorf("%s is not a day", text)
		}
	}
}

// FuzzDateTime: what is read is written back as it was (but for a zone of minus zero and digits beyond nanoseconds), and
// time/RFC 3339 agrees on the moment.
func FuzzDateTime(f *testing.F) {
	for _, s := range []string{"2024", "2024-02-29", "2024-02-29T10:00:00.120+01:00", "2024-01-01T00:00:60Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := fhir.ParseDateTime(text)
		if err != nil {
			return
		}
		if s := d.String(); s != text && d.Digits <= 9 && !strings.HasSuffix(text, "-00:00") {
			t.Fatalf("%q was written as %q", text, s)
		}
		at, ok := d.Instant()
		if want, err := time.Parse(time.RFC3339Nano, text); ok && err == nil && !at.Equal(want) {
			t.Fatalf("%q is %v, want %v", text, at, want)
		}
		if first, last := d.Days(time.UTC); first > last {
			t.Fatalf("%q ends before it begins", text)
		}
	})
}
