package parquet

import (
	pq "github.com/parquet-go/parquet-go"

	"github.com/crflink/crflink/fhir/viewdef"
	"github.com/crflink/crflink/internal/parquetfile"
)

// schemaOf returns the schema of the columns.
func schemaOf(columns []viewdef.Column) *pq.Schema {
	var all []parquetfile.Column
	for _, c := range columns {
		node := pq.Optional(leafOf(c.Type))
		if c.Collection {
			node = pq.Optional(pq.List(node))
		}
		all = append(all, parquetfile.Column{Name: c.Name, Node: node})
	}
	return parquetfile.Schema("view", all...)
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
