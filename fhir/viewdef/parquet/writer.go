package parquet

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"

	pq "github.com/parquet-go/parquet-go"

	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/viewdef"
	"github.com/crflink/crflink/internal/parquetfile"
)

// rowsPerGroup bounds what is kept in memory before it is written.
const rowsPerGroup = 1 << 16

// Writer writes a Parquet file. It is a viewdef.Writer.
type Writer struct {
	out     *pq.GenericWriter[any]
	columns []viewdef.Column
	values  []pq.Value // of the rows not yet decided on
	ends    []int      // where each of them ends
	rows    []pq.Row
	text    []byte
}

// New returns a writer of a file with the columns.
func New(to io.Writer, columns []viewdef.Column) *Writer {
	return &Writer{columns: columns, out: pq.NewGenericWriter[any](to, parquetfile.Options(schemaOf(columns), rowsPerGroup)...)}
}

// Write adds a row. Its error names the column.
func (w *Writer) Write(r *viewdef.Row) error {
	for i := range w.columns {
		if err := w.cell(r, i); err != nil {
			return fmt.Errorf("column %s: %w", w.columns[i].Name, err)
		}
	}
	w.ends = append(w.ends, len(w.values))
	return nil
}

// Levels of definition: how much of a cell is there.
const (
	nothing    = 0
	single     = 1 // the value of a column that is no collection
	emptyList  = 1
	nullMember = 2
	listMember = 3
)

func (w *Writer) cell(r *viewdef.Row, i int) error {
	values, null := r.Cell(i)
	c := &w.columns[i]
	switch {
	case null:
		w.values = append(w.values, pq.NullValue().Level(0, nothing, i))
	case !c.Collection:
		return w.value(values[0], c.Type, 0, single, i)
	case len(values) == 0:
		w.values = append(w.values, pq.NullValue().Level(0, emptyList, i))
	}
	for j, v := range values {
		if null || !c.Collection {
			break
		}
		repeated := min(j, 1)
		if viewdef.IsNull(v) {
			w.values = append(w.values, pq.NullValue().Level(repeated, nullMember, i))
		} else if err := w.value(v, c.Type, repeated, listMember, i); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) value(v fhirpath.Value, t viewdef.Type, repeated, defined, column int) error {
	made, err := w.made(v, t)
	if err != nil {
		return err
	}
	w.values = append(w.values, made.Level(repeated, defined, column))
	return nil
}

// made returns the value in the type of its column.
func (w *Writer) made(v fhirpath.Value, t viewdef.Type) (pq.Value, error) {
	switch t {
	case viewdef.Boolean:
		b, _ := v.Bool()
		return pq.BooleanValue(b), nil
	case viewdef.Integer:
		i, err := strconv.ParseInt(v.Text(), 10, 32)
		return pq.Int32Value(int32(i)), numeric(err)
	case viewdef.Integer64:
		i, err := strconv.ParseInt(v.Text(), 10, 64)
		return pq.Int64Value(i), numeric(err)
	case viewdef.Instant:
		return instant(v)
	case viewdef.Binary:
		data, err := base64.StdEncoding.DecodeString(v.Text())
		if err != nil {
			return pq.Value{}, errors.New("the value is not base64")
		}
		return pq.ByteArrayValue(data), nil
	}
	at := len(w.text)
	w.text = viewdef.AppendText(w.text, v, t)
	return pq.ByteArrayValue(w.text[at:]), nil
}

func numeric(err error) error {
	if err != nil {
		return errors.New("the value is not a whole number of the column's size")
	}
	return nil
}

func instant(v fhirpath.Value) (pq.Value, error) {
	d, ok := v.DateTime()
	if !ok {
		return pq.Value{}, errors.New("the value is not an instant")
	}
	at, ok := d.Instant()
	switch {
	case !ok:
		return pq.Value{}, errors.New("the value is not an instant: it has no time with a zone")
	case at.Nanosecond()%1000 != 0:
		return pq.Value{}, errors.New("the instant has a fraction of a microsecond")
	}
	return pq.Int64Value(at.UnixMicro()), nil
}

// Keep writes the rows since the last Keep or Drop.
func (w *Writer) Keep() error {
	from := 0
	w.rows = w.rows[:0]
	for _, end := range w.ends {
		w.rows = append(w.rows, w.values[from:end])
		from = end
	}
	_, err := w.out.WriteRows(w.rows)
	w.Drop()
	return err
}

// Drop forgets them.
func (w *Writer) Drop() { w.values, w.ends, w.text = w.values[:0], w.ends[:0], w.text[:0] }

// Close ends the file.
func (w *Writer) Close() error { return w.out.Close() }
