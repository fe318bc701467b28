package parquet

import (
	"reflect"

	pq "github.com/parquet-go/parquet-go"

	"github.com/crflink/crflink/fhir/viewdef"
)

// schemaOf returns the schema of the columns.
func schemaOf(columns []viewdef.Column) *pq.Schema {
	g := &group{}
	for _, c := range columns {
		node := pq.Optional(leafOf(c.Type))
		if c.Collection {
			node = pq.Optional(pq.List(node))
		}
		g.fields = append(g.fields, &field{Node: node, name: c.Name})
	}
	return pq.NewSchema("view", g)
}

func leafOf(t viewdef.Type) pq.Node {
	switch t {
	case viewdef.Boolean:
		return pq.Leaf(pq.BooleanType)
	case viewdef.Integer:
		return pq.Int(32)
	case viewdef.Integer64:
		return pq.Int(64)
	case viewdef.Instant:
		return pq.Timestamp(pq.Microsecond)
	case viewdef.Binary:
		return pq.Leaf(pq.ByteArrayType)
	}
	return pq.String()
}

// group is a group that keeps the order of its fields; the library's own sorts them by name.
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
