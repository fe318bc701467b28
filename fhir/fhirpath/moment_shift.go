package fhirpath

import "github.com/cockroachdb/apd/v3"

// unitSeconds are the spans of fixed length, by calendar word.
var unitSeconds = map[string]int64{
	"week": 7 * secondsPerDay, "day": secondsPerDay, "hour": 3600, "minute": 60, "second": 1,
}

// definiteWords are the UCUM codes that mean the same as a calendar word. Years and months are missing: in UCUM they
// are 365.25 days and a twelfth of it (FHIRPath N1, 2.1.6).
var definiteWords = map[string]string{"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}

// shift adds n units, named by a calendar word, to m. What is finer than a second's fraction or than the precision of
// m is cut off. ok is false when the result lies outside of the years 1 to 9999.
func (m moment) shift(n dec, word string) (_ moment, ok bool) {
	switch word {
	case "second", "millisecond":
		return m.shiftFraction(n, word)
	}
	whole, ok := n.to(0, apd.RoundDown).integer()
	if !ok || whole > 1e12 || whole < -1e12 {
		return m, false
	}
	switch word {
	case "year":
		return m.shiftMonths(whole * 12)
	case "month":
		return m.shiftMonths(whole)
	}
	return m.shiftSeconds(whole*unitSeconds[word], 0)
}

func (m moment) shiftMonths(n int64) (moment, bool) {
	if m.kind == Time {
		return m, false
	}
	if m.res == toYear {
		n -= n % 12
	}
	y, mo, d := m.date()
	total := int64(y)*12 + int64(mo) - 1 + n
	year, month := int(floorDiv(total, 12)), int(total-floorDiv(total, 12)*12)+1
	if year < 1 || year > 9999 {
		return m, false
	}
	ofDay := m.sec - floorDiv(m.sec, secondsPerDay)*secondsPerDay
	m.sec = days(year, month, min(d, daysInMonth(year, month)))*secondsPerDay + ofDay
	return m, true
}

func (m moment) shiftFraction(n dec, word string) (moment, bool) {
	places := int32(9)
	if word == "millisecond" {
		places = 6
	}
	units, ok := n.to(places, apd.RoundDown).unscaled()
	if !ok {
		return m, false
	}
	sec := floorDiv(units, 1e9)
	return m.shiftSeconds(sec, units-sec*1e9)
}

// unscaled returns coef when the number is small.
func (d dec) unscaled() (int64, bool) { return d.coef, d.big == nil }

// shiftSeconds adds seconds and nanoseconds, cut to the precision of m: of a date whole days, of a month 30 days, of a
// year 365 days.
func (m moment) shiftSeconds(sec, nano int64) (moment, bool) {
	switch m.res {
	case toYear:
		return m.shiftMonths(sec / (365 * secondsPerDay) * 12)
	case toMonth:
		return m.shiftMonths(sec / (30 * secondsPerDay))
	case toDay:
		sec, nano = sec-sec%secondsPerDay, 0
	case toHour:
		sec, nano = sec-sec%3600, 0
	case toMinute:
		sec, nano = sec-sec%60, 0
	}
	total := int64(m.nano) + nano
	carry := floorDiv(total, 1e9)
	m.nano = int32(total - carry*1e9) // #nosec G115 -- below 1e9
	m.sec += sec + carry
	if m.nano != 0 && m.digits < 3 {
		m.digits, m.res = 3, toFraction
	}
	if m.kind == Time {
		m.sec -= floorDiv(m.sec, secondsPerDay) * secondsPerDay
		return m, true
	}
	y, _, _ := m.date()
	return m, y >= 1 && y <= 9999
}
