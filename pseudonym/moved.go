package pseudonym

import (
	"math"
	"time"

	"github.com/crflink/crflink/fhir"
)

// mover writes dates in the site's time and moves them by a subject's days. It is not safe for concurrent use.
type mover struct {
	zone   *time.Location
	days   int
	spells [2]spell // that dates were in lately: dates of a patient lie in few summers and winters
}

// spell is a time during which the offset of a zone stays the same, in seconds since 1970.
type spell struct {
	from, to int64 // to is the first that is no more part of it
	offset   int   // minutes east of UTC
}

// append appends a date as it stands in the record; ok is false for what is no FHIR date or leaves FHIR's calendar.
func (m *mover) append(dst []byte, s string) (_ []byte, ok bool) {
	if day, ok := m.day(s); ok {
		return m.appendDay(dst, day, s[len("2006-01-02"):])
	}
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		return dst, false
	}
	if d, ok = shifted(local(d, m.zone), m.days); !ok {
		return dst, false
	}
	return appendDateTime(dst, d), true
}

// day returns the day of a text in which nothing else has to change: of a full date, and of an instant in whole seconds with the
// offset that the site had then. ok is false for every other text, which may be a date nevertheless.
func (m *mover) day(s string) (day fhir.Day, ok bool) {
	day, ok = fhir.LeadingDay(s)
	switch {
	case !ok:
		return 0, false
	case len(s) == len("2006-01-02"):
		return day, true
	case len(s) != len("2006-01-02T15:04:05+01:00") || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[22] != ':':
		return 0, false
	}
	hour, minute, second := twoDigits(s, 11), twoDigits(s, 14), twoDigits(s, 17)
	offset, ok := writtenOffset(s[19:])
	if !ok || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	return day, offset == m.offset(int64(day)*86400+int64(hour*3600+(minute-offset)*60+second))
}

// writtenOffset reads +hh:mm or -hh:mm in minutes. -00:00 is left to who knows how to write it.
func writtenOffset(s string) (minutes int, ok bool) {
	hours, minutes := twoDigits(s, 1), twoDigits(s, 4)
	if hours > 13 || minutes > 59 {
		return 0, false
	}
	minutes += hours * 60
	switch s[0] {
	case '+':
		return minutes, true
	case '-':
		return -minutes, minutes > 0
	}
	return 0, false
}

// twoDigits reads the number at i; it is greater than every number of two digits when there is none.
func twoDigits(s string, i int) int {
	tens, ones := s[i]-'0', s[i+1]-'0'
	if tens > 9 || ones > 9 {
		return math.MaxInt16
	}
	return int(tens)*10 + int(ones)
}

// offset returns what the site's clocks showed at a second since 1970, in whole minutes east of UTC.
func (m *mover) offset(second int64) int {
	for i := range m.spells {
		if s := &m.spells[i]; second >= s.from && second < s.to {
			return s.offset
		}
	}
	m.spells[1] = m.spells[0]
	m.spells[0] = spellOf(time.Unix(second, 0).In(m.zone))
	return m.spells[0].offset
}

// spellOf returns the spell that a time is in.
func spellOf(t time.Time) spell {
	_, offset := t.Zone()
	s := spell{from: math.MinInt64, to: math.MaxInt64, offset: offset / 60}
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		s.from = start.Unix()
	}
	if !end.IsZero() {
		s.to = end.Unix()
	}
	return s
}

// appendDay appends the moved day and what stays behind it.
func (m *mover) appendDay(dst []byte, day fhir.Day, rest string) ([]byte, bool) {
	day += fhir.Day(m.days) // #nosec G115 -- at most maxShift
	if day < fhir.FirstDay || day > fhir.LastDay {
		return dst, false
	}
	year, month, d := day.Date()
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), month)
	dst = appendTwo(append(dst, '-'), d)
	return append(dst, rest...), true
}

// appendTwo appends a number below 100 with two digits.
func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10)) // #nosec G115 -- digits
}
