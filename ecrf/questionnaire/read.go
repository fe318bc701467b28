package questionnaire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Bounds of what is read.
const (
	maxBytes = 64 << 20
	maxItems = 100_000
)

// Read reads a Questionnaire in JSON. It fails when the text is no Questionnaire.
func Read(r io.Reader) (*ecrf.Draft, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the questionnaire: %w", err)
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("the questionnaire is larger than %d MiB", maxBytes>>20)
	}
	var q resource
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\uFEFF")), &q); err != nil {
		return nil, fmt.Errorf("the file is not readable as a Questionnaire in JSON: %w", err)
	}
	if q.ResourceType != "Questionnaire" {
		return nil, fmt.Errorf("the file holds a resource of type %q, not a Questionnaire", q.ResourceType)
	}
	x := &reader{draft: &ecrf.Draft{Title: cmp.Or(q.Title, q.Name, q.ID), Version: q.Version}, resource: &q, lists: map[string]bool{}, links: map[string]bool{}, sets: map[string][]ecrf.Code{}}
	x.forms()
	if x.items > maxItems {
		return nil, fmt.Errorf("the questionnaire has more than %d items", maxItems)
	}
	return x.draft, nil
}

// reader fills one draft.
type reader struct {
	draft    *ecrf.Draft
	resource *resource
	lists    map[string]bool        // code lists in the draft
	links    map[string]bool        // linkIds that were there
	sets     map[string][]ecrf.Code // by URL
	items    int
}

func (x *reader) forms() {
	q := x.resource
	name := cmp.Or(q.Name, q.Title, q.ID, "questionnaire")
	loose := ecrf.DraftForm{Name: name, Label: cmp.Or(q.Title, q.Name, name)}
	for i := range q.Item {
		it := &q.Item[i]
		if it.Type != "group" {
			x.item(&loose, it)
			continue
		}
		f := ecrf.DraftForm{Name: it.LinkID, Want: linkName("form", it.LinkID), Label: it.label(), Repeating: it.Repeats}
		x.logic(it)
		x.members(&f, it.Item)
		x.draft.Forms = append(x.draft.Forms, f)
	}
	if len(loose.Items)+len(loose.Groups) > 0 {
		x.draft.Forms = append([]ecrf.DraftForm{loose}, x.draft.Forms...)
	}
}

// linkName is the name that a linkId should give: one of digits only gets the noun before it.
func linkName(noun, linkID string) string {
	if linkID != "" && linkID[0] >= '0' && linkID[0] <= '9' {
		return noun + "_" + linkID
	}
	return strings.TrimPrefix(linkID, "/")
}

func (i *item) label() string {
	return strings.TrimSpace(cmp.Or(strings.TrimSpace(i.Prefix+" "+i.Text), i.LinkID))
}

func (x *reader) members(f *ecrf.DraftForm, items []item) {
	for i := range items {
		x.item(f, &items[i])
	}
}

// item takes over one item with those below it.
func (x *reader) item(f *ecrf.DraftForm, it *item) {
	if x.items++; x.items > maxItems {
		return
	}
	if it.LinkID == "" || x.links[it.LinkID] {
		x.draft.Remark(ecrf.Look, it.LinkID, "a linkId that is empty or there twice; the questionnaire is not valid")
	}
	x.links[it.LinkID] = true
	x.logic(it)
	switch {
	case it.Type == "group" && it.Repeats:
		g := ecrf.DraftForm{Name: it.LinkID, Want: linkName("form", it.LinkID), Label: it.label(), Repeating: true}
		x.members(&g, it.Item)
		f.Groups = append(f.Groups, g)
		return
	case it.Type == "group":
	case it.Type == "display":
		x.draft.Remark(ecrf.LeftOut, it.LinkID, "a text for the reader, which holds no value")
	case it.Repeats && it.isChoice() && len(x.codes(it)) > 0:
		f.Items = append(f.Items, x.options(it)...)
	case it.Repeats:
		g := ecrf.DraftForm{Name: it.LinkID + " (answers)", Want: linkName("form", it.LinkID), Label: it.label(), Repeating: true, Items: []ecrf.DraftItem{x.question(it)}}
		x.draft.Remark(ecrf.Changed, it.LinkID, "a question with any number of answers became a repeating form of one item")
		f.Groups = append(f.Groups, g)
	default:
		f.Items = append(f.Items, x.question(it))
	}
	x.members(f, it.Item)
}

func (i *item) isChoice() bool { return i.Type == "choice" || i.Type == "open-choice" }

// logic remarks what a questionnaire does and a dictionary cannot say.
func (x *reader) logic(it *item) {
	if len(it.EnableWhen) > 0 {
		x.draft.Remark(ecrf.LeftOut, it.LinkID, "a condition under which the item is shown (enableWhen)")
	}
	if len(it.Initial) > 0 {
		x.draft.Remark(ecrf.LeftOut, it.LinkID, "an initial value")
	}
	for _, name := range []string{"sdc-questionnaire-calculatedExpression", "cqf-calculatedValue"} {
		if _, ok := it.extensionNamed(name); ok {
			x.draft.Remark(ecrf.Look, it.LinkID, "calculated by the questionnaire; leave it without a rule where the target system calculates it")
		}
	}
	if it.ReadOnly {
		x.draft.Remark(ecrf.Look, it.LinkID, "read-only in the questionnaire")
	}
}
