package table

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

var longColumns = []string{
	"subject", "site", "event", "form", "repeat", "item", "value", "label", "unit", "missing", "state",
	"source", "resource", "version", "path", "original_value", "original_unit", "rule", "effective",
}

// keyColumns begin each line of a wide table. repeat is empty in a form that does not repeat.
var keyColumns = []string{"subject", "site", "event", "repeat"}

// wide is the pair of tables of one form.
type wide struct {
	values, missing *file
	column          map[string]int
	width           int
}

func (s *set) addWide(form *ecrf.Form) error {
	w := &wide{column: map[string]int{}, width: len(keyColumns) + len(form.Items)}
	columns := append([]string{}, keyColumns...)
	for _, name := range form.ItemNames() {
		w.column[name] = len(columns)
		columns = append(columns, name)
	}
	var err error
	if w.values, err = s.create(form.Name+".csv", columns); err != nil {
		return err
	}
	if w.missing, err = s.create(filepath.Join(MissingFolder, form.Name+".csv"), columns); err != nil {
		return err
	}
	s.wide[form.Name] = w
	return nil
}

func (s *set) casebook(book *ecrf.StoredCasebook) error {
	cells := book.Cells
	s.cells += len(cells)
	for i := range cells {
		if err := s.longRow(book.Facts.Site, book.Facts.Subject, &cells[i]); err != nil {
			return err
		}
	}
	for len(cells) > 0 {
		n := 1
		for n < len(cells) && sameInstance(&cells[0], &cells[n]) {
			n++
		}
		if err := s.wideRow(&book.Facts, cells[:n]); err != nil {
			return err
		}
		cells = cells[n:]
	}
	return nil
}

func sameInstance(a, b *ecrf.StoredCell) bool {
	return a.Event == b.Event && a.Form == b.Form && a.Repeat == b.Repeat
}

func (s *set) longRow(site, subject string, c *ecrf.StoredCell) error {
	label, unit := "", ""
	if it := s.dictionary.Item(c.Item); it != nil {
		unit = it.Unit
		if list := s.dictionary.CodeList(it.CodeList); list != nil {
			label, _ = list.Label(c.Value)
		}
	}
	p := &c.Provenance
	return s.long.write(subject, site, c.Event, c.Form, repeatText(c.Repeat), c.Item, c.Value, label, unit, string(c.Missing), string(c.State),
		p.Source, p.Resource, p.Version, p.Path, p.OriginalValue, p.OriginalUnit, p.Rule, p.Effective)
}

// wideRow writes one form instance. A form or item that the dictionary no longer has is in the long table only.
func (s *set) wideRow(facts *ecrf.Facts, cells []ecrf.StoredCell) error {
	first := &cells[0]
	w := s.wide[first.Form]
	if w == nil || !s.dictionary.Has(first.Event, first.Form) {
		return nil
	}
	values, missing := make([]string, w.width), make([]string, w.width)
	copy(values, []string{facts.Subject, facts.Site, first.Event, repeatText(first.Repeat)})
	copy(missing, values[:len(keyColumns)])
	for i := range cells {
		if column, ok := w.column[cells[i].Item]; ok {
			values[column], missing[column] = cells[i].Value, string(cells[i].Missing)
		}
	}
	if err := w.values.write(values...); err != nil {
		return err
	}
	return w.missing.write(missing...)
}

func repeatText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

var dictionaryColumns = []string{
	"form", "form_label", "repeating", "events", "item", "label", "type", "unit", "decimals", "min", "max", "length", "codelist", "required",
}

// describe writes the dictionary and its code lists.
func (s *set) describe() error {
	items, err := s.create("dictionary.csv", dictionaryColumns)
	if err != nil {
		return err
	}
	for i := range s.dictionary.Forms {
		f := &s.dictionary.Forms[i]
		events := strings.Join(s.dictionary.EventsOf(f.Name), " ")
		for j := range f.Items {
			it := &f.Items[j]
			err := items.write(f.Name, f.Label, strconv.FormatBool(f.Repeating), events, it.Name, it.Label, string(it.Type), it.Unit,
				decimalsText(it), it.Min, it.Max, repeatText(it.Length), it.CodeList, strconv.FormatBool(it.Required))
			if err != nil {
				return err
			}
		}
	}
	codes, err := s.create("codelists.csv", []string{"codelist", "code", "label"})
	if err != nil {
		return err
	}
	for i := range s.dictionary.CodeLists {
		list := &s.dictionary.CodeLists[i]
		for _, c := range list.Codes {
			if err := codes.write(list.Name, c.Value, c.Label); err != nil {
				return err
			}
		}
	}
	return nil
}

func decimalsText(it *ecrf.Item) string {
	if it.Type != ecrf.Decimal {
		return ""
	}
	return strconv.Itoa(it.Decimals)
}
