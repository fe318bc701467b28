package ecrf

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"
)

// Dictionary is a study's forms. It is read by ParseDictionary and not changed afterwards; it is safe for
// concurrent use.
type Dictionary struct {
	Study     string
	Version   string
	Events    []Event
	CodeLists []CodeList
	Forms     []Form

	forms     map[string]*Form
	items     map[string]*Item
	codeLists map[string]*CodeList
	slots     map[[2]string]bool // event, form

	rankOnce sync.Once
	rank     map[string]int
}

// Event is a visit or phase of the study in which some forms are filled.
type Event struct {
	Name, Label string
	Forms       []string // names, in the order they are shown
}

// CodeList is a closed list of codes, in the order they are shown.
type CodeList struct {
	Name  string
	Codes []Code
}

// Code is a stored code and the label that people read.
type Code struct{ Value, Label string }

// Form is one page of the case report form. A repeating form has any number of instances per event.
type Form struct {
	Name, Label string
	Repeating   bool
	Items       []Item
}

// Place is a position in the dictionary file, for findings of others about it. Line and Col count from 1.
type Place struct{ Line, Col int }

// Form returns the form of that name, or nil.
func (d *Dictionary) Form(name string) *Form { return d.forms[name] }

// Item returns the item of that name, or nil. Item names are unique over all forms.
func (d *Dictionary) Item(name string) *Item { return d.items[name] }

// CodeList returns the code list of that name, or nil.
func (d *Dictionary) CodeList(name string) *CodeList { return d.codeLists[name] }

// Has reports whether the form is filled in the event.
func (d *Dictionary) Has(event, form string) bool { return d.slots[[2]string{event, form}] }

// EventsOf returns the names of the events in which the form is filled, in order.
func (d *Dictionary) EventsOf(form string) []string {
	var names []string
	for _, e := range d.Events {
		if slices.Contains(e.Forms, form) {
			names = append(names, e.Name)
		}
	}
	return names
}

// FormNames returns the names of all forms, in order.
func (d *Dictionary) FormNames() []string {
	names := make([]string, len(d.Forms))
	for i := range d.Forms {
		names[i] = d.Forms[i].Name
	}
	return names
}

// place returns the position of the form's item of that name, -1 when there is none.
func (f *Form) place(name string) int {
	for i := range f.Items {
		if f.Items[i].Name == name {
			return i
		}
	}
	return -1
}

// Item returns the form's item of that name, or nil.
func (f *Form) Item(name string) *Item {
	if i := f.place(name); i >= 0 {
		return &f.Items[i]
	}
	return nil
}

// ItemNames returns the names of the form's items, in order.
func (f *Form) ItemNames() []string {
	names := make([]string, len(f.Items))
	for i := range f.Items {
		names[i] = f.Items[i].Name
	}
	return names
}

// Label returns the label of a code; ok is false when the list does not have the code.
func (c *CodeList) Label(code string) (label string, ok bool) {
	for _, x := range c.Codes {
		if x.Value == code {
			return x.Label, true
		}
	}
	return "", false
}

// Values returns the codes, in order.
func (c *CodeList) Values() []string {
	values := make([]string, len(c.Codes))
	for i, x := range c.Codes {
		values[i] = x.Value
	}
	return values
}

// Hash is the SHA-256 of the dictionary's content in hex. Comments and layout of its file do not change it.
func (d *Dictionary) Hash() string {
	text, err := json.Marshal(d)
	if err != nil {
		return "" // cannot happen: strings, numbers and lists of them only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (d *Dictionary) index() {
	d.forms, d.items = map[string]*Form{}, map[string]*Item{}
	d.codeLists, d.slots = map[string]*CodeList{}, map[[2]string]bool{}
	for i := range d.CodeLists {
		d.codeLists[d.CodeLists[i].Name] = &d.CodeLists[i]
	}
	for i := range d.Forms {
		f := &d.Forms[i]
		d.forms[f.Name] = f
		for j := range f.Items {
			it := &f.Items[j]
			it.list = d.codeLists[it.CodeList]
			d.items[it.Name] = it
		}
	}
	for _, e := range d.Events {
		for _, f := range e.Forms {
			d.slots[[2]string{e.Name, f}] = true
		}
	}
}
