package fhirpath

// parseMoment reads a date, dateTime or time of the given kind: YYYY[-MM[-DD]], behind that T and hh[:mm[:ss[.f]]]
// with an optional zone for a DateTime, or hh[:mm[:ss[.f]]] for a Time.
func parseMoment(s string, kind Kind) (moment, bool) {
	r := momentReader{s: s, m: moment{kind: kind}}
	if kind == Time {
		r.clock()
	} else {
		r.calendar()
		if kind == DateTime && r.accept('T') {
			r.clock()
			r.zone()
		}
	}
	return r.m, !r.bad && r.i == len(s)
}

// parseLiteralMoment reads a literal with its @. A DateTime literal has a T, also when nothing follows it.
func parseLiteralMoment(s string) (moment, bool) {
	s = s[1:]
	if s != "" && s[0] == 'T' {
		return parseMoment(s[1:], Time)
	}
	if n := len(s); n > 0 && s[n-1] == 'T' {
		return parseMoment(s[:n-1], DateTime)
	}
	for i := range len(s) {
		if s[i] == 'T' {
			return parseMoment(s, DateTime)
		}
	}
	return parseMoment(s, Date)
}

type momentReader struct {
	s   string
	i   int
	bad bool
	m   moment
}

func (r *momentReader) accept(c byte) bool {
	if !r.bad && r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *momentReader) number(digits, low, high int) int {
	if r.bad || r.i+digits > len(r.s) {
		r.bad = true
		return low
	}
	n := 0
	for ; digits > 0; digits-- {
		c := r.s[r.i] - '0'
		if c > 9 {
			r.bad = true
			return low
		}
		n = n*10 + int(c)
		r.i++
	}
	if n < low || n > high {
		r.bad = true
		return low
	}
	return n
}

func (r *momentReader) calendar() {
	year, month, day := r.number(4, 1, 9999), 1, 1
	r.m.res = toYear
	if r.accept('-') {
		month, r.m.res = r.number(2, 1, 12), toMonth
		if r.accept('-') {
			day, r.m.res = r.number(2, 1, 31), toDay
			r.bad = r.bad || day > daysInMonth(year, month)
		}
	}
	r.m.sec = days(year, month, day) * secondsPerDay
}

// clock reads a time of day; a leap second is the first second of the next minute.
func (r *momentReader) clock() {
	if r.m.kind == DateTime && r.m.res != toDay {
		r.bad = true
	}
	sec := r.number(2, 0, 23) * 3600
	r.m.res = toHour
	if r.accept(':') {
		sec += r.number(2, 0, 59) * 60
		r.m.res = toMinute
		if r.accept(':') {
			sec += r.number(2, 0, 60)
			r.m.res = toSecond
			if r.accept('.') {
				r.fraction()
			}
		}
	}
	r.m.sec += int64(sec)
}

func (r *momentReader) fraction() {
	r.m.res = toFraction
	scale, n := int32(100_000_000), 0
	for r.i < len(r.s) && isDigit(r.s[r.i]) && n < 100 {
		r.m.nano += int32(r.s[r.i]-'0') * scale
		scale /= 10
		r.i++
		n++
	}
	r.m.digits = uint8(min(n, 9)) // #nosec G115 -- at most 9
	r.bad = r.bad || n == 0
}

func (r *momentReader) zone() {
	sign := int16(1)
	switch {
	case r.accept('Z'):
		r.m.zoned, r.m.utc = true, true
		return
	case r.accept('-'):
		sign = -1
	case r.accept('+'):
	default:
		return
	}
	hours := r.number(2, 0, 14)
	if !r.accept(':') {
		r.bad = true
	}
	r.m.zoned, r.m.offset = true, sign*int16(hours*60+r.number(2, 0, 59)) // #nosec G115 -- below a day
}

// append writes the moment as FHIR does; parts that were not written are left out.
func (m moment) append(b []byte) []byte {
	if m.kind == Time {
		return m.appendClock(b)
	}
	y, mo, d := m.date()
	b = appendDigits(b, y, 4)
	if m.res >= toMonth {
		b = appendDigits(append(b, '-'), mo, 2)
	}
	if m.res >= toDay {
		b = appendDigits(append(b, '-'), d, 2)
	}
	if m.res >= toHour {
		b = m.appendClock(append(b, 'T'))
		b = m.appendZone(b)
	}
	return b
}

func (m moment) appendClock(b []byte) []byte {
	sec := int(m.sec - floorDiv(m.sec, secondsPerDay)*secondsPerDay)
	b = appendDigits(b, sec/3600, 2)
	if m.res >= toMinute {
		b = appendDigits(append(b, ':'), sec/60%60, 2)
	}
	if m.res >= toSecond {
		b = appendDigits(append(b, ':'), sec%60, 2)
	}
	if m.res == toFraction {
		n, scale := int(m.digits), 1
		for range 9 - n {
			scale *= 10
		}
		b = appendDigits(append(b, '.'), int(m.nano)/scale, n)
	}
	return b
}

func (m moment) appendZone(b []byte) []byte {
	if !m.zoned {
		return b
	}
	if m.utc {
		return append(b, 'Z')
	}
	o := int(m.offset)
	if o < 0 {
		b, o = append(b, '-'), -o
	} else {
		b = append(b, '+')
	}
	b = appendDigits(b, o/60, 2)
	return appendDigits(append(b, ':'), o%60, 2)
}

func appendDigits(b []byte, n, width int) []byte {
	for scale := width; scale > 0; scale-- {
		p := 1
		for range scale - 1 {
			p *= 10
		}
		b = append(b, byte('0'+n/p%10)) // #nosec G115 -- a digit
	}
	return b
}

func (m moment) String() string { return string(m.append(nil)) }
