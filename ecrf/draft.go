package ecrf

import "cmp"

// Draft is a study's forms as another system describes them: names, types and bounds as that system spells them. A
// reader of a foreign format fills it; Dictionary makes a valid dictionary of it and says what did not fit.
type Draft struct {
	Title     string // what the source calls the study; may be empty
	Version   string // of the source's definitions; may be empty
	Events    []DraftEvent
	Forms     []DraftForm
	CodeLists []DraftCodeList
	Remarks   []Remark // what the reader itself could not take over
}

// DraftEvent is an event of the source with the names of its forms.
type DraftEvent struct {
	Name, Want, Label string
	Repeating         bool // the whole event occurs any number of times
	Forms             []string
}

// DraftForm is a form of the source. Groups are parts of it that repeat by themselves.
type DraftForm struct {
	Name, Want, Label string
	Repeating         bool
	Items             []DraftItem
	Groups            []DraftForm
}

// DraftItem is an item of the source. Name is its identity there; Want, when it is not empty, is the name that it
// should have here. Min and Max are in canonical spelling or close to it.
type DraftItem struct {
	Name, Want, Label string
	Type              Type
	Unit              string
	Decimals          int
	Min, Max          string
	Length            int
	CodeList          string // name of a DraftCodeList
	Required          bool
	Skip              string // why the dictionary cannot have the item; "" takes it over
	Note              string // a comment on the item in the dictionary file
}

// DraftCodeList is a code list of the source. One that belongs to a single item (Inline) is shared with other inline
// lists of the same codes and labels.
type DraftCodeList struct {
	Name, Want string
	Inline     bool
	Codes      []Code
}

// wanted is the name that a part of the source should have.
func wanted(name, want string) string { return cmp.Or(want, name) }

// Count returns the number of forms, item definitions and code lists that the reader found, with those that no
// dictionary can hold. A repeating group counts as a form.
func (d *Draft) Count() (forms, items, codeLists int) {
	var count func([]DraftForm)
	count = func(all []DraftForm) {
		for i := range all {
			forms++
			items += len(all[i].Items)
			count(all[i].Groups)
		}
	}
	count(d.Forms)
	return forms, items, len(d.CodeLists)
}

// Remark kinds.
const (
	LeftOut RemarkKind = "left out" // the dictionary does not have it
	Changed RemarkKind = "changed"  // the dictionary has it in another way
	Assumed RemarkKind = "assumed"  // the source does not say it; a person must confirm it
	Look    RemarkKind = "look at"  // taken over, and worth a look
)

// RemarkKind says what became of a part of the source.
type RemarkKind string

// Remark says what of the source is not in the dictionary as it was, and why. Where names the form, item, event or code
// list by its name in the source; it is empty when the remark is about the whole.
type Remark struct {
	Kind  RemarkKind
	Where string
	What  string
}

// maxWhere is the greatest number of bytes of a place in a remark.
const maxWhere = 200

// Remark adds a remark of the reader.
func (d *Draft) Remark(kind RemarkKind, where, what string) {
	d.Remarks = append(d.Remarks, Remark{kind, clip(where, maxWhere), clip(what, maxLabel)})
}
