package research

import (
	"slices"

	"github.com/crflink/crflink/ecrf"
)

// The columns that name a form instance.
var (
	eventColumn  = Column{Name: "event", Title: "Event", Kind: Text, Required: true, Description: "visit or phase of the study"}
	repeatColumn = Column{Name: "repeat", Title: "Repeat", Kind: Integer, Required: true, Min: "0", Description: "number of the instance of a repeating form, from 1; 0 in a form that does not repeat"}
)

func longTable(d *ecrf.Dictionary) *Table {
	forms, events := d.FormNames(), []string{}
	for _, e := range d.Events {
		events = append(events, e.Name)
	}
	event := eventColumn
	event.Enum = events
	return &Table{
		Name: "clinical_long", Title: "Clinical cells", Description: "One row per cell of the case report forms, with the reason where a cell has no value.",
		Key: []string{"subject", "event", "form", "repeat", "item"}, References: reference("participants", "subject"),
		Columns: []Column{
			subjectColumn, event,
			{Name: "form", Title: "Form", Kind: Text, Required: true, Enum: forms, Description: "form of the case report form"}, repeatColumn,
			{Name: "item", Title: "Item", Kind: Text, Required: true, Description: "item of the form; dictionary.csv describes it"},
			{Name: "value", Title: "Value", Kind: Text, Description: "in the spelling of the item's type; empty where there is none"},
			{Name: "label", Title: "Label", Kind: Text, Description: "of a code"},
			{Name: "unit", Title: "Unit", Kind: Text, Description: "of a number (UCUM)"},
			{Name: "missing", Title: "Missing", Kind: Text, Enum: texts(ecrf.MissingReasons()), Description: "why there is no value, or why the one that is there is not supported by the source any more"},
			{Name: "rule", Title: "Rule", Kind: Text, Description: "rule of the mapping that gave the value"},
			{Name: "effective", Title: "Effective", Kind: Text, Description: "the day for which the value holds, as the date mode allows"},
		},
	}
}

// kinds are the columns of the item types.
var kinds = map[ecrf.Type]Kind{
	ecrf.Text: Text, ecrf.Integer: Integer, ecrf.Decimal: Decimal, ecrf.Date: Date, ecrf.PartialDate: Text, ecrf.DateTime: Local, ecrf.Boolean: Boolean, ecrf.Choice: Text,
}

const partialDate = `^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$`

func itemColumn(d *ecrf.Dictionary, it *ecrf.Item) Column {
	c := Column{
		Name: it.Name, Title: it.Label, Description: it.Label, Kind: kinds[it.Type], Decimals: it.Decimals, Unit: it.Unit, Min: it.Min, Max: it.Max, CodeList: it.CodeList,
	}
	switch it.Type {
	case ecrf.Choice:
		c.Enum = d.CodeList(it.CodeList).Values()
	case ecrf.PartialDate:
		c.Pattern, c.Min, c.Max = partialDate, "", ""
	}
	return c
}

// wideTable is the table of one form.
func wideTable(d *ecrf.Dictionary, f *ecrf.Form) *Table {
	event := eventColumn
	event.Enum = d.EventsOf(f.Name)
	t := &Table{
		Name: "clinical/" + f.Name, Title: f.Label, Description: "One row per instance of the form; why a cell is empty stands in clinical_long.",
		Key: []string{"subject", "event", "repeat"}, References: reference("participants", "subject"),
		Columns: []Column{subjectColumn, event, repeatColumn},
	}
	for i := range f.Items {
		t.Columns = append(t.Columns, itemColumn(d, &f.Items[i]))
	}
	return t
}

// clinical writes the cells of casebooks.
type clinical struct {
	dictionary *ecrf.Dictionary
	long       *sheet
	wide       map[string]*sheet
	unfit      map[string]int // cells by item that are no value of the item as the dictionary has it now
	unknown    int            // cells of forms and items that the dictionary does not have any more
}

func (c *clinical) casebook(book *ecrf.StoredCasebook) error {
	for cells := book.Cells; len(cells) > 0; {
		n := 1
		for n < len(cells) && cells[n].Event == cells[0].Event && cells[n].Form == cells[0].Form && cells[n].Repeat == cells[0].Repeat {
			n++
		}
		if err := c.instance(book.Facts.Subject, cells[:n]); err != nil {
			return err
		}
		cells = cells[n:]
	}
	return nil
}

func (c *clinical) instance(subject string, cells []ecrf.StoredCell) error {
	first := &cells[0]
	form := c.dictionary.Form(first.Form)
	if form == nil || !c.dictionary.Has(first.Event, first.Form) {
		c.unknown += len(cells)
		return nil
	}
	sheet := c.wide[first.Form]
	row := make([]string, len(sheet.table.Columns))
	copy(row, []string{subject, first.Event, whole(first.Repeat)})
	for i := range cells {
		cell := &cells[i]
		it := form.Item(cell.Item)
		if it == nil {
			c.unknown++
			continue
		}
		if err := c.longRow(subject, cell, it); err != nil {
			return err
		}
		at := slices.IndexFunc(sheet.table.Columns, func(column Column) bool { return column.Name == cell.Item })
		if row[at] = cell.Value; !c.valid(it, &sheet.table.Columns[at], cell.Value) {
			c.unfit[cell.Form+"."+cell.Item]++
			row[at] = ""
		}
	}
	return sheet.write(row...)
}

// valid reports whether a stored value is one that the item may have.
func (c *clinical) valid(it *ecrf.Item, column *Column, value string) bool {
	return value == "" || it.Check(value) == nil && column.fits(value)
}

func (c *clinical) longRow(subject string, cell *ecrf.StoredCell, it *ecrf.Item) error {
	label := ""
	if list := c.dictionary.CodeList(it.CodeList); list != nil {
		label, _ = list.Label(cell.Value)
	}
	return c.long.write(subject, cell.Event, cell.Form, whole(cell.Repeat), cell.Item, cell.Value, label, it.Unit, string(cell.Missing), cell.Provenance.Rule, cell.Provenance.Effective)
}
