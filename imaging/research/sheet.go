package research

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"time"

	pq "github.com/parquet-go/parquet-go"

	"github.com/crflink/crflink/internal/atomicfile"
	"github.com/crflink/crflink/internal/parquetfile"
)

// sheet writes one table as CSV and as Parquet.
type sheet struct {
	table   *Table
	rows    int
	line    []string
	csvFile *atomicfile.File
	buffer  *bufio.Writer
	csv     *csv.Writer
	pqFile  *atomicfile.File
	pq      *pq.GenericWriter[any]
	row     []pq.Value
}

// rowsPerGroup bounds what is kept in memory before it is written.
const rowsPerGroup = 1 << 16

// sheet begins a table.
func (f *folder) sheet(t *Table) (*sheet, error) {
	s := &sheet{table: t}
	var err error
	if s.csvFile, err = f.create(t.csvPath()); err != nil {
		return nil, err
	}
	if s.pqFile, err = f.create(t.parquetPath()); err != nil {
		return nil, err
	}
	s.buffer = bufio.NewWriter(s.csvFile)
	s.csv = csv.NewWriter(s.buffer)
	columns := make([]parquetfile.Column, len(t.Columns))
	for i := range t.Columns {
		columns[i] = parquetfile.Column{Name: t.Columns[i].Name, Node: node(&t.Columns[i])}
		s.line = append(s.line, t.Columns[i].Name)
	}
	s.pq = pq.NewGenericWriter[any](s.pqFile, parquetfile.Options(parquetfile.Schema("table", columns...), rowsPerGroup)...)
	return s, s.csv.Write(s.line)
}

func (t *Table) csvPath() string { return t.Name + ".csv" }

func (t *Table) parquetPath() string { return "parquet/" + t.Name + ".parquet" }

// write adds a row. A cell that is no value of its column is an error that names the column.
func (s *sheet) write(cells ...string) error {
	if len(cells) != len(s.table.Columns) {
		return fmt.Errorf("table %s: a row has %d cells in place of %d", s.table.Name, len(cells), len(s.table.Columns))
	}
	s.line, s.row = s.line[:0], s.row[:0]
	for i, text := range cells {
		c := &s.table.Columns[i]
		if !c.fits(text) {
			return fmt.Errorf("table %s: a value does not fit the column %s", s.table.Name, c.Name)
		}
		s.line = append(s.line, c.spelt(text))
		s.row = append(s.row, c.value(text, i))
	}
	s.rows++
	if err := s.csv.Write(s.line); err != nil {
		return fmt.Errorf("table %s: %w", s.table.Name, err)
	}
	if _, err := s.pq.WriteRows([]pq.Row{s.row}); err != nil {
		return fmt.Errorf("table %s: %w", s.table.Name, err)
	}
	return nil
}

// close ends both files and puts them into the folder.
func (s *sheet) close(f *folder) error {
	s.csv.Flush()
	if err := errors.Join(s.csv.Error(), s.buffer.Flush(), s.pq.Close()); err != nil {
		return fmt.Errorf("table %s: %w", s.table.Name, err)
	}
	text := File{Name: s.table.csvPath(), Title: s.table.Title, Format: "text/csv", Rows: s.rows}
	columns := File{Name: s.table.parquetPath(), Title: s.table.Title, Format: "application/vnd.apache.parquet", Rows: s.rows}
	return errors.Join(f.commit(s.csvFile, text), f.commit(s.pqFile, columns))
}

// node is the column's type in Parquet. A column that may be empty may be null.
func node(c *Column) pq.Node {
	leaf := pq.String()
	switch c.Kind {
	case Integer:
		leaf = pq.Int(64)
	case Decimal:
		leaf = pq.Decimal(c.Decimals, precision, pq.Int64Type)
	case Number:
		leaf = pq.Leaf(pq.DoubleType)
	case Date:
		leaf = pq.Date()
	case Local:
		leaf = pq.TimestampAdjusted(pq.Microsecond, false)
	case Boolean:
		leaf = pq.Leaf(pq.BooleanType)
	case Text:
	}
	if c.Required {
		return pq.Required(leaf)
	}
	return pq.Optional(leaf)
}

// value is a cell that fits, in Parquet.
func (c *Column) value(text string, i int) pq.Value {
	if text == "" && !c.Required {
		return pq.NullValue().Level(0, 0, i)
	}
	level := 1
	if c.Required {
		level = 0
	}
	return c.plain(text).Level(0, level, i)
}

func (c *Column) plain(text string) pq.Value {
	switch c.Kind {
	case Integer:
		n, _ := strconv.ParseInt(text, 10, 64) // it fits
		return pq.Int64Value(n)
	case Decimal:
		n, _ := c.unscaled(text)
		return pq.Int64Value(n)
	case Number:
		v, _ := strconv.ParseFloat(text, 64)
		return pq.DoubleValue(v)
	case Date:
		at, _ := time.Parse(time.DateOnly, text)
		return pq.Int32Value(int32(at.Unix() / 86400)) // #nosec G115 -- days of years with four digits
	case Local:
		at, _ := time.Parse(localTime, text)
		return pq.Int64Value(at.UnixMicro())
	case Boolean:
		return pq.BooleanValue(text == "true")
	case Text:
	}
	return pq.ByteArrayValue([]byte(text))
}
