package research

import (
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/imaging/pet"
)

func dictionaryTable() *Table {
	return &Table{
		Name: "dictionary", Title: "Data dictionary", Description: "One row per column of every table.", Key: []string{"table", "column"},
		Columns: []Column{
			{Name: "table", Title: "Table", Kind: Text, Required: true, Description: "name of the table"},
			{Name: "column", Title: "Column", Kind: Text, Required: true, Description: "name of the column"},
			{Name: "title", Title: "Title", Kind: Text, Description: "as people read it"},
			{Name: "description", Title: "Description", Kind: Text, Description: "what the column holds"},
			{Name: "type", Title: "Type", Kind: Text, Required: true, Enum: texts([]Kind{Text, Integer, Decimal, Number, Date, Local, Boolean}), Description: "decimal is exact, number is measured"},
			{Name: "decimals", Title: "Decimals", Kind: Integer, Min: "0", Description: "of a decimal"},
			{Name: "unit", Title: "Unit", Kind: Text, Description: "UCUM"},
			{Name: "minimum", Title: "Minimum", Kind: Text, Description: "least value"},
			{Name: "maximum", Title: "Maximum", Kind: Text, Description: "greatest value"},
			{Name: "codelist", Title: "Code list", Kind: Text, Description: "of codelists.csv"},
			{Name: "values", Title: "Values", Kind: Text, Description: "that are possible, where there is no code list; separated by a space"},
			{Name: "required", Title: "Required", Kind: Boolean, Required: true, Description: "whether the column is never empty"},
		},
	}
}

// dictionaryRows describes the columns of tables.
func dictionaryRows(tables []*Table) (rows [][]string) {
	for _, t := range tables {
		for i := range t.Columns {
			c := &t.Columns[i]
			decimals, values := "", ""
			if c.Kind == Decimal {
				decimals = strconv.Itoa(c.Decimals)
			}
			if c.CodeList == "" {
				values = strings.Join(c.Enum, " ")
			}
			rows = append(rows, []string{t.Name, c.Name, c.Title, c.Description, string(c.Kind), decimals, c.Unit, c.Min, c.Max, c.CodeList, values, yesNo(c.Required)})
		}
	}
	return rows
}

func codeListTable() *Table {
	return &Table{
		Name: "codelists", Title: "Code lists", Description: "What the codes of the clinical tables mean.", Key: []string{"codelist", "code"},
		Columns: []Column{
			{Name: "codelist", Title: "Code list", Kind: Text, Required: true, Description: "name of the list"},
			{Name: "code", Title: "Code", Kind: Text, Required: true, Description: "as it stands in the tables"},
			{Name: "label", Title: "Label", Kind: Text, Description: "what it means"},
		},
	}
}

func codeListRows(d *ecrf.Dictionary) (rows [][]string) {
	for i := range d.CodeLists {
		for _, c := range d.CodeLists[i].Codes {
			rows = append(rows, []string{d.CodeLists[i].Name, c.Value, c.Label})
		}
	}
	return rows
}

func reasonRows() (rows [][]string) {
	for _, d := range pet.Reasons() {
		rows = append(rows, []string{string(d.Reason), string(d.Severity), d.Text})
	}
	return rows
}
