package fhirpath

import (
	"math/bits"
	"strconv"

	"github.com/cockroachdb/apd/v3"
)

// dec is an exact decimal: coef·10^exp, or big where that does not fit. Zeros behind the point are part of it, so that
// a written precision stays.
type dec struct {
	coef int64
	exp  int32
	big  *apd.Decimal
}

const (
	smallDigits  = 18  // digits that surely fit coef
	maxDigits    = 400 // digits and exponent of a number that is read
	resultDigits = 100 // digits of an exact result; more is an overflow
	quotient     = 34  // significant digits of a quotient, root or logarithm
)

var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

func decOf(i int64) dec { return dec{coef: i} }

// parseDec reads a decimal or JSON number.
func parseDec(s string) (dec, bool) {
	r := decReader{s: s}
	if s != "" && (s[0] == '-' || s[0] == '+') {
		r.negative = s[0] == '-'
		r.i++
	}
	r.digits(false)
	if r.i < len(s) && s[r.i] == '.' && r.seen > 0 {
		r.i++
		before := r.seen
		r.digits(true)
		if r.seen == before {
			return dec{}, false
		}
	}
	if r.seen == 0 || len(s) > maxDigits+8 {
		return dec{}, false
	}
	if r.i < len(s) && s[r.i]|0x20 == 'e' {
		e, err := strconv.ParseInt(s[r.i+1:], 10, 16)
		if err != nil || e > maxDigits || e < -maxDigits {
			return dec{}, false
		}
		r.exp += int32(e) // #nosec G115 -- bounded above
		r.i = len(s)
	}
	if r.i != len(s) || r.significant+int(r.exp) > maxDigits || r.exp < -maxDigits {
		return dec{}, false
	}
	return r.result()
}

type decReader struct {
	s           string
	i           int
	coef        int64
	exp         int32
	seen        int // digits
	significant int // digits behind leading zeros
	negative    bool
}

func (r *decReader) digits(fraction bool) {
	for ; r.i < len(r.s) && isDigit(r.s[r.i]); r.i++ {
		r.seen++
		if r.significant > 0 || r.s[r.i] != '0' {
			r.significant++
		}
		if r.significant <= smallDigits {
			r.coef = r.coef*10 + int64(r.s[r.i]-'0')
		}
		if fraction {
			r.exp--
		}
	}
}

func (r *decReader) result() (dec, bool) {
	if r.significant > smallDigits {
		d, _, err := apd.NewFromString(r.s)
		if err != nil {
			return dec{}, false
		}
		return dec{big: d}, true
	}
	if r.negative {
		r.coef = -r.coef
	}
	if r.coef == 0 {
		r.exp = min(r.exp, 0)
	}
	return dec{coef: r.coef, exp: r.exp}, true
}

// apd returns the number as an apd.Decimal, in to where it has to be made.
func (d dec) apd(to *apd.Decimal) *apd.Decimal {
	if d.big != nil {
		return d.big
	}
	to.SetFinite(d.coef, d.exp)
	return to
}

// decFrom takes a result over; it is copied.
func decFrom(x *apd.Decimal) dec {
	if x.Coeff.IsInt64() {
		if c := x.Coeff.Int64(); c < pow10[smallDigits] {
			if x.Negative {
				c = -c
			}
			return dec{coef: c, exp: x.Exponent}
		}
	}
	return dec{big: new(apd.Decimal).Set(x)}
}

func (d dec) sign() int {
	if d.big != nil {
		return d.big.Sign()
	}
	switch {
	case d.coef > 0:
		return 1
	case d.coef < 0:
		return -1
	}
	return 0
}

// places returns the number of digits behind the point, as written.
func (d dec) places() int32 {
	e := d.exp
	if d.big != nil {
		e = d.big.Exponent
	}
	return max(0, -e)
}

// scaled returns coef·10^n when it fits.
func scaled(coef int64, n int32) (int64, bool) {
	if n < 0 || int(n) >= len(pow10) {
		return 0, coef == 0
	}
	a := coef
	if a < 0 {
		a = -a
	}
	hi, lo := bits.Mul64(uint64(a), uint64(pow10[n])) // #nosec G115 -- both are positive
	if hi != 0 || lo >= 1<<62 {
		return 0, false
	}
	return coef * pow10[n], true
}

// compare returns -1, 0 or 1.
func (d dec) compare(o dec) int {
	if d.big == nil && o.big == nil {
		a, b, ok := d.coef, o.coef, true
		switch {
		case d.exp > o.exp:
			a, ok = scaled(a, d.exp-o.exp)
		case o.exp > d.exp:
			b, ok = scaled(b, o.exp-d.exp)
		}
		if ok {
			switch {
			case a < b:
				return -1
			case a > b:
				return 1
			}
			return 0
		}
	}
	var x, y apd.Decimal
	return d.apd(&x).Cmp(o.apd(&y))
}

// String writes the number without an exponent.
func (d dec) String() string {
	if d.big == nil && d.exp == 0 {
		return strconv.FormatInt(d.coef, 10)
	}
	var x apd.Decimal
	return d.apd(&x).Text('f')
}

// integer returns the value as an int64 when it is whole and fits.
func (d dec) integer() (int64, bool) {
	if d.big == nil && d.exp <= 0 {
		s := d.stripped()
		return s.coef, s.exp == 0 || s.coef == 0
	}
	var x, y apd.Decimal
	v := d.apd(&x)
	y.Reduce(v)
	i, err := y.Int64()
	return i, err == nil
}

func fitsInteger(s string) bool {
	_, err := strconv.ParseInt(s, 10, 32)
	return err == nil
}
