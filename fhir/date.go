package fhir

import (
	"errors"
	"fmt"
	"time"
)

// Precision says how much of a date or dateTime was written.
type Precision uint8

// Precisions in rising order. Fraction is any number of digits behind the second.
const (
	Year Precision = iota + 1
	Month
	DayPrecision
	Minute // only FHIRPath literals stop here; FHIR instants and dateTimes with a time have seconds
	Second
	Fraction
)

// DateTime is a FHIR date, dateTime or instant exactly as written (FHIR R4, Datatypes: date, dateTime, instant).
type DateTime struct {
	Year, Month, Day     int // Month and Day are 0 when not written
	Hour, Minute, Second int
	Nanosecond           int
	Digits               int // digits of the written fraction
	Zoned                bool
	Offset               int // minutes east of UTC, when Zoned
	UTC                  bool
	Precision            Precision
}

// ParseDateTime reads YYYY, YYYY-MM, YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss[.f]zone as FHIR R4 writes them. A time
// must have a zone and seconds, days must exist in the calendar. The error does not repeat the text.
func ParseDateTime(s string) (DateTime, error) {
	r := dateReader{s: s}
	d := r.dateTime()
	if r.bad || r.i != len(s) {
		return DateTime{}, errNoDateTime
	}
	return d, nil
}

var errNoDateTime = errors.New("not a FHIR date or dateTime")

type dateReader struct {
	s   string
	i   int
	bad bool
}

func (r *dateReader) more() bool { return !r.bad && r.i < len(r.s) }

func (r *dateReader) number(digits, low, high int) int {
	if r.i+digits > len(r.s) {
		r.bad = true
		return 0
	}
	n := 0
	for ; digits > 0; digits-- {
		c := r.s[r.i] - '0'
		if c > 9 {
			r.bad = true
			return 0
		}
		n = n*10 + int(c)
		r.i++
	}
	if n < low || n > high {
		r.bad = true
	}
	return n
}

func (r *dateReader) expect(c byte) {
	if r.i >= len(r.s) || r.s[r.i] != c {
		r.bad = true
		return
	}
	r.i++
}

func (r *dateReader) dateTime() DateTime {
	d := DateTime{Precision: Year}
	d.Year = r.number(4, 1, 9999)
	if !r.more() {
		return d
	}
	r.expect('-')
	d.Month, d.Precision = r.number(2, 1, 12), Month
	if !r.more() {
		return d
	}
	r.expect('-')
	d.Day, d.Precision = r.number(2, 1, 31), DayPrecision
	if !r.bad && d.Day > daysIn(d.Year, d.Month) {
		r.bad = true
	}
	if r.more() {
		r.expect('T')
		r.time(&d)
	}
	return d
}

func (r *dateReader) time(d *DateTime) {
	d.Hour = r.number(2, 0, 23)
	r.expect(':')
	d.Minute = r.number(2, 0, 59)
	r.expect(':')
	d.Second, d.Precision = r.number(2, 0, 60), Second
	if r.more() && r.s[r.i] == '.' {
		r.i++
		r.fraction(d)
	}
	r.zone(d)
}

func (r *dateReader) fraction(d *DateTime) {
	scale := 100_000_000
	for r.more() && r.s[r.i]-'0' <= 9 {
		d.Nanosecond += int(r.s[r.i]-'0') * scale
		scale /= 10
		d.Digits++
		r.i++
	}
	d.Precision = Fraction
	if d.Digits == 0 {
		r.bad = true
	}
}

func (r *dateReader) zone(d *DateTime) {
	if !r.more() {
		r.bad = true
		return
	}
	d.Zoned = true
	sign := 1
	switch r.s[r.i] {
	case 'Z':
		r.i++
		d.UTC = true
		return
	case '-':
		sign = -1
	case '+':
	default:
		r.bad = true
	}
	r.i++
	hours := r.number(2, 0, 14)
	r.expect(':')
	d.Offset = sign * (hours*60 + r.number(2, 0, 59))
	if d.Offset < -14*60 || d.Offset > 14*60 {
		r.bad = true
	}
}

func daysIn(year, month int) int {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4, month == 6, month == 9, month == 11:
		return 30
	}
	return 31
}

// String writes the date as it was written.
func (d DateTime) String() string {
	var b [len("2006-01-02T15:04:05.000000000+00:00")]byte
	return string(d.Append(b[:0]))
}

// Append writes the date as it was written behind b.
func (d DateTime) Append(b []byte) []byte {
	if d.Precision == 0 {
		return b
	}
	b = padded(b, d.Year, 4)
	if d.Precision >= Month {
		b = padded(append(b, '-'), d.Month, 2)
	}
	if d.Precision >= DayPrecision {
		b = padded(append(b, '-'), d.Day, 2)
	}
	if d.Precision <= DayPrecision {
		return b
	}
	b = padded(append(b, 'T'), d.Hour, 2)
	b = padded(append(b, ':'), d.Minute, 2)
	b = padded(append(b, ':'), d.Second, 2)
	if d.Precision == Fraction {
		b = padded(append(b, '.'), d.Nanosecond, 9)
		b = b[:len(b)-9+min(d.Digits, 9)]
	}
	return d.appendZone(b)
}

func (d DateTime) appendZone(b []byte) []byte {
	if d.UTC || !d.Zoned {
		return append(b, 'Z')
	}
	sign, o := byte('+'), d.Offset
	if o < 0 {
		sign, o = '-', -o
	}
	b = padded(append(b, sign), o/60, 2)
	return padded(append(b, ':'), o%60, 2)
}

// padded writes a number that is not negative with at least so many digits.
func padded(b []byte, n, digits int) []byte {
	var text [20]byte
	i := len(text)
	for ; n > 0 || digits > 0; digits-- {
		i--
		text[i] = byte('0' + n%10) // #nosec G115 -- a digit
		n /= 10
	}
	return append(b, text[i:]...)
}

// Instant returns the moment that a date with time and zone names; ok is false for one without.
func (d DateTime) Instant() (t time.Time, ok bool) {
	if d.Precision < Minute || !d.Zoned {
		return time.Time{}, false
	}
	zone := time.UTC
	if !d.UTC {
		zone = time.FixedZone("", d.Offset*60)
	}
	return time.Date(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, d.Nanosecond, zone), true
}

// Days returns the first and last calendar day that the date may mean, in the zone: the day of the instant for one
// with time, the written day, or the whole month or year of a partial date.
func (d DateTime) Days(zone *time.Location) (first, last Day) {
	if t, ok := d.Instant(); ok {
		day := DayOf(t.In(zone))
		return day, day
	}
	switch d.Precision {
	case Year:
		return NewDay(d.Year, 1, 1), NewDay(d.Year, 12, 31)
	case Month:
		return NewDay(d.Year, d.Month, 1), NewDay(d.Year, d.Month, daysIn(d.Year, d.Month))
	}
	day := NewDay(d.Year, d.Month, d.Day)
	return day, day
}

// Day is a calendar day: the number of days since 1970-01-01 in the proleptic Gregorian calendar.
type Day int32

// FirstDay and LastDay bound the days that FHIR can write.
var (
	FirstDay = NewDay(1, 1, 1)
	LastDay  = NewDay(9999, 12, 31)
)

// NewDay returns the day of a date; overflowing months and days carry, as in time.Date.
func NewDay(year, month, day int) Day {
	if year < 1 || month < 1 || month > 12 {
		return DayOf(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC))
	}
	// The year begins in March, so that the leap day is its last: 306 days lie before the January of year 1.
	y, m := year, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + day - 1 - 306
	return Day(days - daysToEpoch) // #nosec G115 -- years have four digits
}

// daysToEpoch is the number of days from 0001-01-01 to 1970-01-01.
const daysToEpoch = 719162

// DayOf returns the calendar day that t shows in its own location.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400) // #nosec G115 -- years have four digits
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	d, err := ParseDateTime(s)
	if err != nil || d.Precision != DayPrecision {
		return 0, fmt.Errorf("not a date of the form YYYY-MM-DD")
	}
	return NewDay(d.Year, d.Month, d.Day), nil
}

// LeadingDay reads the YYYY-MM-DD that a text begins with, whatever follows; ok is false when it begins with none.
func LeadingDay(s string) (day Day, ok bool) {
	if len(s) < len("2006-01-02") || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	y, m, d := digits(s[:4]), digits(s[5:7]), digits(s[8:10])
	if y < 1 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return NewDay(y, m, d), true
}

// digits reads a number of a few digits; it is -1 when one of them is none.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return -1
		}
		n = n*10 + int(c)
	}
	return n
}

// Date returns year, month and day of month.
func (d Day) Date() (year, month, day int) {
	year, m, day := time.Unix(int64(d)*86400, 0).UTC().Date()
	return year, int(m), day
}

// String writes YYYY-MM-DD.
func (d Day) String() string {
	var b [len("2006-01-02")]byte
	y, m, day := d.Date()
	return string(padded(append(padded(append(padded(b[:0], y, 4), '-'), m, 2), '-'), day, 2))
}
