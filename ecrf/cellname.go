package ecrf

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// EnteredCell returns the cell that a configuration names by form.item, or form@event.item where the form is filled in several
// events, and its item. A form that repeats has no one such cell. What is wrong becomes a finding at v; item is nil when the
// dictionary does not have it.
func (d *Dictionary) EnteredCell(v yamldoc.Value) (cell CellKey, item *Item) {
	formName, itemName, ok := strings.Cut(v.Text(), ".")
	formName, event, _ := strings.Cut(formName, "@")
	f := d.Form(formName)
	switch {
	case !ok:
		v.Errorf("write FORM.ITEM", "%s names no item of a form", v.Key())
		return cell, nil
	case f == nil:
		v.Errorf(finding.DidYouMean(formName, d.FormNames()), "the dictionary has no form %q", formName)
		return cell, nil
	case f.Item(itemName) == nil:
		v.Errorf(finding.DidYouMean(itemName, f.ItemNames()), "form %q has no item %q", formName, itemName)
		return cell, nil
	}
	return CellKey{Event: d.enteredEvent(v, f, event), Form: formName, Item: itemName}, f.Item(itemName)
}

func (d *Dictionary) enteredEvent(v yamldoc.Value, f *Form, event string) string {
	events := d.EventsOf(f.Name)
	switch {
	case f.Repeating:
		v.Errorf("name an item of a form that does not repeat", "form %s repeats, so that no one value is entered", f.Name)
	case event == "" && len(events) == 1:
		return events[0]
	case event == "":
		v.Errorf("write "+f.Name+"@EVENT.ITEM; its events are "+strings.Join(events, ", "), "form %s is filled in %d events", f.Name, len(events))
	case !slices.Contains(events, event):
		v.Errorf(finding.DidYouMean(event, events), "form %s is not filled in event %q", f.Name, event)
	}
	return event
}
