package pseudonym

import (
	"errors"
	"fmt"
	"time"

	"github.com/crflink/crflink/fhir"
)

// DateMode says what happens to dates.
type DateMode uint8

// The modes. NoMode is refused: a study says which one it wants.
const (
	NoMode   DateMode = iota
	None              // dates stay; the norm where people at the site enter dates into the same forms
	Shift             // each subject's days move by a whole number of days that only the vault knows
	Relative          // as Shift before mapping; delivery writes days from the index event
)

// ParseDateMode reads none, shift or relative.
func ParseDateMode(s string) (DateMode, error) {
	switch s {
	case "none":
		return None, nil
	case "shift":
		return Shift, nil
	case "relative":
		return Relative, nil
	}
	return NoMode, fmt.Errorf("dates: not a date mode; choose none, shift or relative")
}

// String returns the mode's name in a study file.
func (m DateMode) String() string { return [...]string{"unset", "none", "shift", "relative"}[m] }

// DefaultShift is the greatest shift in days either way when a study says nothing else.
const DefaultShift = 30

// maxShift keeps a year of birth meaningful and a season guessable; larger shifts gain nothing.
const maxShift = 3650

// Dates is how a study treats dates.
type Dates struct {
	Mode  DateMode
	Zone  *time.Location // the site's: instants are first written in its local time
	Limit int            // greatest shift in days either way; 0 is DefaultShift. Changing it changes every shift
}

func (d Dates) check() (Dates, error) {
	switch {
	case d.Mode < None || d.Mode > Relative:
		return d, errors.New("dates: no mode; choose none, shift or relative")
	case d.Zone == nil:
		return d, errors.New("dates: no time zone of the site; give one, for example Europe/Berlin")
	case d.Limit < 0 || d.Limit > maxShift:
		return d, fmt.Errorf("dates: the greatest shift is %d days, it must be from 1 to %d", d.Limit, maxShift)
	case d.Limit == 0:
		d.Limit = DefaultShift
	}
	return d, nil
}

// moves reports whether days move at all.
func (d Dates) moves() bool { return d.Mode != None }

// local writes an instant in the site's time, so that its date part is the day that people there lived through. A
// date without a time stays as it is.
func local(d fhir.DateTime, zone *time.Location) fhir.DateTime {
	t, ok := d.Instant()
	if !ok {
		return d
	}
	_, offset := t.In(zone).Zone()
	minutes := offset / 60 // FHIR writes no seconds of an offset
	if !d.UTC && d.Offset == minutes {
		return d // written in the site's time already
	}
	t = t.UTC().Add(time.Duration(minutes) * time.Minute)
	d.Year, d.Month, d.Day = t.Year(), int(t.Month()), t.Day()
	d.Hour, d.Minute, d.Second = t.Hour(), t.Minute(), t.Second()
	d.Zoned, d.UTC, d.Offset = true, false, minutes
	return d
}

// shifted moves the date part by whole calendar days; time and offset stay as written. A partial date moves with the
// middle day of the month or year that it means and is cut to its precision again, so that a year stays itself for
// shifts of half a year, and a month changes for the smaller part of it. ok is false where no FHIR date results.
func shifted(d fhir.DateTime, days int) (fhir.DateTime, bool) {
	month, day := d.Month, d.Day
	switch d.Precision {
	case fhir.Year:
		month, day = 7, 2
	case fhir.Month:
		day = 15
	}
	moved := fhir.NewDay(d.Year, month, day) + fhir.Day(days) // #nosec G115 -- at most maxShift
	if moved < fhir.FirstDay || moved > fhir.LastDay {
		return d, false
	}
	d.Year, month, day = moved.Date()
	if d.Precision >= fhir.Month {
		d.Month = month
	}
	if d.Precision >= fhir.DayPrecision {
		d.Day = day
	}
	return d, true
}
