package research

import (
	"bytes"
	_ "embed" // the template
	"fmt"
	"text/template"
)

//go:embed readme.md.tmpl
var readmeText string

var readmeTemplate = template.Must(template.New("README.md").Funcs(template.FuncMap{"parquet": (*Table).parquetPath, "csv": (*Table).csvPath}).Parse(readmeText))

// readme says what the package holds and how it is loaded.
func (w *writer) readme() ([]byte, error) {
	rows := map[string]int{}
	for _, s := range w.sheets {
		rows[s.table.Name] = s.rows
	}
	var b bytes.Buffer
	err := readmeTemplate.Execute(&b, map[string]any{
		"Package": w.Package, "Title": w.Study.title(), "Tables": w.tables, "Rows": rows, "Out": &w.out, "Terms": w.terms(),
	})
	if err != nil {
		return nil, fmt.Errorf("write README.md: %w", err)
	}
	return b.Bytes(), nil
}
