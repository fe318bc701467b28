package ecrf

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
)

// Type is the type of an item.
type Type string

// The item types, with their canonical text.
const (
	Text        Type = "text"         // valid UTF-8 without control characters but tab and line feed
	Integer     Type = "integer"      // -?digits, no leading zeros
	Decimal     Type = "decimal"      // -?digits with exactly the item's number of decimals; never an exponent
	Date        Type = "date"         // YYYY-MM-DD
	PartialDate Type = "partial-date" // YYYY, YYYY-MM or YYYY-MM-DD
	DateTime    Type = "datetime"     // YYYY-MM-DDThh:mm:ss, local time of the study
	Boolean     Type = "boolean"      // true or false
	Choice      Type = "choice"       // a code of the item's code list
)

// Types lists the item types in the order of the documentation.
func Types() []Type {
	return []Type{Text, Integer, Decimal, Date, PartialDate, DateTime, Boolean, Choice}
}

// Item is one field of a form.
type Item struct {
	Name, Label string
	Type        Type
	Unit        string // UCUM code of an integer's or decimal's unit; "" when it has none
	Decimals    int    // digits behind the point of a decimal
	Min, Max    string // inclusive bounds in canonical text; "" when open
	Length      int    // greatest number of characters of a text; 0 for MaxText
	CodeList    string // of a choice
	Required    bool   // wanted in every instance of the form; its absence is reported, never invented

	At   Place `json:"-"`
	list *CodeList
}

// Errors of Check and Canonical. Messages never repeat the value.
var (
	ErrOutOfRange = errors.New("value is outside the item's range")
	ErrNotACode   = errors.New("value is not a code of the item's code list")
	ErrTooLong    = errors.New("value is longer than the item's length")
)

// Check reports whether value is the canonical text of a value that the item may hold. The error names the item, not
// the value.
func (d *Dictionary) Check(item, value string) error {
	it := d.items[item]
	if it == nil {
		return fmt.Errorf("the dictionary has no item %q", item)
	}
	return it.Check(value)
}

// Check reports whether value is canonical and allowed.
func (it *Item) Check(value string) error {
	canonical, err := it.Canonical(value)
	if err != nil {
		return err
	}
	if canonical != value {
		return fmt.Errorf("item %s: value is not in the canonical spelling of type %s", it.Name, it.Type)
	}
	return nil
}

// Canonical returns the one spelling of a value of the item, for storing and comparing. A decimal is rounded half
// away from zero to the item's decimals; an integer is never rounded. The error wraps ErrOutOfRange, ErrNotACode or
// ErrTooLong where that is the cause; otherwise the text is not a value of the type.
func (it *Item) Canonical(value string) (string, error) {
	canonical, err := it.spell(value)
	if err == nil {
		err = it.inRange(canonical)
	}
	if err != nil {
		return "", fmt.Errorf("item %s: %w", it.Name, err)
	}
	return canonical, nil
}

func (it *Item) spell(value string) (string, error) {
	switch it.Type {
	case Text:
		return value, it.checkText(value)
	case Integer:
		return spellNumber(value, 0, false)
	case Decimal:
		return spellNumber(value, it.Decimals, true)
	case Date:
		return value, checkTime(value, time.DateOnly)
	case PartialDate:
		return value, checkTime(value, "2006", "2006-01", time.DateOnly)
	case DateTime:
		return value, checkTime(value, "2006-01-02T15:04:05")
	case Boolean:
		if value != "true" && value != "false" {
			return "", errors.New("value is neither true nor false")
		}
		return value, nil
	case Choice:
		if it.list == nil {
			return "", errors.New("the item has no code list")
		}
		if _, ok := it.list.Label(value); !ok {
			return "", ErrNotACode
		}
		return value, nil
	}
	return "", fmt.Errorf("unknown type %q", it.Type)
}

func (it *Item) checkText(s string) error {
	if s != "" && len(s) <= it.Limit() && printable(s) {
		return nil
	}
	switch {
	case s == "":
		return errors.New("value is empty; an empty cell needs a reason instead")
	case !utf8.ValidString(s):
		return errors.New("value is not valid UTF-8")
	case strings.ContainsFunc(s, forbidden):
		return errors.New("value has control characters")
	case utf8.RuneCountInString(s) > it.Limit():
		return ErrTooLong
	}
	return nil
}

// printable reports whether a text is ASCII without control characters, as nearly all are.
func printable(s string) bool {
	for i := range len(s) {
		if s[i]-' ' >= 0x7f-' ' {
			return false
		}
	}
	return true
}

// Limit returns the greatest number of characters of a text.
func (it *Item) Limit() int {
	if it.Length > 0 {
		return it.Length
	}
	return MaxText
}

// forbidden marks characters that XML 1.0 cannot hold, and carriage returns, which XML and CSV readers change.
func forbidden(r rune) bool {
	switch {
	case r == '\t' || r == '\n':
		return false
	case r < 0x20, r == 0x7f, r >= 0x80 && r < 0xa0, r == 0xfffe, r == 0xffff:
		return true
	}
	return false
}

// A number longer than this, or with a greater exponent, is no clinical value.
const maxNumber, maxExponent = 64, 40

func spellNumber(s string, decimals int, round bool) (string, error) {
	if spelled(s, decimals) {
		return s, nil
	}
	return spellExactly(s, decimals, round)
}

func spellExactly(s string, decimals int, round bool) (string, error) {
	if !isNumber(s) {
		return "", errors.New("value is not a number")
	}
	d, _, err := apd.NewFromString(s)
	if err != nil || d.Form != apd.Finite || d.Exponent < -maxNumber || d.Exponent > maxExponent {
		return "", errors.New("value is not a number of reasonable size")
	}
	context := apd.BaseContext.WithPrecision(4 * maxNumber)
	context.Rounding = apd.RoundHalfUp
	var q apd.Decimal
	condition, err := context.Quantize(&q, d, int32(-decimals)) // #nosec G115 -- a dictionary has at most 9 decimals
	if err != nil {
		return "", errors.New("value is not a number of reasonable size")
	}
	if !round && condition.Inexact() {
		return "", errors.New("value is not a whole number")
	}
	if q.IsZero() {
		q.Negative = false
	}
	return q.Text('f'), nil
}

// spelled reports whether a number is written as spellNumber would write it, which is true of nearly all that are checked
// again. It may miss some.
func spelled(s string, decimals int) bool {
	whole, fraction, hasPoint := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	switch {
	case len(s) > maxExponent || hasPoint != (decimals > 0) || len(fraction) != decimals:
		return false
	case !digits(whole) || hasPoint && !digits(fraction):
		return false
	}
	return whole[0] != '0' || len(whole) == 1 && s[0] != '-'
}

// isNumber accepts the numbers of JSON and a leading plus: no spaces, no thousands separators, no NaN.
func isNumber(s string) bool {
	if len(s) == 0 || len(s) > maxNumber {
		return false
	}
	if s[0] == '+' || s[0] == '-' {
		s = s[1:]
	}
	mantissa, exponent, hasExponent := cutExponent(s)
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	if !digits(whole) || hasPoint && !digits(fraction) {
		return false
	}
	if !hasExponent {
		return true
	}
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return digits(exponent) && len(exponent) <= 3
}

func cutExponent(s string) (mantissa, exponent string, found bool) {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return s != ""
}

func checkTime(s string, layouts ...string) error {
	for _, layout := range layouts {
		if len(s) == len(layout) {
			if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
				return nil
			}
		}
	}
	return errors.New("value is not a date of the item's type that exists in the calendar")
}

func (it *Item) inRange(canonical string) error {
	if it.Min != "" && it.compare(canonical, it.Min) < 0 || it.Max != "" && it.compare(canonical, it.Max) > 0 {
		return ErrOutOfRange
	}
	return nil
}

// comparePlain orders two numbers that are neither negative nor have an exponent or leading zeros; ok is false for others.
func comparePlain(a, b string) (order int, ok bool) {
	wholeA, fractionA, _ := strings.Cut(a, ".")
	wholeB, fractionB, _ := strings.Cut(b, ".")
	for _, part := range [...]string{wholeA, fractionA, wholeB, fractionB} {
		if part != "" && !digits(part) {
			return 0, false
		}
	}
	if wholeA == "" || wholeB == "" || len(wholeA) > 1 && wholeA[0] == '0' || len(wholeB) > 1 && wholeB[0] == '0' {
		return 0, false
	}
	return cmp.Or(cmp.Compare(len(wholeA), len(wholeB)), strings.Compare(wholeA, wholeB),
		strings.Compare(strings.TrimRight(fractionA, "0"), strings.TrimRight(fractionB, "0"))), true
}

// compare orders canonical texts of the item. A partial date compares with as many characters as both have, so
// that 2024 is neither before nor after 2024-05.
func (it *Item) compare(a, b string) int {
	if it.Type == Integer || it.Type == Decimal {
		if order, ok := comparePlain(a, b); ok {
			return order
		}
		x, _, errX := apd.NewFromString(a)
		y, _, errY := apd.NewFromString(b)
		if errX == nil && errY == nil {
			return x.Cmp(y)
		}
	}
	if it.Type == PartialDate {
		n := min(len(a), len(b))
		a, b = a[:n], b[:n]
	}
	return strings.Compare(a, b)
}
