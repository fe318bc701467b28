package viewdef

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// Row is a row of a view: a cell for each column.
type Row struct {
	columns []Column
	cells   []span
	values  []fhirpath.Value
}

// span is a cell's part of the values; one that begins at -1 is null.
type span struct{ lo, hi int }

// Columns returns the columns.
func (r *Row) Columns() []Column { return r.columns }

// Cell returns the values of a cell. null tells an empty one, and a list that forEachOrNull left out, from an empty
// list.
func (r *Row) Cell(i int) (values []fhirpath.Value, null bool) {
	s := r.cells[i]
	if s.lo < 0 {
		return nil, true
	}
	values = r.values[s.lo:s.hi]
	if r.columns[i].Collection {
		return values, false
	}
	return values, len(values) == 0 || IsNull(values[0])
}

// IsNull reports whether a value is an element that has extensions only.
func IsNull(v fhirpath.Value) bool {
	return v.Kind() == fhirpath.Element && v.Node().Kind() == fhir.Null
}

// AppendJSON appends a cell as JSON: null, a value, or a list.
func (r *Row) AppendJSON(dst []byte, i int) []byte {
	values, null := r.Cell(i)
	switch {
	case null:
		return append(dst, "null"...)
	case !r.columns[i].Collection:
		return appendJSON(dst, values[0], r.columns[i].Type)
	}
	dst = append(dst, '[')
	for j, v := range values {
		if j > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSON(dst, v, r.columns[i].Type)
	}
	return append(dst, ']')
}

// appendJSON writes a number or Boolean in a column of texts as a string.
func appendJSON(dst []byte, v fhirpath.Value, t Type) []byte {
	if t == Text && valueType(v) != Text && !IsNull(v) {
		return fhir.AppendQuoted(dst, v.Text())
	}
	return v.AppendJSON(dst)
}

// AppendText appends a value as text: strings and dates as they are, numbers as they were written, what has members as
// JSON.
func AppendText(dst []byte, v fhirpath.Value, t Type) []byte {
	switch {
	case t == Complex && !IsNull(v):
		return v.AppendJSON(dst)
	case v.Kind() == fhirpath.Boolean || v.Kind() >= fhirpath.Integer && v.Kind() <= fhirpath.Decimal:
		return v.AppendJSON(dst) // without an allocation
	}
	return append(dst, v.Text()...)
}

var errSeveral = errors.New("several values, and the column is no collection")

// check refuses values that the column cannot hold.
func (c *Column) check(values []fhirpath.Value) error {
	if len(values) > 1 && !c.Collection {
		return errSeveral
	}
	for _, v := range values {
		if IsNull(v) {
			continue
		}
		t := valueType(v)
		if t == Decimal && (c.Type == Integer || c.Type == Integer64) { // JSON does not tell
			t = wholeType(v)
		}
		if c.Type != t && !c.Type.accepts(t) && c.Type != Complex {
			return fmt.Errorf("a value is %s, and the column %s", t, c.Type)
		}
	}
	return nil
}

// valueType returns the type of a value as far as it shows.
func valueType(v fhirpath.Value) Type {
	switch v.Kind() {
	case fhirpath.Boolean:
		return Boolean
	case fhirpath.Integer:
		return Integer
	case fhirpath.Long:
		return Integer64
	case fhirpath.Decimal:
		return Decimal
	case fhirpath.Quantity:
		return Complex
	case fhirpath.Element:
		switch v.Node().Kind() {
		case fhir.Bool:
			return Boolean
		case fhir.Number:
			return Decimal
		case fhir.Object, fhir.Array:
			return Complex
		}
	}
	return Text
}

// wholeType returns the type of an element's number.
func wholeType(v fhirpath.Value) Type {
	if v.Kind() != fhirpath.Element {
		return Decimal
	}
	i, err := strconv.ParseInt(v.Node().Text(), 10, 64)
	switch {
	case err != nil:
		return Decimal
	case int64(int32(i)) != i: // #nosec G115 -- compared
		return Integer64
	}
	return Integer
}
