package fhir

import (
	"testing"
	"time"
)

// The calendar of the standard library is the reference for every day that FHIR can write.
func TestDaysAreThoseOfTheCalendar(t *testing.T) {
	for at := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 10000; at = at.AddDate(0, 0, 1) {
		y, m, d := at.Date()
		day := NewDay(y, int(m), d)
		if want := Day(at.Unix() / 86400); day != want {
			t.Fatalf("%s is day %d, want %d", at.Format(time.DateOnly), day, want)
		}
		if y2, m2, d2 := day.Date(); y2 != y || m2 != int(m) || d2 != d {
			t.Fatalf("day %d is %d-%d-%d, want %s", day, y2, m2, d2, at.Format(time.DateOnly))
		}
		if last := at.AddDate(0, 0, 1).Day() == 1; last != (daysIn(y, int(m)) == d) {
			t.Fatalf("%s: the month has %d days", at.Format(time.DateOnly), daysIn(y, int(m)))
		}
	}
}

func TestOverflowingMonthsAndDaysCarry(t *testing.T) {
	for _, c := range [][3]int{{2024, 13, 1}, {2024, 0, 1}, {2024, 2, 30}, {2023, 2, 29}, {2024, 1, 0}, {2024, 12, 32}, {0, 5, 5}} {
		if got, want := NewDay(c[0], c[1], c[2]), DayOf(time.Date(c[0], time.Month(c[1]), c[2], 0, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("%v is day %d, want %d", c, got, want)
		}
	}
}

func TestATableRemembersRareNames(t *testing.T) {
	for text, want := range map[string][2]bool{
		`{"resourceType":"Basic"}`:                                   {false, false},
		`{"resourceType":"Basic","contained":[]}`:                    {true, false},
		`{"resourceType":"Basic","cont\u0061ined":[]}`:               {true, false},
		`{"resourceType":"Basic","x":[{"modifierExtension":[]}]}`:    {false, true},
		`{"resourceType":"Basic","x":"contained modifierExtension"}`: {false, false},
	} {
		var table Table
		if err := table.Parse(text); err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{table.HasContained(), table.HasModifiers()}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if err := table.Parse(`{"resourceType":"Basic"}`); err != nil || table.HasContained() || table.HasModifiers() {
			t.Errorf("a table remembers names of what it held before")
		}
	}
}
