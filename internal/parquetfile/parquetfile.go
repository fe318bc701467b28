// Package parquetfile makes Parquet schemas whose columns keep their order; the library's own groups sort them by name. With
// the packages that write Parquet it alone knows parquet-go.
package parquetfile

import (
	"reflect"

	pq "github.com/parquet-go/parquet-go"
)

// RowsPerGroup bounds what is kept in memory before it is written.
const RowsPerGroup = 1 << 16

// Column is a named column of a schema.
type Column struct {
	Name string
	Node pq.Node
}

// Schema returns the schema of columns in their order.
func Schema(name string, columns []Column) *pq.Schema {
	g := &group{}
	for _, c := range columns {
		g.fields = append(g.fields, &field{Node: c.Node, name: c.Name})
	}
	return pq.NewSchema(name, g)
}

// Options are how every file is written, so that the same rows give the same bytes.
func Options(schema *pq.Schema) []pq.WriterOption {
	return []pq.WriterOption{schema, pq.MaxRowsPerRowGroup(RowsPerGroup), pq.Compression(&pq.Snappy), pq.CreatedBy("crflink", "", "")}
}

// group is a group that keeps the order of its fields.
type group struct {
	pq.Group // what is the same for every group
	fields   []pq.Field
}

// Fields returns the columns in their order.
func (g *group) Fields() []pq.Field { return g.fields }

// GoType is asked for when rows are made of structs, which these never are.
func (g *group) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

// field is a named column.
type field struct {
	pq.Node
	name string
}

// Name returns the column's name.
func (f *field) Name() string { return f.name }

// Value is asked for when rows are made of structs, which these never are.
func (f *field) Value(reflect.Value) reflect.Value { return reflect.Value{} }
