package fakeredcap

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
)

// submitted is a row of an import as it was sent: values by column.
type submitted map[string]string

// unformatted is what is said about data that cannot be read.
const unformatted = "The data being imported is not formatted correctly"

// rows reads the data of an import, and the columns that it names. In rows with different columns the missing ones are empty.
func (c Call) rows() (rows []submitted, columns []string, ok bool) {
	switch c.format() {
	case "json":
		rows, ok = readJSON(c.Get("data"))
	case "csv":
		rows, ok = readRows(c.Get("data"), c.Get("csvDelimiter"))
	}
	if c.Get("type") == "eav" {
		rows = flat(rows)
	}
	for _, r := range rows {
		for name := range r {
			if !slices.Contains(columns, name) {
				columns = append(columns, name)
			}
		}
	}
	slices.Sort(columns)
	return rows, columns, ok && len(rows) > 0
}

func readJSON(text string) ([]submitted, bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var in []map[string]any
	if d.Decode(&in) != nil || d.More() {
		return nil, false
	}
	var rows []submitted
	for _, object := range in {
		r := submitted{}
		for name, value := range object {
			switch v := value.(type) {
			case string:
				r[name] = v
			case json.Number:
				r[name] = v.String()
			case nil:
				r[name] = ""
			default:
				return nil, false
			}
		}
		rows = append(rows, r)
	}
	return rows, true
}

func readRows(text, delimiter string) ([]submitted, bool) {
	c := csv.NewReader(bytes.NewReader([]byte(text)))
	switch delimiter {
	case "", ",":
	case "tab":
		c.Comma = '\t'
	case ";", "|", "^":
		c.Comma = rune(delimiter[0])
	default:
		return nil, false
	}
	lines, err := c.ReadAll()
	if err != nil || len(lines) < 2 {
		return nil, false
	}
	var rows []submitted
	for _, line := range lines[1:] {
		r := submitted{}
		for i, name := range lines[0] {
			r[name] = line[i]
		}
		rows = append(rows, r)
	}
	return rows, true
}

// flat turns lines of one value each into rows of one column.
func flat(lines []submitted) []submitted {
	var rows []submitted
	for _, line := range lines {
		r := submitted{"record": line["record"], line["field_name"]: line["value"]}
		for _, name := range []string{"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"} {
			if v, ok := line[name]; ok {
				r[name] = v
			}
		}
		rows = append(rows, r)
	}
	return rows
}
