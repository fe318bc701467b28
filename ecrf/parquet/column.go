package parquet

import (
	"strconv"
	"strings"
	"time"

	pq "github.com/parquet-go/parquet-go"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
	"github.com/crflink/crflink/internal/parquetfile"
)

// schemaOf returns the schema of a table.
func schemaOf(t *tabular.Table) *pq.Schema {
	var columns []parquetfile.Column
	for _, c := range t.Columns {
		columns = append(columns, parquetfile.Column{Name: c.Name, Node: optional(leafOf(c))})
	}
	return parquetfile.Schema(t.Name, columns...)
}

// sameSchema is the schema that a file was written with.
func sameSchema(s *pq.Schema) *pq.Schema {
	var columns []parquetfile.Column
	for _, f := range s.Fields() {
		columns = append(columns, parquetfile.Column{Name: f.Name(), Node: optional(pq.Leaf(f.Type()))})
	}
	return parquetfile.Schema(s.Name(), columns...)
}

// optional makes a column that may be null. Texts that come again are written once.
func optional(leaf pq.Node) pq.Node {
	if leaf.Type().Kind() == pq.ByteArray {
		leaf = pq.Encoded(leaf, &pq.RLEDictionary)
	}
	return pq.Optional(leaf)
}

func leafOf(c tabular.Column) pq.Node {
	switch c.Type {
	case ecrf.Integer:
		return pq.Int(64)
	case ecrf.Decimal:
		return pq.Decimal(c.Decimals, tabular.MaxDigits, pq.Int64Type)
	case ecrf.Date:
		return pq.Date()
	case ecrf.DateTime:
		return pq.TimestampAdjusted(pq.Microsecond, false)
	case ecrf.Boolean:
		return pq.Leaf(pq.BooleanType)
	}
	return pq.String()
}

// valueOf returns a canonical text as a value of its column, into which it fits.
func valueOf(c *tabular.Column, text string) (pq.Value, error) {
	switch c.Type {
	case ecrf.Integer:
		n, err := strconv.ParseInt(text, 10, 64)
		return pq.Int64Value(n), err
	case ecrf.Decimal:
		unscaled, err := strconv.ParseInt(strings.Replace(text, ".", "", 1), 10, 64)
		return pq.Int64Value(unscaled), err
	case ecrf.Date:
		at, err := time.Parse(time.DateOnly, text)
		return pq.Int32Value(int32(at.Unix() / (24 * 60 * 60))), err // #nosec G115 -- days of four-digit years
	case ecrf.DateTime:
		at, err := time.Parse("2006-01-02T15:04:05", text)
		return pq.Int64Value(at.UnixMicro()), err
	case ecrf.Boolean:
		return pq.BooleanValue(text == "true"), nil
	}
	return pq.ByteArrayValue([]byte(text)), nil
}
