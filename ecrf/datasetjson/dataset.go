package datasetjson

import (
	"encoding/json"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

const version = "1.1.0"

// dataset is the head of a dataset (Dataset-JSON 1.1).
type dataset struct {
	Created string   `json:"datasetJSONCreationDateTime"`
	Version string   `json:"datasetJSONVersion"`
	FileOID string   `json:"fileOID"`
	Study   string   `json:"studyOID"`
	MDV     string   `json:"metaDataVersionOID"`
	Group   string   `json:"itemGroupOID"`
	Records int      `json:"records"`
	Name    string   `json:"name"`
	Label   string   `json:"label"`
	Columns []column `json:"columns"`
}

type column struct {
	OID      string `json:"itemOID"`
	Name     string `json:"name"`
	Label    string `json:"label"`
	DataType string `json:"dataType"`
	Target   string `json:"targetDataType,omitempty"`
	Length   int    `json:"length,omitempty"`
	Key      int    `json:"keySequence,omitempty"`
}

// headOf describes a table.
func headOf(t *tabular.Table, d ecrf.Delivery, records int) dataset {
	study, asOf := d.Dictionary.Study, d.AsOf.Format(time.RFC3339)
	h := dataset{
		Created: asOf, Version: version, FileOID: "crflink." + study + "." + t.Name + "." + asOf, Study: "S." + study, MDV: "MDV." + d.Dictionary.Version,
		Group: "IG." + t.Name, Records: records, Name: t.Name, Label: t.Label,
	}
	for i, c := range t.Columns {
		col := column{OID: "C." + t.Name + "." + c.Name, Name: c.Name, Label: c.Label, DataType: dataType(c.Type)}
		if c.Type == ecrf.Decimal {
			col.Target = "decimal"
		}
		if c.Item != nil {
			col.OID, col.Length = "I."+c.Name, c.Item.Length
		}
		if i < t.Keys {
			col.Key = i + 1
		}
		h.Columns = append(h.Columns, col)
	}
	return h
}

var dataTypes = map[ecrf.Type]string{ecrf.Integer: "integer", ecrf.Decimal: "decimal", ecrf.Boolean: "boolean", ecrf.Date: "date", ecrf.DateTime: "datetime"}

func dataType(t ecrf.Type) string {
	if name := dataTypes[t]; name != "" {
		return name
	}
	return "string"
}

// appendRow adds a row of canonical texts as a JSON array.
func appendRow(b []byte, t *tabular.Table, values []string) []byte {
	b = append(b, '[')
	for i, text := range values {
		if i > 0 {
			b = append(b, ',')
		}
		switch typ := t.Columns[i].Type; {
		case text == "":
			b = append(b, "null"...)
		case typ == ecrf.Integer || typ == ecrf.Boolean:
			b = append(b, text...)
		default:
			b = appendText(b, text)
		}
	}
	return append(b, ']')
}

func appendText(b []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		return append(b, "null"...) // cannot happen: every text can be written
	}
	return append(b, quoted...)
}
