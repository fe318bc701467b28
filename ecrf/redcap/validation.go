package redcap

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// assumedDecimals is how many decimals a number has whose validation does not limit them.
const assumedDecimals = 3

var decimalPlaces = regexp.MustCompile(`^number_([1-9])dp(_comma_decimal)?$`)

// text takes over a text field by its validation type.
func (f *field) text(it *ecrf.DraftItem) {
	v := strings.ToLower(f.sheet.get(f.row, "text_validation_type_or_show_slider_number"))
	places := decimalPlaces.FindStringSubmatch(v)
	switch {
	case v == "":
		f.bounds(it, same)
	case strings.HasPrefix(v, "datetime_"):
		it.Type = ecrf.DateTime
		f.bounds(it, func(s string) string { return isoTime(s, v) })
	case strings.HasPrefix(v, "date_"):
		it.Type = ecrf.Date
		f.bounds(it, func(s string) string { return isoDate(s, v) })
	case v == "integer" || v == "int":
		it.Type = ecrf.Integer
		f.bounds(it, same)
	case places != nil:
		it.Type = ecrf.Decimal
		it.Decimals, _ = strconv.Atoi(places[1]) // one digit
		f.bounds(it, point)
	case slices.Contains([]string{"number", "float", "number_comma_decimal"}, v):
		it.Type, it.Decimals = ecrf.Decimal, assumedDecimals
		f.bounds(it, point)
		f.draft.Remark(ecrf.Assumed, f.name, "3 decimals, because REDCap does not limit them; values are rounded to them")
	default:
		f.pattern(it, v)
	}
}

// pattern takes over a text that REDCap checks by a pattern.
func (f *field) pattern(it *ecrf.DraftItem, validation string) {
	if n, ok := map[string]int{"time": 5, "time_hh_mm": 5, "time_hh_mm_ss": 8, "time_mm_ss": 5}[validation]; ok {
		it.Length = n
	}
	f.draft.Remark(ecrf.Changed, f.name, "the validation "+validation+" is not checked; the item is a text")
	f.bounds(it, same)
}

// bounds takes over the bounds; spell turns a bound into our spelling.
func (f *field) bounds(it *ecrf.DraftItem, spell func(string) string) {
	if s := f.sheet.get(f.row, "text_validation_min"); s != "" {
		it.Min = spell(s)
	}
	if s := f.sheet.get(f.row, "text_validation_max"); s != "" {
		it.Max = spell(s)
	}
}

func same(s string) string { return s }

// point spells a number with a decimal point.
func point(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return strings.Replace(s, ",", ".", 1)
}

var threeNumbers = regexp.MustCompile(`^(\d{1,4})[-./](\d{1,2})[-./](\d{1,4})$`)

// isoDate spells a bound of a date field, which is written year first or in the order of the validation type. What is
// no date stays as it is.
func isoDate(s, validation string) string {
	m := threeNumbers.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	year, month, day := m[1], m[2], m[3]
	switch {
	case len(m[1]) == 4:
	case strings.HasSuffix(validation, "_dmy"):
		day, month, year = m[1], m[2], m[3]
	case strings.HasSuffix(validation, "_mdy"):
		month, day, year = m[1], m[2], m[3]
	}
	return year + "-" + two(month) + "-" + two(day)
}

func two(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}

// isoTime spells a bound of a field of date and time.
func isoTime(s, validation string) string {
	date, clock, ok := strings.Cut(s, " ")
	if !ok {
		return s
	}
	if clock = strings.TrimSpace(clock); len(clock) == len("15:04") {
		clock += ":00"
	}
	return isoDate(date, validation) + "T" + clock
}
