package pseudonym

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/crflink/crflink/fhir"
)

// maxCode is the longest code that stays: HGVS expressions are long, names of people are shorter but have spaces.
const maxCode = 128

// isCode reports whether s is a code without white space: one that FHIR would let contain spaces is refused, because
// a name looks the same.
func isCode(s string) bool {
	if s == "" || len(s) > maxCode {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return isCodeBeyondASCII(s[i:])
		case inCode[c]:
		default:
			return false
		}
	}
	return true
}

// inCode has the bytes of ASCII that a code may have, inURL those that the URL of a system or of a definition may have, which may
// also have all beyond ASCII.
var (
	inCode = bytesWithout(func(c byte) bool { return c <= ' ' || c == 0x7f || c == '@' })
	inURL  = bytesWithout(func(c byte) bool { return strings.IndexByte(" \t\r\n?#@\"'<>\\", c) >= 0 })
)

func bytesWithout(refused func(c byte) bool) (in [256]bool) {
	for c := range in {
		in[c] = !refused(byte(c)) // #nosec G115 -- there are 256 bytes
	}
	return in
}

// isCodeBeyondASCII reports whether all characters may stand in a code.
func isCodeBeyondASCII(s string) bool {
	for _, c := range s {
		if c <= ' ' || c == 0x7f || c == '@' || unicode.IsSpace(c) || unicode.IsControl(c) {
			return false
		}
	}
	return true
}

// isURL reports whether s has no white space, query, fragment, user or quote.
func isURL(s string) bool {
	for i := range len(s) {
		if !inURL[s[i]] {
			return false
		}
	}
	return true
}

// isSystem reports whether s is the URI of a code system: http, https or urn, without a query, fragment or user.
func isSystem(s string) bool {
	if len(s) > 256 || !isURL(s) {
		return false
	}
	if oid, ok := strings.CutPrefix(s, "urn:oid:"); ok {
		return oid != "" && strings.Trim(oid, "0123456789.") == ""
	}
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") ||
		strings.HasPrefix(s, "urn:iso:") || strings.HasPrefix(s, "urn:ietf:")
}

// maxUnit is the longest printed unit that stays, in bytes.
const maxUnit = 32

// isUnit reports whether s looks like a printed unit. It is free text in FHIR and is needed where there is no UCUM
// code, so it stays when it is short, has no number of more than three digits, and each of its words of more than
// five letters is on the profile's list.
func isUnit(s string, words map[string]bool) bool {
	if s == "" || len(s) > maxUnit || strings.ContainsAny(s, "@#:;?!\\\"<>=&") {
		return false
	}
	digits, letters := 0, 0
	for i, c := range s + " " {
		switch {
		case unicode.IsDigit(c):
			digits++
		case unicode.IsControl(c):
			return false
		default:
			digits = 0
		}
		if digits > 3 {
			return false
		}
		if unicode.IsLetter(c) {
			letters += utf8.RuneLen(c)
			continue
		}
		if letters > 5 && !words[strings.ToLower(s[i-letters:i])] {
			return false
		}
		letters = 0
	}
	return true
}

// isMeasure reports whether s is a result that a laboratory wrote as text: a comparator with a number, a decimal
// number, up to four digits, a titre, or plus signs.
func isMeasure(s string) bool {
	if strings.Trim(s, "+") == "" {
		return s != "" && len(s) <= 4
	}
	if titre, ok := strings.CutPrefix(s, "1:"); ok {
		return isDigits(titre, 5)
	}
	number, compared := s, false
	if s[0] == '<' || s[0] == '>' {
		number, compared = strings.TrimPrefix(s[1:], "="), true
	}
	number = strings.TrimLeft(number, " ")
	whole, fraction, decimal := strings.Cut(strings.Replace(number, ",", ".", 1), ".")
	if decimal {
		return isDigits(whole, 6) && isDigits(fraction, 4)
	}
	return isDigits(whole, map[bool]int{true: 6, false: 4}[compared])
}

func isDigits(s string, limit int) bool {
	return s != "" && len(s) <= limit && strings.Trim(s, "0123456789") == ""
}

func isTime(s string) bool {
	_, err := fhir.ParseDateTime("2000-01-01T" + s + "Z")
	return err == nil && len(s) <= len("15:04:05.000000")
}

// isCanonical reports whether s begins as a listed canonical URL does and goes on as a name, perhaps with a version.
func (w *walker) isCanonical(s string) bool {
	url, version, _ := strings.Cut(s, "|")
	if len(s) > 256 || version != "" && !isCode(version) || !isURL(url) {
		return false
	}
	for _, prefix := range w.profile.canonicals {
		if strings.HasPrefix(url, prefix) {
			return true
		}
	}
	return false
}

// generalised writes less of a value: the year of a date, the first year of a band of years, or the first digits of
// a postal code.
func generalised(a action, s string) (text string, ok bool) {
	if a.form == "postal" {
		return s[:min(len(s), a.n)], isDigits(s, 10) && len(s) >= a.n
	}
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		return "", false
	}
	year := d.Year
	if a.form == "years" {
		year -= year % a.n
	}
	return fmt.Sprintf("%04d", year), year > 0
}
