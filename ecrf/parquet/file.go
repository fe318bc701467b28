package parquet

import (
	"errors"
	"io"

	pq "github.com/parquet-go/parquet-go"

	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/parquetfile"
)

// rowsPerGroup bounds what is kept in memory before it is written, and rowsAtOnce what is handed over together.
const rowsPerGroup, rowsAtOnce = 1 << 13, 1 << 7

// file is one Parquet file under way.
type file struct {
	out    *pq.GenericWriter[any]
	table  *tabular.Table
	rows   []pq.Row
	large  map[string]int // numbers too large for their column, by column
	closed bool
}

func newFile(w io.Writer, schema *pq.Schema, t *tabular.Table) *file {
	return &file{out: pq.NewGenericWriter[any](w, parquetfile.Options(schema, rowsPerGroup)...), table: t, large: map[string]int{}}
}

// put adds a row of canonical texts.
func (f *file) put(values []string) error {
	row := make(pq.Row, len(values))
	for i, text := range values {
		c := &f.table.Columns[i]
		fits := c.Fits(text)
		if !fits {
			f.large[c.Name]++
		}
		if text == "" || !fits {
			row[i] = pq.NullValue().Level(0, 0, i)
			continue
		}
		v, err := valueOf(c, text)
		if err != nil {
			return errors.New("a value of item " + c.Name + " is not canonical")
		}
		row[i] = v.Level(0, 1, i)
	}
	return f.add(row)
}

// add adds a row that is the file's own from now on.
func (f *file) add(row pq.Row) error {
	f.rows = append(f.rows, row)
	if len(f.rows) < rowsAtOnce {
		return nil
	}
	return f.flush()
}

func (f *file) flush() error {
	_, err := f.out.WriteRows(f.rows)
	f.rows = f.rows[:0]
	return err
}

func (f *file) close() error {
	f.closed = true
	return errors.Join(f.flush(), f.out.Close())
}

// abort frees what a file holds that is not wanted any more.
func (f *file) abort() {
	if !f.closed {
		_ = f.out.Close() // what it still writes goes into a file that is dropped
	}
}
