package fhirpath

import "time"

// resolution is how much of a date or time was written.
type resolution uint8

const (
	toYear resolution = iota + 1
	toMonth
	toDay
	toHour
	toMinute
	toSecond
	toFraction
)

// moment is a Date, DateTime or Time: the beginning of what was written, on the clock of its own zone.
type moment struct {
	sec    int64 // wall-clock seconds since 1970-01-01T00:00; of a Time since midnight
	nano   int32
	offset int16 // minutes east of UTC, when zoned
	res    resolution
	digits uint8 // of the written fraction
	kind   Kind  // Date, DateTime or Time
	zoned  bool
	utc    bool // written as Z
}

const (
	secondsPerDay = 86400
	// Zones reach from UTC-12 to UTC+14, so a clock without zone is earlier in UTC by at most 14 hours and later by
	// at most 12.
	eastmost = 14 * 3600
	westmost = 12 * 3600
)

// days returns the days since 1970-01-01 of a date in the proleptic Gregorian calendar.
func days(year, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(int64(year), 400)
	yearOfEra := int64(year) - era*400
	dayOfYear := (153*int64((month+9)%12)+2)/5 + int64(day) - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// civil is the inverse of days.
func civil(z int64) (year, month, day int) {
	z += 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int((mp+2)%12) + 1
	year = int(yoe + era*400)
	if month <= 2 {
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func daysInMonth(year, month int) int {
	if month == 12 {
		return 31
	}
	return int(days(year, month+1, 1) - days(year, month, 1))
}

func (m moment) date() (year, month, day int) { return civil(floorDiv(m.sec, secondsPerDay)) }

// end returns the wall-clock second at which the written span ends; exact for spans of a minute and more.
func (m moment) end() int64 {
	switch m.res {
	case toYear:
		y, _, _ := m.date()
		return days(y+1, 1, 1) * secondsPerDay
	case toMonth:
		y, mo, _ := m.date()
		if mo == 12 {
			return days(y+1, 1, 1) * secondsPerDay
		}
		return days(y, mo+1, 1) * secondsPerDay
	case toDay:
		return m.sec + secondsPerDay
	case toHour:
		return m.sec + 3600
	case toMinute:
		return m.sec + 60
	}
	return m.sec
}

// span is an interval of instants; exact says that it is a point.
type span struct {
	from, to int64 // seconds in UTC, or on the common clock; to is excluded unless exact
	nano     int32
}

// spanIn returns the instants that m may mean. Without a zone of its own it is read on the clock of zone; where that
// is nil too, everywhere between UTC-12 and UTC+14.
func (m moment) spanIn(zone *time.Location) span {
	s := span{from: m.sec, to: m.end(), nano: m.nano}
	switch {
	case m.zoned:
		s.from -= int64(m.offset) * 60
		s.to -= int64(m.offset) * 60
	case zone != nil:
		s.from, s.to = onClock(s.from, zone), onClock(s.to, zone)
	default:
		s.from -= eastmost
		s.to += westmost
	}
	return s
}

// onClock returns the instant at which the clock of a zone shows a wall-clock second.
func onClock(wall int64, zone *time.Location) int64 {
	t := time.Unix(wall, 0).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone).Unix()
}

func (m moment) precise() bool { return m.res >= toSecond }

// compare orders two moments. known is false where they overlap without being of the same precision, or where only
// one has a zone and none is given (FHIRPath N1, 6.2). Seconds and their fractions are one precision.
func (m moment) compare(o moment, zone *time.Location) (order int, known bool) {
	var a, b span
	switch {
	case m.zoned == o.zoned && !m.zoned:
		a, b = span{m.sec, m.end(), m.nano}, span{o.sec, o.end(), o.nano}
	default:
		a, b = m.spanIn(zone), o.spanIn(zone)
	}
	comparable := m.zoned == o.zoned || zone != nil
	if comparable && (m.res == o.res || m.precise() && o.precise()) {
		return a.point(b), true
	}
	switch {
	case a.to < b.from || a.to == b.from && a.to > a.from:
		return -1, true
	case b.to < a.from || b.to == a.from && b.to > b.from:
		return 1, true
	}
	return 0, false
}

func (s span) point(o span) int {
	switch {
	case s.from < o.from || s.from == o.from && s.nano < o.nano:
		return -1
	case s.from > o.from || s.nano > o.nano:
		return 1
	}
	return 0
}

// momentOf returns the DateTime at which t's own clock stands, to the millisecond.
func momentOf(t time.Time) moment {
	_, offset := t.Zone()
	ms := t.Nanosecond() / 1e6
	return moment{
		sec: t.Unix() + int64(offset), nano: int32(ms) * 1e6, digits: 3, res: toFraction, kind: DateTime, // #nosec G115 -- below 1e9
		zoned: true, offset: int16(offset / 60), utc: offset == 0, // #nosec G115 -- offsets are below a day
	}
}
