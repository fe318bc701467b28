package monitoring

import (
	"cmp"
	"slices"

	"github.com/crflink/crflink/ecrf"
)

// Dimension is what an account can be broken down by.
type Dimension string

// The dimensions.
const (
	ByForm  Dimension = "form"
	ByItem  Dimension = "item"
	ByEvent Dimension = "event"
	BySite  Dimension = "site"
)

// Dimensions lists them in the order of columns.
func Dimensions() []Dimension { return []Dimension{ByForm, ByItem, ByEvent, BySite} }

// Place is where cells are counted; what an account is not broken down by is "".
type Place struct {
	Form  string `json:"form,omitempty"`
	Item  string `json:"item,omitempty"`
	Event string `json:"event,omitempty"`
	Site  string `json:"site,omitempty"`
}

// Row counts the cells of a place.
type Row struct {
	Place
	Filled    int                        `json:"filled"`
	Expected  int                        `json:"expected"`
	Queried   int                        `json:"queried"` // filled, and the source no longer supports the value
	Variables int                        `json:"variables"`
	Seen      int                        `json:"variablesFilled"` // variables that have a value anywhere
	Missing   map[ecrf.MissingReason]int `json:"missing"`
}

// Share is the completeness by value, from 0 to 1; ok is false where nothing is expected.
func (r *Row) Share() (share float64, ok bool) { return ratio(r.Filled, r.Expected) }

// VariableShare is the completeness by variable.
func (r *Row) VariableShare() (share float64, ok bool) { return ratio(r.Seen, r.Variables) }

func ratio(part, whole int) (float64, bool) {
	if whole == 0 {
		return 0, false
	}
	return float64(part) / float64(whole), true
}

// Account counts the cells of casebooks. It holds as much as the dictionary has items and events, and the study sites.
type Account struct {
	dictionary *ecrf.Dictionary
	cells      map[Place]*Row
	Subjects   int
}

// NewAccount starts an account.
func NewAccount(d *ecrf.Dictionary) *Account {
	return &Account{dictionary: d, cells: map[Place]*Row{}}
}

// Take counts the cells of a subject. Those of items that the dictionary no longer has are passed over.
func (a *Account) Take(book *ecrf.StoredCasebook) {
	a.Subjects++
	for i := range book.Cells {
		c := &book.Cells[i]
		if !a.dictionary.Has(c.Event, c.Form) || a.dictionary.Form(c.Form).Item(c.Item) == nil {
			continue
		}
		place := Place{c.Form, c.Item, c.Event, book.Facts.Site}
		row := a.cells[place]
		if row == nil {
			row = &Row{Place: place, Missing: map[ecrf.MissingReason]int{}}
			a.cells[place] = row
		}
		row.take(c)
	}
}

func (r *Row) take(c *ecrf.StoredCell) {
	switch {
	case c.Value != "":
		r.Filled++
		r.Expected++
		if c.State == ecrf.Query {
			r.Queried++
		}
		return
	case c.Missing != ecrf.NotApplicable:
		r.Expected++
	}
	r.Missing[c.Missing]++
}

// By breaks the account down, in the order of the dictionary, then of sites.
func (a *Account) By(dimensions ...Dimension) []Row {
	rows := map[Place]*Row{}
	variables := map[Place]map[string]bool{} // items, and whether they have a value
	for place, cells := range a.cells {
		at := place.only(dimensions)
		if rows[at] == nil {
			rows[at] = &Row{Place: at, Missing: map[ecrf.MissingReason]int{}}
			variables[at] = map[string]bool{}
		}
		rows[at].add(cells)
		variables[at][place.Item] = variables[at][place.Item] || cells.Filled > 0
	}
	var all []Row
	for at, row := range rows {
		for _, seen := range variables[at] {
			row.Variables++
			if seen {
				row.Seen++
			}
		}
		all = append(all, *row)
	}
	rank := a.ranks()
	slices.SortFunc(all, func(x, y Row) int {
		return cmp.Or(cmp.Compare(rank["form "+x.Form], rank["form "+y.Form]), cmp.Compare(rank["item "+x.Item], rank["item "+y.Item]),
			cmp.Compare(rank["event "+x.Event], rank["event "+y.Event]), cmp.Compare(x.Site, y.Site))
	})
	return all
}

// only is the place without what is not broken down by.
func (p Place) only(dimensions []Dimension) Place {
	var at Place
	for _, d := range dimensions {
		switch d {
		case ByForm:
			at.Form = p.Form
		case ByItem:
			at.Form, at.Item = p.Form, p.Item
		case ByEvent:
			at.Event = p.Event
		case BySite:
			at.Site = p.Site
		}
	}
	return at
}

func (r *Row) add(o *Row) {
	r.Filled += o.Filled
	r.Expected += o.Expected
	r.Queried += o.Queried
	for reason, n := range o.Missing {
		r.Missing[reason] += n
	}
}

// ranks are the places of forms, items and events in the dictionary.
func (a *Account) ranks() map[string]int {
	rank := map[string]int{}
	for i, f := range a.dictionary.Forms {
		rank["form "+f.Name] = i
		for j, it := range f.Items {
			rank["item "+it.Name] = j
		}
	}
	for i, e := range a.dictionary.Events {
		rank["event "+e.Name] = i
	}
	return rank
}
