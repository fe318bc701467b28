package fakeredcap

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What quads say.
const (
	badFormat   = "The value you provided could not be validated because it does not follow the expected format. Please try again."
	badDate     = "Invalid date format."
	badRange    = "The value you provided is outside the suggested range."
	notImported = "This field is a calculated field. Calculated fields cannot be imported."
	noFile      = "This field is a file upload field. Files cannot be imported this way."
)

var patterns = map[string]*regexp.Regexp{
	"integer":              regexp.MustCompile(`^[-+]?\d+$`),
	"number":               regexp.MustCompile(`^[-+]?\d*\.?\d+([eE][-+]?\d+)?$`),
	"number_comma_decimal": regexp.MustCompile(`^[-+]?\d*,?\d+([eE][-+]?\d+)?$`),
	"time":                 regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`),
	"time_hh_mm_ss":        regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$`),
	"time_mm_ss":           regexp.MustCompile(`^[0-5]\d:[0-5]\d$`),
	"email":                regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$`),
	"phone":                regexp.MustCompile(`^\(?[2-9]\d{2}\)?[-. ]?\d{3}[-. ]?\d{4}$`),
	"zipcode":              regexp.MustCompile(`^\d{5}(-\d{4})?$`),
	"postalcode_germany":   regexp.MustCompile(`^\d{5}$`),
	"postalcode_french":    regexp.MustCompile(`^\d{5}$`),
	"postalcode_australia": regexp.MustCompile(`^\d{4}$`),
	"postalcode_canada":    regexp.MustCompile(`^[A-Z]\d[A-Z] ?\d[A-Z]\d$`),
	"ssn":                  regexp.MustCompile(`^\d{3}-\d{2}-\d{4}$`),
	"mrn_10d":              regexp.MustCompile(`^\d{10}$`),
	"mrn_generic":          regexp.MustCompile(`^[A-Za-z0-9_-]+$`),
	"vmrn":                 regexp.MustCompile(`^\d{4,9}$`),
	"alpha_only":           regexp.MustCompile(`^[A-Za-z]+$`),
}

var decimals = regexp.MustCompile(`^number_([1-4])dp(_comma_decimal)?$`)

func pattern(validation string) *regexp.Regexp {
	switch validation {
	case "int":
		validation = "integer"
	case "float":
		validation = "number"
	case "time_hh_mm":
		validation = "time"
	}
	if m := decimals.FindStringSubmatch(validation); m != nil {
		point := `\.`
		if m[2] != "" {
			point = ","
		}
		return regexp.MustCompile(`^-?\d+` + point + `\d{` + m[1] + `}$`)
	}
	return patterns[validation]
}

// accept returns what is stored of a submitted value, or why it is refused. The value is not empty.
func (d *Design) accept(c column, value, dateFormat string) (stored, why string) {
	f := c.field
	switch {
	case c.complete:
		return oneOf(value, c.form+"_complete", []string{"0", "1", "2"})
	case f.calculated():
		return "", notImported
	case f.Type == "file":
		return "", noFile
	case c.code != "":
		return oneOf(value, f.Name, []string{"0", "1"})
	case slices.Contains(codesOf(d.MissingCodes), value) && !f.tagged("@NOMISSING"):
		return value, ""
	}
	switch f.Type {
	case "radio", "dropdown", "yesno", "truefalse":
		return oneOf(value, f.Name, f.codes())
	case "slider":
		if n, err := strconv.Atoi(value); err != nil || n < 0 || n > 100 {
			return "", badFormat
		}
	case "text":
		return f.text(value, dateFormat)
	}
	return value, ""
}

func oneOf(value, name string, codes []string) (stored, why string) {
	if !slices.Contains(codes, value) {
		return "", "The value is not a valid category for " + name
	}
	return value, ""
}

func (f *Field) text(value, dateFormat string) (stored, why string) {
	stored = value
	switch p := pattern(f.Validation); {
	case strings.HasPrefix(f.Validation, "date"):
		if stored, why = day(f.Validation, value, dateFormat); why != "" {
			return "", why
		}
	case p != nil && !p.MatchString(value):
		return "", badFormat
	}
	if f.tagged("@FORCE-MINMAX") && !f.within(stored) {
		return "", badRange
	}
	return stored, ""
}

// day returns a date or a date with time as it is stored: year first, whatever the field displays.
func day(validation, value, dateFormat string) (stored, why string) {
	layout, ok := map[string]string{"": "2006-01-02", "YMD": "2006-01-02", "MDY": "01/02/2006", "DMY": "02/01/2006"}[dateFormat]
	if !ok {
		return "", badDate
	}
	clock := ""
	switch {
	case strings.HasPrefix(validation, "datetime_seconds"):
		clock = " 15:04:05"
	case strings.HasPrefix(validation, "datetime"):
		clock = " 15:04"
	}
	t, err := time.Parse(layout+clock, value)
	switch {
	case err != nil && clock == "":
		return "", badDate
	case err != nil:
		return "", badFormat
	}
	return t.Format("2006-01-02" + clock), ""
}

// within compares with bounds that are written out; today, now and other fields are no bounds here.
func (f *Field) within(value string) bool {
	return (f.Min == "" || compare(f.Min, value) <= 0) && (f.Max == "" || compare(value, f.Max) <= 0)
}

func compare(a, b string) int {
	x, errX := strconv.ParseFloat(strings.Replace(a, ",", ".", 1), 64)
	y, errY := strconv.ParseFloat(strings.Replace(b, ",", ".", 1), 64)
	switch {
	case errX == nil && errY == nil && x < y:
		return -1
	case errX == nil && errY == nil && x > y:
		return 1
	case errX == nil && errY == nil:
		return 0
	}
	return strings.Compare(a, b)
}

// quad is a line of a refusal.
type quad struct{ record, field, value, why string }

func (q quad) String() string {
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	return fmt.Sprintf("%s,%s,%s,%s", quote(q.record), quote(q.field), quote(q.value), quote(q.why))
}
