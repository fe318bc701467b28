package ecrf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Comments stand behind the parts of a dictionary file, by name. They hold no line breaks.
type Comments struct {
	Head                            []string
	Events, CodeLists, Forms, Items map[string]string

	Sources Names
}

// Names give the names in another system by the names here.
type Names struct{ Events, Forms, Items map[string]string }

// NewNames returns names that may be added to.
func NewNames() Names {
	return Names{Events: map[string]string{}, Forms: map[string]string{}, Items: map[string]string{}}
}

// Dictionary makes a valid dictionary of the draft. The same draft gives the same dictionary. Names are made valid and
// unique, with the source's name in a comment; what cannot be stated is left out and reported. It fails only when the
// study's name is no such name, or when no item is left.
func (d *Draft) Dictionary(study string) (*Dictionary, Comments, Report, error) {
	if !IsStudyName(study) {
		return nil, Comments{}, nil, fmt.Errorf("%q cannot name a study: use lower-case letters, digits and hyphens, and begin with a letter", study)
	}
	b := &drafter{
		draft: d, out: &Dictionary{Study: study, Version: "1.0"}, report: slices.Clone(Report(d.Remarks)),
		comments: Comments{Events: map[string]string{}, CodeLists: map[string]string{}, Forms: map[string]string{}, Items: map[string]string{}, Sources: NewNames()},
		lists:    map[string]string{}, codes: map[string]*CodeList{}, forms: map[string][]string{},
		formNames: newNamer("form", reservedForm), itemNames: newNamer("field", reservedItem),
	}
	if v, _ := plainText(d.Version); v != "" {
		b.out.Version = v
	}
	b.codeLists()
	for i := range d.Forms {
		b.form(&d.Forms[i], "")
	}
	if len(b.out.Forms) == 0 {
		return nil, Comments{}, b.report, fmt.Errorf("nothing to import: the source defines no item that a dictionary can hold")
	}
	b.repeats()
	b.events()
	b.unusedLists()
	b.out.index()
	return b.out, b.comments, b.report, nil
}

// drafter makes one dictionary.
type drafter struct {
	draft                *Draft
	out                  *Dictionary
	comments             Comments
	report               Report
	lists                map[string]string    // code list of the source: name here
	codes                map[string]*CodeList // by name here
	forms                map[string][]string  // form of the source: it and its repeating groups here
	formNames, itemNames *namer
}

func (b *drafter) remark(kind RemarkKind, where, format string, args ...any) {
	b.report = append(b.report, Remark{kind, clip(where, maxWhere), clip(fmt.Sprintf(format, args...), maxLabel)})
}

// source returns the comment that keeps the name of the source, and remarks that it was changed.
func (b *drafter) source(noun, name, is string) string {
	if name == is || name == "" {
		return ""
	}
	shown, _ := plainText(name)
	b.remark(Changed, shown+" → "+is, "the %s has another name", noun)
	return "source: " + shown
}

func (b *drafter) label(noun, name, label string) string {
	text, hadMarkup := plainText(label)
	if len(label) > maxLabel {
		b.remark(Changed, name, "the label of the %s is longer than %d characters and was cut", noun, maxLabel)
	}
	if hadMarkup {
		b.remark(Changed, name, "the label of the %s was formatted; its plain text is kept", noun)
	}
	return text
}

func (b *drafter) form(f *DraftForm, owner string) []string {
	wish := wanted(f.Name, f.Want)
	var items []Item
	name := ""
	for i := range f.Items {
		if skip := f.Items[i].Skip; skip != "" {
			b.remark(LeftOut, f.Items[i].Name, "%s", skip)
			continue
		}
		if name == "" {
			name = b.formNames.name(wish, owner)
		}
		items = append(items, b.item(&f.Items[i], name))
	}
	var made []string
	repeating := f.Repeating
	if name != "" {
		made = append(made, name)
		b.comments.Forms[name] = b.source("form", f.Name, name)
		b.comments.Sources.Forms[name] = f.Name
		b.out.Forms = append(b.out.Forms, Form{Name: name, Label: cmp.Or(b.label("form", f.Name, f.Label), name), Repeating: repeating, Items: items})
	}
	made = append(made, b.groups(f, wish, name != "")...)
	if len(made) == 0 {
		b.remark(LeftOut, f.Name, "the form has no item that crflink could fill")
	}
	b.forms[f.Name] = append(b.forms[f.Name], made...)
	return made
}

// groups makes a form of each repeating group. A form that is nothing but one repeating group becomes a repeating form.
func (b *drafter) groups(f *DraftForm, wish string, hasItems bool) []string {
	var made []string
	for i := range f.Groups {
		g := f.Groups[i]
		if !hasItems && len(f.Groups) == 1 {
			g.Name, g.Want, g.Label = f.Name, wish, cmp.Or(f.Label, g.Label)
			b.remark(Changed, f.Name, "the form holds nothing but a repeating group; it became a repeating form")
		} else {
			b.remark(Changed, g.Name, "the repeating group became a repeating form of its own")
		}
		made = append(made, b.form(&g, wish)...)
	}
	return made
}

// repeats lets the forms of repeating events repeat, because a dictionary's events do not.
func (b *drafter) repeats() {
	single := map[string]bool{}
	for _, e := range b.draft.Events {
		for _, f := range e.Forms {
			single[f] = single[f] || !e.Repeating
		}
	}
	for _, e := range b.draft.Events {
		if !e.Repeating {
			continue
		}
		for _, f := range e.Forms {
			if single[f] {
				b.remark(LeftOut, e.Name+" "+f, "the event repeats, which a dictionary cannot say; the form is also in an event that does not, and stays single")
				continue
			}
			b.remark(Changed, e.Name+" "+f, "the event repeats, which a dictionary cannot say; its form repeats instead")
			for _, name := range b.forms[f] {
				b.formNamed(name).Repeating = true
			}
		}
	}
}

func (b *drafter) formNamed(name string) *Form {
	i := slices.IndexFunc(b.out.Forms, func(f Form) bool { return f.Name == name })
	return &b.out.Forms[i]
}

func (b *drafter) events() {
	names := newNamer("event", nothingReserved)
	for i := range b.draft.Events {
		e := &b.draft.Events[i]
		event := Event{}
		for _, f := range e.Forms {
			for _, name := range b.forms[f] {
				if !slices.Contains(event.Forms, name) {
					event.Forms = append(event.Forms, name)
				}
			}
		}
		if len(event.Forms) == 0 {
			b.remark(LeftOut, e.Name, "the event has no form that crflink could fill")
			continue
		}
		event.Name = names.name(wanted(e.Name, e.Want), "")
		event.Label = cmp.Or(b.label("event", e.Name, e.Label), event.Name)
		b.comments.Events[event.Name] = b.source("event", e.Name, event.Name)
		b.comments.Sources.Events[event.Name] = e.Name
		b.out.Events = append(b.out.Events, event)
	}
	if len(b.out.Events) == 0 {
		b.out.Events = []Event{{Name: "study", Label: "Study", Forms: b.out.FormNames()}}
		b.remark(Assumed, "", "the source has no events; all forms stand in one")
		return
	}
	for _, f := range b.out.Forms {
		if !slices.ContainsFunc(b.out.Events, func(e Event) bool { return slices.Contains(e.Forms, f.Name) }) {
			b.remark(Look, f.Name, "the source has the form in no event, so it is never filled until you name it in one")
		}
	}
}

func (b *drafter) codeLists() {
	names := newNamer("list", nothingReserved)
	shared := map[string]string{}
	for i := range b.draft.CodeLists {
		l := &b.draft.CodeLists[i]
		codes := b.validCodes(l)
		if len(codes) == 0 {
			b.remark(LeftOut, l.Name, "the code list has no code that a dictionary can hold")
			continue
		}
		content := fmt.Sprintf("%q", codes)
		if name, ok := shared[content]; ok && l.Inline {
			b.lists[l.Name] = name
			continue
		}
		name := names.name(wanted(l.Name, l.Want), "")
		if l.Inline {
			shared[content] = name
		} else {
			b.comments.CodeLists[name] = b.source("code list", l.Name, name)
		}
		b.lists[l.Name] = name
		b.out.CodeLists = append(b.out.CodeLists, CodeList{Name: name, Codes: codes})
	}
	for i := range b.out.CodeLists {
		b.codes[b.out.CodeLists[i].Name] = &b.out.CodeLists[i]
	}
}

func (b *drafter) validCodes(l *DraftCodeList) []Code {
	var codes []Code
	seen := map[string]bool{}
	for _, c := range l.Codes {
		value := strings.TrimSpace(c.Value)
		label := b.label("code", l.Name+" "+value, c.Label)
		switch why := badCode(value); {
		case why != "" || strings.ToValidUTF8(value, "") != value:
			b.remark(LeftOut, l.Name, "a code %s", cmp.Or(why, "is not valid UTF-8"))
		case seen[value]:
			b.remark(LeftOut, l.Name+" "+value, "the code is in its list twice; the first stays")
		default:
			seen[value] = true
			codes = append(codes, Code{Value: value, Label: cmp.Or(label, value)})
		}
	}
	return codes
}

func (b *drafter) unusedLists() {
	used := map[string]bool{}
	for _, f := range b.out.Forms {
		for _, it := range f.Items {
			used[it.CodeList] = true
		}
	}
	b.out.CodeLists = slices.DeleteFunc(b.out.CodeLists, func(l CodeList) bool {
		if !used[l.Name] {
			b.remark(LeftOut, l.Name, "no item that is taken over uses the code list")
		}
		return !used[l.Name]
	})
	if len(b.out.CodeLists) == 0 {
		b.out.CodeLists = nil // as ParseDictionary has it
	}
}
