package dicom

import (
	"math"
	"strconv"
	"time"

	"github.com/crflink/crflink/fhir"
)

// Number returns the first value as a finite number.
func (e Element) Number() (float64, bool) {
	texts := e.Texts()
	if len(texts) == 0 {
		return 0, false
	}
	return number(texts[0])
}

// Numbers returns all values as numbers; it is false when there is none, or one is no number.
func (e Element) Numbers() ([]float64, bool) {
	texts := e.Texts()
	numbers := make([]float64, 0, len(texts))
	for _, text := range texts {
		n, ok := number(text)
		if !ok {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, len(numbers) > 0
}

// number reads what the VRs DS and IS allow (PS3.5, 6.2): no hexadecimal digits, no underscores, no infinity.
func number(text string) (float64, bool) {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9', c == '+', c == '-', c == '.', c == 'e', c == 'E':
		default:
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsInf(n, 0)
}

// Day reads a DA: YYYYMMDD, or with dots as old files have it (PS3.5, 6.2).
func (d Dataset) Day(t Tag) (fhir.Day, bool) { return ParseDay(d.Text(t)) }

// ParseDay reads a DA.
func ParseDay(text string) (fhir.Day, bool) {
	if len(text) == 10 && text[4] == '.' && text[7] == '.' {
		text = text[:4] + text[5:7] + text[8:]
	}
	if len(text) != 8 {
		return 0, false
	}
	day, err := fhir.ParseDay(text[:4] + "-" + text[4:6] + "-" + text[6:])
	return day, err == nil
}

// Clock reads a TM as the time since midnight.
func (d Dataset) Clock(t Tag) (time.Duration, bool) { return ParseClock(d.Text(t)) }

// ParseClock reads a TM: HH, HHMM, HHMMSS or HHMMSS.F up to six digits, or with colons as old files have it.
func ParseClock(text string) (time.Duration, bool) {
	if len(text) >= 5 && text[2] == ':' {
		if len(text) >= 8 && text[5] == ':' {
			text = text[:5] + text[6:]
		}
		text = text[:2] + text[3:]
	}
	whole, fraction := text, ""
	if len(text) > 7 && text[6] == '.' {
		whole, fraction = text[:6], text[7:]
	}
	if len(whole) != 2 && len(whole) != 4 && len(whole) != 6 || len(fraction) > 6 || whole == text && len(text) > 6 {
		return 0, false
	}
	h, ok1 := below(whole[:2], 24)
	m, ok2 := below(pair(whole, 2), 60)
	s, ok3 := below(pair(whole, 4), 61) // 60 is a leap second
	f, ok4 := below((fraction + "000000")[:6], 1_000_000)
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(f)*time.Microsecond, ok1 && ok2 && ok3 && ok4
}

func pair(s string, at int) string {
	if at+2 > len(s) {
		return "00"
	}
	return s[at : at+2]
}

func below(digits string, limit int) (int, bool) {
	n := 0
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n < limit
}

// Moment is a DT: a day, the time since its midnight, and the offset from UTC where it was written.
type Moment struct {
	Day       fhir.Day
	Clock     time.Duration
	Offset    time.Duration
	HasOffset bool
}

// Moment reads a DT with at least a day and an hour.
func (d Dataset) Moment(t Tag) (Moment, bool) { return ParseMoment(d.Text(t)) }

// ParseMoment reads a DT: YYYYMMDDHHMMSS.FFFFFF&ZZXX, at least to the hour.
func ParseMoment(text string) (m Moment, ok bool) {
	if n := len(text) - 5; n >= 10 && (text[n] == '+' || text[n] == '-') {
		if m.Offset, ok = ParseOffset(text[n:]); !ok {
			return Moment{}, false
		}
		m.HasOffset, text = true, text[:n]
	}
	if len(text) < 10 {
		return Moment{}, false
	}
	day, ok1 := ParseDay(text[:8])
	clock, ok2 := ParseClock(text[8:])
	if !ok1 || !ok2 {
		return Moment{}, false
	}
	m.Day, m.Clock = day, clock
	return m, true
}

// ParseOffset reads the offset from UTC of (0008,0201) and DT: &ZZXX.
func ParseOffset(text string) (time.Duration, bool) {
	if len(text) != 5 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	h, ok1 := below(text[1:3], 15)
	m, ok2 := below(text[3:], 60)
	offset := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, ok1 && ok2
}
