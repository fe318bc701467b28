package tabular

import (
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Book puts the rows of a subject: those of the long table first.
func (t *Tables) Book(book *ecrf.StoredCasebook, put func(Row) error) error {
	cells := book.Cells
	for i := range cells {
		if err := put(Row{Table: t.Long, Values: t.longRow(&book.Facts, &cells[i])}); err != nil {
			return err
		}
	}
	for len(cells) > 0 {
		n := 1
		for n < len(cells) && sameInstance(&cells[0], &cells[n]) {
			n++
		}
		if w := t.of[cells[0].Form]; w != nil && t.dictionary.Has(cells[0].Event, cells[0].Form) {
			if err := put(w.row(&book.Facts, cells[:n])); err != nil {
				return err
			}
		}
		cells = cells[n:]
	}
	return nil
}

func sameInstance(a, b *ecrf.StoredCell) bool {
	return a.Event == b.Event && a.Form == b.Form && a.Repeat == b.Repeat
}

func (t *Tables) longRow(facts *ecrf.Facts, c *ecrf.StoredCell) []string {
	label, unit := "", ""
	if it := t.dictionary.Item(c.Item); it != nil {
		unit = it.Unit
		if list := t.dictionary.CodeList(it.CodeList); list != nil {
			label, _ = list.Label(c.Value)
		}
	}
	p := &c.Provenance
	t.row = append(t.row[:0],
		facts.Subject, facts.Site, c.Event, c.Form, unlessZero(c.Repeat), c.Item, c.Value, label, unit, string(c.Missing), string(c.State),
		p.Source, p.Resource, p.Version, p.Path, p.OriginalValue, p.OriginalUnit, p.Rule, p.Effective,
	)
	return t.row
}

// row is the row of one form instance.
func (w *wide) row(facts *ecrf.Facts, cells []ecrf.StoredCell) Row {
	clear(w.values)
	clear(w.missing)
	copy(w.values, []string{facts.Subject, facts.Site, cells[0].Event, unlessZero(cells[0].Repeat)})
	copy(w.missing, w.values[:w.table.Keys])
	for i := range cells {
		if column, ok := w.column[cells[i].Item]; ok {
			w.values[column], w.missing[column] = cells[i].Value, string(cells[i].Missing)
		}
	}
	return Row{Table: w.table, Values: w.values, Missing: w.missing}
}

func unlessZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Describe puts the rows of the tables that describe the others.
func (t *Tables) Describe(put func(Row) error) error {
	for i := range t.dictionary.Forms {
		f := &t.dictionary.Forms[i]
		events := strings.Join(t.dictionary.EventsOf(f.Name), " ")
		for j := range f.Items {
			it := &f.Items[j]
			err := put(Row{Table: t.Items, Values: []string{
				f.Name, f.Label, strconv.FormatBool(f.Repeating), events, it.Name, it.Label, string(it.Type), it.Unit,
				decimals(it), it.Min, it.Max, unlessZero(it.Length), it.CodeList, strconv.FormatBool(it.Required),
			}})
			if err != nil {
				return err
			}
		}
	}
	for i := range t.dictionary.CodeLists {
		list := &t.dictionary.CodeLists[i]
		for _, c := range list.Codes {
			if err := put(Row{Table: t.Codes, Values: []string{list.Name, c.Value, c.Label}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func decimals(it *ecrf.Item) string {
	if it.Type != ecrf.Decimal {
		return ""
	}
	return strconv.Itoa(it.Decimals)
}
