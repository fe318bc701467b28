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

// append appends a date as it stands in the record; ok is false for what is no FHIR date or leaves FHIR's calendar. Full dates and
// instants move by their digits; the rest, which is rare, as local and shifted say.
func (m *mover) append(dst []byte, s string) (_ []byte, ok bool) {
	if day, ok := fhir.LeadingDay(s); ok {
		if len(s) == len("2006-01-02") {
			return m.appendDay(dst, day)
		}
		if t, ok := readClock(s[len("2006-01-02"):]); ok {
			return m.appendInstant(dst, day, t)
		}
	}
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		return dst, false
	}
	if d, ok = shifted(local(d, m.zone), m.days); !ok {
		return dst, false
	}
	return d.Append(dst), true
}

// clock is what stands behind the date of an instant: T15:04:05.000+01:00.
type clock struct {
	text   string
	zone   int // where the zone begins in the text
	second int // of the day, as written
	offset int // minutes east of UTC
	utc    bool
}

// readClock reads a time with a zone. ok is false for what is none, and for a few that are: with an offset of 14 hours or of
// -00:00, or with a fraction of more than nine digits.
func readClock(s string) (c clock, ok bool) {
	if len(s) < len("T15:04:05Z") || s[0] != 'T' || s[3] != ':' || s[6] != ':' {
		return c, false
	}
	hour, minute, second := twoDigits(s, 1), twoDigits(s, 4), twoDigits(s, 7)
	c = clock{text: s, zone: afterFraction(s), second: hour*3600 + minute*60 + second}
	if hour > 23 || minute > 59 || second > 60 {
		return c, false
	}
	switch rest := s[c.zone:]; len(rest) {
	case len("Z"):
		c.utc = true
		return c, rest == "Z"
	case len("+01:00"):
		c.offset, ok = writtenOffset(rest)
		return c, ok
	}
	return c, false
}

// afterFraction returns where the zone begins behind the seconds and a fraction of one to nine digits; where the fraction is none,
// no zone begins.
func afterFraction(s string) int {
	const seconds = len("T15:04:05")
	if s[seconds] != '.' {
		return seconds
	}
	i := seconds + 1
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	if digits := i - seconds - 1; digits < 1 || digits > 9 {
		return len(s)
	}
	return i
}

// writtenOffset reads +hh:mm or -hh:mm in minutes.
func writtenOffset(s string) (minutes int, ok bool) {
	hours, minutes := twoDigits(s, 1), twoDigits(s, 4)
	if hours > 13 || minutes > 59 || s[3] != ':' {
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

// appendInstant appends the moved day and the time, both as the site's clocks showed them. What they showed as it is written
// stays as it is written.
func (m *mover) appendInstant(dst []byte, day fhir.Day, t clock) (_ []byte, ok bool) {
	second := int64(day)*86400 + int64(t.second-t.offset*60) // since 1970
	offset := m.offset(second)
	if offset == t.offset && !t.utc {
		if dst, ok = m.appendDay(dst, day); !ok {
			return dst, false
		}
		return append(dst, t.text...), true
	}
	second += int64(offset) * 60
	shown := second % 86400
	if shown < 0 {
		shown += 86400
	}
	if dst, ok = m.appendDay(dst, fhir.Day((second-shown)/86400)); !ok { // #nosec G115 -- at most a day or two from the written one
		return dst, false
	}
	clock := int(shown)
	dst = appendTwo(append(dst, 'T'), clock/3600)
	dst = appendTwo(append(dst, ':'), clock/60%60)
	dst = appendTwo(append(dst, ':'), clock%60)
	dst = append(dst, t.text[len("T15:04:05"):t.zone]...)
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = appendTwo(append(dst, sign), offset/60)
	return appendTwo(append(dst, ':'), offset%60), true
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

// appendDay appends the day, moved.
func (m *mover) appendDay(dst []byte, day fhir.Day) ([]byte, bool) {
	day += fhir.Day(m.days) // #nosec G115 -- at most maxShift
	if day < fhir.FirstDay || day > fhir.LastDay {
		return dst, false
	}
	year, month, d := day.Date()
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), month)
	return appendTwo(append(dst, '-'), d), true
}

// appendTwo appends a number below 100 with two digits.
func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10)) // #nosec G115 -- digits
}
