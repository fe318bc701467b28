package research

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf/table"
)

// The members of a Frictionless data package (specs.frictionlessdata.io, version 1).
type (
	dataPackage struct {
		Profile      string         `json:"profile"`
		Name         string         `json:"name"`
		Title        string         `json:"title"`
		Description  string         `json:"description"`
		Version      string         `json:"version"`
		Created      string         `json:"created"`
		Contributors []contributor  `json:"contributors,omitempty"`
		Resources    []dataResource `json:"resources"`
	}
	contributor struct {
		Title string `json:"title"`
		Path  string `json:"path,omitempty"`
		Role  string `json:"role"`
	}
	dataResource struct {
		Profile     string     `json:"profile"`
		Name        string     `json:"name"`
		Path        string     `json:"path"`
		Title       string     `json:"title"`
		Description string     `json:"description"`
		Format      string     `json:"format"`
		MediaType   string     `json:"mediatype"`
		Encoding    string     `json:"encoding"`
		Bytes       int64      `json:"bytes"`
		Hash        string     `json:"hash"`
		Dialect     dialect    `json:"dialect"`
		Schema      dataSchema `json:"schema"`
	}
	dialect struct {
		Delimiter      string `json:"delimiter"`
		LineTerminator string `json:"lineTerminator"`
		DoubleQuote    bool   `json:"doubleQuote"`
		Header         bool   `json:"header"`
	}
	dataSchema struct {
		Fields        []dataField  `json:"fields"`
		MissingValues []string     `json:"missingValues"`
		PrimaryKey    []string     `json:"primaryKey"`
		ForeignKeys   []foreignKey `json:"foreignKeys,omitempty"`
	}
	dataField struct {
		Name        string         `json:"name"`
		Title       string         `json:"title,omitempty"`
		Description string         `json:"description,omitempty"`
		Type        string         `json:"type"`
		Format      string         `json:"format,omitempty"`
		Unit        string         `json:"unit,omitempty"`
		TrueValues  []string       `json:"trueValues,omitempty"`
		FalseValues []string       `json:"falseValues,omitempty"`
		Constraints map[string]any `json:"constraints,omitempty"`
	}
	foreignKey struct {
		Fields    []string `json:"fields"`
		Reference struct {
			Resource string   `json:"resource"`
			Fields   []string `json:"fields"`
		} `json:"reference"`
	}
)

var notInName = regexp.MustCompile(`[^-a-z0-9._]+`)

// resourceName spells a name as the specification wants it: lower case, no spaces, no folder.
func resourceName(name string) string {
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

func dataPackageOf(p *Package, tables []*Table, files []File) ([]byte, error) {
	d := dataPackage{
		Profile: "tabular-data-package", Name: resourceName("crflink-" + p.Study.ID), Title: p.Study.title(), Version: p.Study.Version, Created: p.AsOf,
		Description: "Linked imaging studies and clinical forms of the study " + p.Study.title() + ". README.md tells how to read it.",
	}
	if by := p.Study.Provider; by.Name != "" {
		d.Contributors = []contributor{{by.Name, by.URL, "publisher"}}
	}
	for _, t := range tables {
		i := slices.IndexFunc(files, func(f File) bool { return f.Name == t.csvPath() })
		d.Resources = append(d.Resources, resourceOf(t, files[i]))
	}
	return indented(d)
}

func resourceOf(t *Table, f File) dataResource {
	r := dataResource{
		Profile: "tabular-data-resource", Name: resourceName(t.Name), Path: f.Name, Title: t.Title, Description: t.Description, Format: "csv", MediaType: "text/csv",
		Encoding: "utf-8", Bytes: f.Size, Hash: "sha256:" + f.SHA256, Dialect: dialect{",", "\n", true, true},
		Schema: dataSchema{MissingValues: []string{""}, PrimaryKey: t.Key},
	}
	for i := range t.Columns {
		r.Schema.Fields = append(r.Schema.Fields, fieldOf(&t.Columns[i]))
	}
	for _, to := range t.References {
		var k foreignKey
		k.Fields, k.Reference.Resource, k.Reference.Fields = to.Columns, resourceName(to.Table), to.Columns
		r.Schema.ForeignKeys = append(r.Schema.ForeignKeys, k)
	}
	return r
}

func fieldOf(c *Column) dataField {
	f := dataField{Name: c.Name, Title: c.Title, Description: c.Description, Unit: c.Unit, Constraints: map[string]any{}}
	switch c.Kind {
	case Text:
		f.Type = "string"
	case Decimal, Number:
		f.Type = "number"
	case Local:
		f.Type, f.Format = "datetime", "%Y-%m-%dT%H:%M:%S"
	case Boolean:
		f.Type, f.TrueValues, f.FalseValues = "boolean", []string{"true"}, []string{"false"}
	case Integer, Date:
		f.Type = string(c.Kind)
	}
	c.constrain(f.Constraints)
	return f
}

// constrain writes what holds for the cells as they stand in the CSV file.
func (c *Column) constrain(to map[string]any) {
	if c.Required {
		to["required"] = true
	}
	if c.Pattern != "" {
		to["pattern"] = c.Pattern
	}
	if len(c.Enum) > 0 {
		values := make([]string, len(c.Enum))
		for i, v := range c.Enum {
			values[i] = table.Escape(v)
		}
		to["enum"] = values
	}
	for name, bound := range map[string]string{"minimum": c.Min, "maximum": c.Max} {
		switch {
		case bound == "":
		case c.Kind == Integer || c.Kind == Decimal || c.Kind == Number:
			to[name] = json.Number(bound)
		default:
			to[name] = bound
		}
	}
}

func indented(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write the package's description: %w", err)
	}
	return []byte(b.String()), nil
}
