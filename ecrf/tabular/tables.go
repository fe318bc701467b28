package tabular

import (
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Column is a column of a table.
type Column struct {
	Name, Label string
	Type        ecrf.Type
	Decimals    int        // of type Decimal
	Item        *ecrf.Item // nil for a column that is no item
}

// Table is the head of a table.
type Table struct {
	Name, Label string
	Columns     []Column
	Keys        int        // so many of the first columns name a row
	Form        *ecrf.Form // of a wide table
}

// Tables are those of a study.
type Tables struct {
	Long         *Table
	Wide         []*Table // in the order of the dictionary's forms
	Items, Codes *Table

	dictionary *ecrf.Dictionary
	of         map[string]*wide
	row        []string // of the long table, reused
}

// wide is a wide table under way.
type wide struct {
	table           *Table
	column          map[string]int
	values, missing []string
}

// Row is a row of a table. What it holds is valid until the next one.
type Row struct {
	Table  *Table
	Values []string
	// Missing has, in a wide table, the reasons of the columns that have one, and the same first columns as Values.
	Missing []string
}

// Subject is the column of the subject in every table of data.
const Subject = 0

// Of returns the tables of a dictionary.
func Of(d *ecrf.Dictionary) *Tables {
	t := &Tables{Long: long(), Items: items(), Codes: codes(), dictionary: d, of: map[string]*wide{}}
	for i := range d.Forms {
		t.addWide(&d.Forms[i])
	}
	return t
}

// Data returns the tables of data: the long one and the wide ones.
func (t *Tables) Data() []*Table { return append([]*Table{t.Long}, t.Wide...) }

func (t *Tables) addWide(f *ecrf.Form) {
	columns := texts("subject", "the study number", "site", "the site, if the enrolment names one", "event", "the event", "repeat", "the number of the instance of a repeating form")
	columns[3].Type = ecrf.Integer
	w := &wide{column: map[string]int{}}
	for i := range f.Items {
		it := &f.Items[i]
		w.column[it.Name] = len(columns)
		columns = append(columns, Column{Name: it.Name, Label: it.Label, Type: it.Type, Decimals: it.Decimals, Item: it})
	}
	w.table = &Table{Name: f.Name, Label: f.Label, Columns: columns, Keys: 4, Form: f}
	w.values, w.missing = make([]string, len(columns)), make([]string, len(columns))
	t.of[f.Name] = w
	t.Wide = append(t.Wide, w.table)
}

func long() *Table {
	columns := texts("subject", "the study number", "site", "the site, if the enrolment names one", "event", "the event", "form", "the form",
		"repeat", "the number of the instance of a repeating form", "item", "the item", "value", "the canonical text of the value", "label", "the label of the code",
		"unit", "the item's unit in UCUM", "missing", "why there is no value", "state", "what is known about the cell", "source", "the source's name",
		"resource", "the resource under its keyed id", "version", "the resource's version", "path", "the expression that took the value",
		"original_value", "as the source wrote it", "original_unit", "as the source wrote it", "rule", "the rule of the mapping", "effective", "the resource's date")
	columns[4].Type = ecrf.Integer
	return &Table{Name: "cells", Label: "One row per cell", Columns: columns, Keys: 6}
}

func items() *Table {
	columns := texts("form", "", "form_label", "", "repeating", "", "events", "", "item", "", "label", "", "type", "", "unit", "", "decimals", "", "min", "", "max", "", "length", "", "codelist", "", "required", "")
	columns[2].Type, columns[8].Type, columns[11].Type, columns[13].Type = ecrf.Boolean, ecrf.Integer, ecrf.Integer, ecrf.Boolean
	return &Table{Name: "dictionary", Label: "One row per item", Columns: columns}
}

func codes() *Table {
	return &Table{Name: "codelists", Label: "One row per code", Columns: texts("codelist", "", "code", "", "label", "")}
}

// texts makes columns of texts from names and labels in turn.
func texts(pairs ...string) []Column {
	var columns []Column
	for i := 0; i+1 < len(pairs); i += 2 {
		label := pairs[i+1]
		if label == "" {
			label = strings.ReplaceAll(pairs[i], "_", " ")
		}
		columns = append(columns, Column{Name: pairs[i], Label: label, Type: ecrf.Text})
	}
	return columns
}

// Names returns the names of the columns.
func (t *Table) Names() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// Fits reports whether a canonical text fits into a number of 64 bits, where its column holds one; a decimal may have 18 digits.
func (c *Column) Fits(text string) bool {
	switch c.Type {
	case ecrf.Integer:
		_, err := strconv.ParseInt(text, 10, 64)
		return text == "" || err == nil
	case ecrf.Decimal:
		return len(strings.NewReplacer(".", "", "-", "").Replace(text)) <= MaxDigits
	}
	return true
}

// MaxDigits is how many digits a decimal may have that fits.
const MaxDigits = 18
