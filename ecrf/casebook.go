package ecrf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/crflink/crflink/pseudonym"
)

// Casebook is one subject's computed forms. NewCasebook makes it for a de-identified subject, and Add lets in only what the
// dictionary allows. The zero value belongs to no subject, and every use of it is refused.
type Casebook struct {
	subject, site string
	dictionary    *Dictionary
	instances     []Instance
	seen          map[InstanceKey]bool
	uncovered     map[string]bool // items
	barred        map[string]bool // resources, as Provenance has them
	refused       bool            // what they said is removed
}

// InstanceKey names a form instance by its source. Key is "" for a form that does not repeat; for a repeating one it
// is a stable pseudonymous key of what the instance was made from, never an original identifier.
type InstanceKey struct{ Event, Form, Key string }

// Instance is one filled form. Order sorts the instances of a repeating form when they get their numbers: text that
// sorts by time, such as a date.
type Instance struct {
	Event, Form, Key string
	Order            string
	Cells            []Cell
}

// Cell is the value of one item, in canonical text, or the reason why there is none: exactly one of the two. An item
// that no rule fills has no cell; it is left to people.
type Cell struct {
	Item       string
	Value      string
	Missing    MissingReason
	Provenance Provenance
}

// Provenance tells where a value came from, in pseudonymous terms: it holds no original identifier, and no date that
// the study's date mode forbids. Add makes its texts fit for every target.
type Provenance struct {
	Source        string // alias of the source server or folder
	Resource      string // type and keyed reference
	Version       string // version of the resource
	Path          string // element in the resource
	OriginalValue string // as the source wrote it
	OriginalUnit  string
	Rule          string // id of the mapping rule
	Effective     string // day for which the value holds, as the date mode allows
}

// NewCasebook starts the casebook of a subject.
func NewCasebook(subject pseudonym.Subject, d *Dictionary) (*Casebook, error) {
	if d == nil {
		return nil, errors.New("a casebook needs a dictionary")
	}
	if subject.IsZero() {
		return nil, errors.New("a casebook needs a subject with a study number")
	}
	if bad(subject.Number()) || bad(subject.Site()) {
		return nil, errors.New("the subject's study number or site has control characters or is too long")
	}
	return &Casebook{subject: subject.Number(), site: subject.Site(), dictionary: d, seen: map[InstanceKey]bool{}}, nil
}

// Subject returns the study number.
func (c *Casebook) Subject() string { return c.subject }

// Site returns the site, "" when the study has one only.
func (c *Casebook) Site() string { return c.site }

// Instances returns the form instances in canonical order: events and forms as in the dictionary, then Order and Key.
func (c *Casebook) Instances() []Instance {
	rank := c.dictionary.ranks()
	sorted := slices.Clone(c.instances)
	slices.SortFunc(sorted, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(rank[a.Event+"."+a.Form], rank[b.Event+"."+b.Form]), cmp.Compare(a.Order, b.Order), cmp.Compare(a.Key, b.Key))
	})
	return sorted
}

// Add puts a form instance into the casebook, which takes its cells over. Each cell must be canonical and allowed; each instance
// comes once.
func (c *Casebook) Add(in Instance) error {
	if c.dictionary == nil {
		return errors.New("the casebook belongs to no subject")
	}
	form := c.dictionary.Form(in.Form)
	key := InstanceKey{in.Event, in.Form, in.Key}
	switch {
	case form == nil || !c.dictionary.Has(in.Event, in.Form):
		return fmt.Errorf("the dictionary has no form %q in event %q", in.Form, in.Event)
	case form.Repeating && in.Key == "":
		return fmt.Errorf("form %s repeats: its instance needs a key", in.Form)
	case !form.Repeating && in.Key != "":
		return fmt.Errorf("form %s does not repeat: its instance has no key", in.Form)
	case bad(in.Key):
		return fmt.Errorf("form %s: an instance key has control characters or is too long", in.Form)
	case c.seen[key]:
		return fmt.Errorf("form %s in event %s: an instance is there twice", in.Form, in.Event)
	}
	if err := checkCells(form, in.Cells); err != nil {
		return fmt.Errorf("form %s: %w", in.Form, err)
	}
	tidy(form, in.Cells)
	c.seen[key] = true
	c.instances = append(c.instances, in)
	return nil
}

// Uncovered says that the consent no longer covers (all of) the data that the item needs. What the ledger holds of the
// item and the casebook does not is then removed, where it would otherwise be kept and queried.
func (c *Casebook) Uncovered(item string) error {
	if c.dictionary == nil || c.dictionary.Item(item) == nil {
		return fmt.Errorf("the dictionary has no item %q", item)
	}
	if c.uncovered == nil {
		c.uncovered = map[string]bool{}
	}
	c.uncovered[item] = true
	return nil
}

// Bar says which resources (Type/ID, as Provenance has them) are there and are not covered by the consent. A value that the ledger
// has from one of them, and for which there is no other source, is removed where a refusal made the consent smaller; else it is kept
// back: it stays in the ledger, in state Query with the reason NoConsent, and is not delivered (see StoredCell.KeptBack).
func (c *Casebook) Bar(resources map[string]bool, refused bool) {
	c.barred, c.refused = resources, refused
}

// whyGone says why a cell of the ledger has no value any more, given what was computed for it; held is for one that is kept back.
func (c *Casebook) whyGone(before *StoredCell, now StoredCell) (_ StoredCell, held bool) {
	if before == nil || before.Value == "" || now.Value != "" || !c.barred[before.Provenance.Resource] {
		return now, false
	}
	if c.refused {
		now.Missing = NoConsent
	}
	return now, !c.refused && now.Missing != NoConsent
}

func checkCells(form *Form, cells []Cell) error {
	seen := make([]bool, len(form.Items))
	for i := range cells {
		cell := &cells[i]
		at := form.place(cell.Item)
		if at < 0 {
			return fmt.Errorf("no item is named %q", cell.Item)
		}
		it := &form.Items[at]
		twice := seen[at]
		seen[at] = true
		switch {
		case twice:
			return fmt.Errorf("item %s is there twice", cell.Item)
		case (cell.Value == "") == (cell.Missing == ""):
			return fmt.Errorf("item %s needs either a value or a reason why it has none", cell.Item)
		case cell.Missing != "" && !cell.Missing.Valid():
			return fmt.Errorf("item %s: the missing reason is not on the published list", cell.Item)
		}
		if cell.Value == "" {
			continue
		}
		if err := it.Check(cell.Value); err != nil {
			return err
		}
	}
	return nil
}

// tidy brings cells into the form's order of items and makes the texts of their provenance fit for every target.
func tidy(form *Form, cells []Cell) {
	if !ordered(form, cells) {
		slices.SortFunc(cells, func(a, b Cell) int { return cmp.Compare(form.place(a.Item), form.place(b.Item)) })
	}
	for i := range cells {
		p := &cells[i].Provenance
		for _, text := range [...]*string{&p.Source, &p.Resource, &p.Version, &p.Path, &p.OriginalValue, &p.OriginalUnit, &p.Rule, &p.Effective} {
			*text = cleaned(*text)
		}
	}
}

// ordered reports whether the cells stand in the form's order of items.
func ordered(form *Form, cells []Cell) bool {
	last := -1
	for i := range cells {
		at := form.place(cells[i].Item)
		if at <= last {
			return false
		}
		last = at
	}
	return true
}

// cleaned returns a text that every target can hold: control characters and broken UTF-8 become U+FFFD, and what is longer
// than maxKey bytes is cut and ends in an ellipsis.
func cleaned(s string) string {
	if !bad(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if forbidden(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxKey {
		s = strings.ToValidUTF8(s[:maxKey-len("…")], "") + "…"
	}
	return s
}

// ranks maps "event.form" and "event.form.item" to their place in the dictionary.
func (d *Dictionary) ranks() map[string]int {
	d.rankOnce.Do(func() {
		d.rank = map[string]int{}
		for _, e := range d.Events {
			for _, name := range e.Forms {
				d.rank[e.Name+"."+name] = len(d.rank) + 1
				for _, item := range d.Form(name).ItemNames() {
					d.rank[e.Name+"."+name+"."+item] = len(d.rank) + 1
				}
			}
		}
	})
	return d.rank
}

// Compare orders cells as a casebook does: events, forms and repeats, then items.
func (d *Dictionary) Compare(a, b CellKey) int {
	rank := d.ranks()
	place := func(k CellKey) int { return rank[k.Event+"."+k.Form] }
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Repeat, b.Repeat), cmp.Compare(rank[a.Event+"."+a.Form+"."+a.Item], rank[b.Event+"."+b.Form+"."+b.Item]))
}

const maxKey = 512

func bad(s string) bool {
	if len(s) > maxKey {
		return true
	}
	if printable(s) {
		return false
	}
	it := Item{Type: Text}
	return s != "" && it.checkText(s) != nil
}
