package synth

import (
	"strconv"

	"github.com/crflink/crflink/fhir"
)

// moment is a date as it will be written: a local day of Europe/Berlin, with a time of day when precision is Second.
type moment struct {
	day       fhir.Day
	sec       int // second of the local day
	precision fhir.Precision
	utc       bool // written as UTC instead of with the local offset
}

func onDay(d fhir.Day) moment { return moment{day: d, precision: fhir.DayPrecision} }

// unix is the moment in seconds since 1970; a date without time stands at the beginning of its local day.
func (m moment) unix() int64 {
	return int64(m.day)*86400 + int64(m.sec) - int64(offsetMinutes(m.day, m.sec))*60
}

// first and last are the days that the date may mean.
func (m moment) first() fhir.Day {
	y, month, _ := m.day.Date()
	switch m.precision {
	case fhir.Year:
		return fhir.NewDay(y, 1, 1)
	case fhir.Month:
		return fhir.NewDay(y, month, 1)
	}
	return m.day
}

func (m moment) last() fhir.Day {
	y, month, _ := m.day.Date()
	switch m.precision {
	case fhir.Year:
		return fhir.NewDay(y, 12, 31)
	case fhir.Month:
		return fhir.NewDay(y, month+1, 0)
	}
	return m.day
}

// offsetMinutes is the offset of Central European (summer) time: from the last Sunday of March to that of October. The generator
// draws no time between 02:00 and 04:00, where the clocks change.
func offsetMinutes(day fhir.Day, sec int) int {
	y, _, _ := day.Date()
	begin, end := lastSunday(y, 3), lastSunday(y, 10)
	if sec < 3*3600 {
		begin, end = begin+1, end+1
	}
	if day >= begin && day < end {
		return 120
	}
	return 60
}

func lastSunday(year, month int) fhir.Day {
	d := fhir.NewDay(year, month, 31)
	return d - (d+4)%7 // day 0 was a Thursday
}

func (m moment) append(b []byte) []byte {
	day, sec, offset := m.day, m.sec, 0
	if m.precision >= fhir.Second {
		offset = offsetMinutes(day, sec)
		if m.utc {
			sec -= offset * 60
			if sec < 0 {
				day, sec = day-1, sec+86400
			}
		}
	}
	y, month, d := day.Date()
	b = padded(b, y, 4)
	if m.precision == fhir.Year {
		return b
	}
	b = padded(append(b, '-'), month, 2)
	if m.precision == fhir.Month {
		return b
	}
	b = padded(append(b, '-'), d, 2)
	if m.precision < fhir.Second {
		return b
	}
	b = appendClock(append(b, 'T'), sec)
	if m.utc {
		return append(b, 'Z')
	}
	return append(padded(append(b, '+'), offset/60, 2), ":00"...)
}

func (m moment) String() string { return string(m.append(nil)) }

func appendClock(b []byte, sec int) []byte {
	b = padded(b, sec/3600, 2)
	b = padded(append(b, ':'), sec/60%60, 2)
	return padded(append(b, ':'), sec%60, 2)
}

// instant writes Unix seconds as a FHIR instant in UTC.
func instant(b []byte, unix int64) []byte {
	b = onDay(fhir.Day(unix / 86400)).append(b) // #nosec G115 -- years have four digits
	return append(appendClock(append(b, 'T'), int(unix%86400)), ".000Z"...)
}

func padded(b []byte, n, width int) []byte {
	for limit := 10; width > 1; width, limit = width-1, limit*10 {
		if n < limit {
			b = append(b, '0')
		}
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// when is the date of a resource: a point, a period, an open period or none.
type when struct {
	kind       whenKind
	start, end moment
}

type whenKind uint8

const (
	undated whenKind = iota
	point
	period
	openPeriod // without end
)

func at(m moment) when { return when{kind: point, start: m} }

func from(start, end moment) when { return when{kind: period, start: start, end: end} }

// inside reports whether the date lies wholly within one of the spans, and is certain enough to say so.
func (w when) inside(spans []Span) bool {
	first, last := w.start, w.start
	switch w.kind {
	case undated, openPeriod:
		return false
	case period:
		last = w.end
	}
	if first.precision < fhir.DayPrecision || last.precision < fhir.DayPrecision {
		return false
	}
	for _, s := range spans {
		if first.day >= s.first && last.day <= s.last {
			return true
		}
	}
	return false
}
