package research

import (
	"strconv"
	"strings"
	"time"

	"github.com/crflink/crflink/ecrf/table"
)

// Kind is the type of a column.
type Kind string

// The kinds.
const (
	Text    Kind = "text"
	Integer Kind = "integer"
	Decimal Kind = "decimal" // exact, with the column's number of decimals
	Number  Kind = "number"  // measured: ten digits
	Date    Kind = "date"
	Local   Kind = "datetime" // local time of the study
	Boolean Kind = "boolean"
)

// Column is a column of a table.
type Column struct {
	Name, Title, Description string
	Kind                     Kind
	Decimals                 int
	Unit                     string // UCUM, or a word
	Required                 bool
	Enum                     []string // of a text: the values that it may have
	Pattern                  string   // of a text
	Min, Max                 string   // inclusive; "" is open
	CodeList                 string   // of the data dictionary
}

// Table describes a table.
type Table struct {
	Name, Title, Description string // the name is that of its files, with / before a folder's files
	Columns                  []Column
	Key                      []string
	References               []Reference
}

// Reference says that the values of columns are those of another table's key.
type Reference struct {
	Columns []string
	Table   string
}

// fits reports whether a text is a value of the column; "" is no value, and fits where none is required.
func (c *Column) fits(text string) bool {
	if text == "" {
		return !c.Required
	}
	switch c.Kind {
	case Integer:
		_, err := strconv.ParseInt(text, 10, 64)
		return err == nil
	case Decimal:
		_, ok := c.unscaled(text)
		return ok
	case Number:
		_, err := strconv.ParseFloat(text, 64)
		return err == nil
	case Date:
		_, err := time.Parse(time.DateOnly, text)
		return err == nil
	case Local:
		_, err := time.Parse(localTime, text)
		return err == nil
	case Boolean:
		return text == "true" || text == "false"
	case Text:
	}
	return true
}

const localTime = "2006-01-02T15:04:05"

// unscaled returns a decimal without its point.
func (c *Column) unscaled(text string) (int64, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) != c.Decimals {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	return n, err == nil && len(strings.TrimPrefix(whole+fraction, "-")) <= precision
}

// precision is the number of digits that a decimal in 64 bits may have.
const precision = 18

// spelt is how a value stands in the CSV file: a text that a spreadsheet would run as a formula is made harmless.
func (c *Column) spelt(text string) string {
	if c.Kind == Text {
		return table.Escape(text)
	}
	return text
}

// measured writes a measured number with ten significant digits: what lies behind depends on the processor.
func measured(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', 10, 64)
}

func whole(n int) string { return strconv.Itoa(n) }

func wholeOf(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}
