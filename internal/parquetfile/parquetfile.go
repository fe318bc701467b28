// Package parquetfile holds what the writers of Apache Parquet files share: schemas whose columns keep their order, and the
// options with which the same rows give the same bytes.
package parquetfile

import (
	"reflect"

	pq "github.com/parquet-go/parquet-go"
)

// Schema returns a schema with the columns in their order; the library's own groups sort them by name.
func Schema(name string, columns ...Column) *pq.Schema {
	g := &group{}
	for _, c := range columns {
		g.fields = append(g.fields, &field{Node: c.Node, name: c.Name})
	}
	return pq.NewSchema(name, g)
}

// Column is a named column.
type Column struct {
	Name string
	pq.Node
}

// Options are those of every file; rowsPerGroup bounds what is kept in memory before it is written.
func Options(schema *pq.Schema, rowsPerGroup int64) []pq.WriterOption {
	return []pq.WriterOption{schema, pq.MaxRowsPerRowGroup(rowsPerGroup), pq.Compression(&pq.Snappy), pq.CreatedBy("crflink", "", "")}
}

type group struct {
	pq.Group // what is the same for every group
	fields   []pq.Field
}

// Fields returns the columns in their order.
func (g *group) Fields() []pq.Field { return g.fields }

// GoType is asked for when rows are made of structs, which these never are.
func (g *group) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

type field struct {
	pq.Node
	name string
}

// Name returns the column's name.
func (f *field) Name() string { return f.name }

// Value is asked for when rows are made of structs, which these never are.
func (f *field) Value(reflect.Value) reflect.Value { return reflect.Value{} }
