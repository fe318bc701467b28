package redcap

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// spelling is how a column holds values.
type spelling int

const (
	plain    spelling = iota // as in the dictionary
	number                   // digits, perhaps with a fixed number of decimals, and a point or a comma
	day                      // YYYY-MM-DD
	minute                   // YYYY-MM-DD HH:MM
	second                   // YYYY-MM-DD HH:MM:SS
	truth                    // 1 or 0
	checkbox                 // 1 or 0, and 0 also says that nobody has answered
)

// column is where an item stands in a project.
type column struct {
	name     string // in imports and exports
	variable string // of the data dictionary; for a checkbox it has several columns
	form     string // the instrument
	spelling spelling
	places   int // decimals that the validation demands; -1 leaves them open
	comma    bool
	item     *ecrf.Item
	missing  bool // the field takes the project's missing-data codes
}

// Errors of spell. They hold no value.
var (
	errPartial  = errors.New("the date is not complete, and REDCap's date fields hold complete dates only")
	errDecimals = errors.New("the number has more decimals than the field takes")
)

// spell writes the canonical text of a value of the column's item as REDCap wants it: whatever a date's field shows on
// the screen, it is imported year first.
func (c *column) spell(canonical string) (string, error) {
	switch c.spelling {
	case number:
		return c.spellNumber(canonical)
	case day:
		if len(canonical) != len("2006-01-02") {
			return "", errPartial
		}
	case minute:
		return strings.Replace(canonical[:min(len(canonical), len("2006-01-02T15:04"))], "T", " ", 1), nil
	case second:
		return strings.Replace(canonical, "T", " ", 1), nil
	case truth, checkbox:
		return map[string]string{"true": "1", "false": "0"}[canonical], nil
	case plain:
		return strings.TrimSpace(canonical), nil
	}
	return canonical, nil
}

// spellNumber adds the decimals that the validation demands. None is ever cut off.
func (c *column) spellNumber(canonical string) (string, error) {
	whole, fraction, _ := strings.Cut(canonical, ".")
	if c.places >= 0 {
		if len(strings.TrimRight(fraction, "0")) > c.places {
			return "", errDecimals
		}
		fraction = (fraction + strings.Repeat("0", c.places))[:c.places]
	}
	if fraction == "" {
		return whole, nil
	}
	if c.comma {
		return whole + "," + fraction, nil
	}
	return whole + "." + fraction, nil
}

// read returns the canonical text of what an export has. What is no value of the item stays as it is, so that it is equal to
// none of ours: a missing-data code, a person's more precise number, a code that the list does not have.
func (c *column) read(raw string) string {
	raw = strings.TrimSpace(strings.ReplaceAll(raw, "\r\n", "\n"))
	if raw == "" {
		return ""
	}
	text := raw
	switch c.spelling {
	case number:
		text = c.readNumber(raw)
	case minute, second:
		text = readMoment(raw)
	case truth, checkbox:
		text = map[string]string{"1": "true", "0": "false"}[raw]
	case plain, day:
	}
	if canonical, err := c.item.Canonical(text); err == nil && canonical == text {
		return canonical
	}
	return raw
}

var plainNumber = regexp.MustCompile(`^([+-]?)0*(\d+)(?:[.,](\d*))?$`)

// readNumber spells a number with the item's decimals when it has no more of them.
func (c *column) readNumber(raw string) string {
	m := plainNumber.FindStringSubmatch(raw)
	if m == nil || strings.Contains(raw, map[bool]string{true: ".", false: ","}[c.comma]) {
		return raw
	}
	fraction := strings.TrimRight(m[3], "0")
	decimals := 0
	if c.item.Type == ecrf.Decimal {
		decimals = c.item.Decimals
	}
	if len(fraction) > decimals {
		return raw
	}
	text := m[2]
	if decimals > 0 {
		text += "." + fraction + strings.Repeat("0", decimals-len(fraction))
	}
	if m[1] == "-" && strings.Trim(text, "0.") != "" {
		text = "-" + text
	}
	return text
}

// readMoment spells date and time; a moment without seconds is at its minute's beginning.
func readMoment(raw string) string {
	if len(raw) == len("2006-01-02 15:04") {
		raw += ":00"
	}
	return strings.Replace(raw, " ", "T", 1)
}

// settled is the value that a delivery of the canonical text will be read back as: a field of date, hour and minute has no
// seconds.
func (c *column) settled(canonical string) (value, raw string, err error) {
	raw, err = c.spell(canonical)
	if err != nil {
		return "", "", err
	}
	return c.read(raw), raw, nil
}

// variable is a field of the data dictionary as REDCap has it.
type variable struct {
	name, form, kind, validation, annotation string
	choices                                  []ecrf.Code
}

func (v *variable) tagged(tag string) bool {
	return strings.Contains(strings.ToUpper(v.annotation), tag)
}

// calculates reports whether REDCap fills the field itself, or it holds no value.
func (v *variable) calculates() bool {
	return calculated.MatchString(v.annotation) || slices.Contains([]string{"calc", "descriptive", "file", "signature"}, v.kind)
}

var numberTypes = []string{"integer", "int", "number", "float", "number_comma_decimal"}

// newColumn joins an item with the field that holds it. problem says why that cannot be.
func newColumn(it *ecrf.Item, codes []ecrf.Code, v *variable, name string) (c *column, problem string) {
	c = &column{name: name, variable: v.name, form: v.form, item: it, places: -1, missing: !v.tagged("@NOMISSING")}
	switch {
	case v.calculates():
		return nil, "REDCap calculates the field, or it holds no value (" + v.kind + "): nothing can be imported"
	case v.kind == "checkbox":
		c.spelling = checkbox
		return c, needs(it, v, ecrf.Boolean)
	case v.kind == "yesno" || v.kind == "truefalse":
		c.spelling = truth
		if it.Type == ecrf.Choice {
			c.spelling = plain
			return c, c.choices(it, codes, []ecrf.Code{{Value: "1"}, {Value: "0"}})
		}
		return c, needs(it, v, ecrf.Boolean)
	case slices.Contains([]string{"radio", "dropdown", "select"}, v.kind):
		return c, c.choices(it, codes, v.choices)
	case v.kind == "slider":
		c.spelling, c.places = number, 0
		return c, needs(it, v, ecrf.Integer)
	case v.kind == "text" && v.validation != "":
		return c, c.validated(it, v)
	case v.kind == "text" || v.kind == "notes" || v.kind == "textarea" || v.kind == "sql":
		return c, c.free(it, codes)
	}
	return nil, "the field's type " + v.kind + " is unknown"
}

func needs(it *ecrf.Item, v *variable, types ...ecrf.Type) string {
	if slices.Contains(types, it.Type) {
		return ""
	}
	what := v.kind
	if v.validation != "" && v.kind == "text" {
		what += " with validation " + v.validation
	}
	return "the item is of type " + string(it.Type) + ", and the field (" + what + ") cannot hold that"
}

// free joins an item with a field that takes any text.
func (c *column) free(it *ecrf.Item, _ []ecrf.Code) string {
	switch it.Type {
	case ecrf.Integer, ecrf.Decimal:
		c.spelling = number
	case ecrf.DateTime:
		c.spelling = second
	case ecrf.Text, ecrf.Choice, ecrf.Boolean, ecrf.Date, ecrf.PartialDate:
	}
	return ""
}

// choices joins an item with a field of coded choices.
func (c *column) choices(it *ecrf.Item, codes, there []ecrf.Code) string {
	switch it.Type {
	case ecrf.Choice:
		return missingCodes(codes, there)
	case ecrf.Boolean:
		c.spelling = truth
		return missingCodes([]ecrf.Code{{Value: "1"}, {Value: "0"}}, there)
	case ecrf.Integer:
		c.spelling = number
		return ""
	case ecrf.Text, ecrf.Decimal, ecrf.Date, ecrf.PartialDate, ecrf.DateTime:
	}
	return "the item is of type " + string(it.Type) + ", and the field holds codes of a list"
}

func missingCodes(codes, there []ecrf.Code) string {
	var lacking []string
	for _, code := range codes {
		if !slices.ContainsFunc(there, func(x ecrf.Code) bool { return x.Value == code.Value }) {
			lacking = append(lacking, code.Value)
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	return "the field does not have the codes " + strings.Join(lacking, ", ")
}

// validated joins an item with a text field whose content REDCap checks.
func (c *column) validated(it *ecrf.Item, v *variable) string {
	places := decimalPlaces.FindStringSubmatch(v.validation)
	c.comma = strings.HasSuffix(v.validation, "comma_decimal")
	switch {
	case strings.HasPrefix(v.validation, "datetime_seconds"):
		c.spelling = second
		return needs(it, v, ecrf.DateTime)
	case strings.HasPrefix(v.validation, "datetime_"):
		c.spelling = minute
		return needs(it, v, ecrf.DateTime)
	case strings.HasPrefix(v.validation, "date_"):
		c.spelling = day
		return needs(it, v, ecrf.Date, ecrf.PartialDate)
	case places != nil:
		c.spelling, c.places = number, int(places[1][0]-'0')
		return c.roomFor(it, v)
	case v.validation == "integer" || v.validation == "int":
		c.spelling, c.places = number, 0
		return c.roomFor(it, v)
	case slices.Contains(numberTypes, v.validation):
		c.spelling = number
		return c.roomFor(it, v)
	}
	return needs(it, v, ecrf.Text, ecrf.Choice, ecrf.Integer)
}

// roomFor reports a field with fewer decimals than its item.
func (c *column) roomFor(it *ecrf.Item, v *variable) string {
	if problem := needs(it, v, ecrf.Integer, ecrf.Decimal); problem != "" {
		return problem
	}
	if c.places >= 0 && it.Type == ecrf.Decimal && it.Decimals > c.places {
		return "the item has more decimals than the field takes (" + v.validation + ")"
	}
	return ""
}
