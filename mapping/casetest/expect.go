package casetest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// expectation reads form.item, form[n].item, form@event.item or form with what it must hold.
func (l *loader) expectation(v yamldoc.Value) (expectation, bool) {
	e := expectation{at: v, path: v.Key()}
	if !l.place(&e) {
		return e, false
	}
	switch {
	case e.item == nil:
		return l.instances(e)
	case v.IsMapping():
		return l.described(e)
	}
	text := v.Text()
	value, err := e.item.Canonical(text)
	if err != nil {
		v.Errorf(possible(l.study.Dictionary, e.item), "%v", err)
		return e, false
	}
	e.value = value
	return e, text != ""
}

// place finds the form and the item that a path names.
func (l *loader) place(e *expectation) bool {
	formName, itemName, hasItem := strings.Cut(e.path, ".")
	formName, number, numbered := strings.Cut(formName, "[")
	formName, e.event, _ = strings.Cut(formName, "@")
	d := l.study.Dictionary
	if e.form = d.Form(formName); e.form == nil {
		l.atKey(e.at, finding.DidYouMean(formName, d.FormNames()), "the dictionary has no form %q", formName)
		return false
	}
	if !l.event(e, hasItem) {
		return false
	}
	if numbered {
		n, err := strconv.Atoi(strings.TrimSuffix(number, "]"))
		if err != nil || n < 1 || !strings.HasSuffix(number, "]") {
			l.atKey(e.at, formName+"[1] is the first", "an instance has a number from 1")
			return false
		}
		e.instance = n
	}
	if !hasItem {
		return true
	}
	if e.item = e.form.Item(itemName); e.item == nil {
		l.atKey(e.at, finding.DidYouMean(itemName, e.form.ItemNames()), "form %q has no item %q", formName, itemName)
		return false
	}
	switch {
	case e.form.Repeating && !numbered:
		l.atKey(e.at, "write "+formName+"[1]."+itemName, "form %q repeats: say which instance", formName)
		return false
	case !e.form.Repeating && numbered:
		l.atKey(e.at, "write "+formName+"."+itemName, "form %q does not repeat", formName)
		return false
	}
	return true
}

// event checks the event that a path names; an item of a form that is filled in several must name one.
func (l *loader) event(e *expectation, hasItem bool) bool {
	events := l.study.Mapping.EventsOf(e.form.Name)
	switch {
	case e.event != "" && !slices.Contains(events, e.event):
		l.atKey(e.at, finding.DidYouMean(e.event, events), "the mapping does not fill form %q in event %q", e.form.Name, e.event)
		return false
	case e.event == "" && hasItem && len(events) > 1:
		l.atKey(e.at, "write "+e.form.Name+"@EVENT; its events are "+strings.Join(events, ", "), "form %q is filled in %d events: say which", e.form.Name, len(events))
		return false
	}
	return true
}

func (l *loader) atKey(v yamldoc.Value, hint, format string, args ...any) {
	line, col := v.KeyPos()
	l.doc.Findings.Add(l.doc.File, line, col, hint, format, args...)
}

// instances reads {instances: n} of a form.
func (l *loader) instances(e expectation) (expectation, bool) {
	const hint = "write FORM.ITEM: value, or FORM: {instances: 2}"
	if !e.at.IsMapping() || e.instance != 0 {
		l.atKey(e.at, hint, "the expectation names a form and no item")
		return e, false
	}
	n, ok := e.at.Fields("instances")["instances"]
	if !ok {
		e.at.Errorf(hint, "instances is missing")
		return e, false
	}
	e.is, e.count = isCount, n.Int()
	return e, true
}

// described reads {missing: REASON} or {present: true}.
func (l *loader) described(e expectation) (expectation, bool) {
	f := e.at.Fields("missing", "present")
	missing, present := f["missing"], f["present"]
	switch {
	case missing.Exists() == present.Exists():
		e.at.Errorf("{missing: REASON} or {present: true}", "the expectation says nothing, or two things")
		return e, false
	case present.Exists():
		e.is = isPresent
		return e, present.OneOf("true") == "true"
	}
	e.is, e.missing = isMissing, ecrf.MissingReason(missing.Text())
	if !e.missing.Valid() {
		missing.Errorf(finding.DidYouMean(string(e.missing), reasons()), "unknown missing reason %q", string(e.missing))
		return e, false
	}
	return e, true
}

func reasons() []string {
	var all []string
	for _, r := range ecrf.MissingReasons() {
		all = append(all, string(r))
	}
	return all
}

// possible hints at what an item may hold.
func possible(d *ecrf.Dictionary, item *ecrf.Item) string {
	if list := d.CodeList(item.CodeList); list != nil {
		return "its codes are " + strings.Join(list.Values(), ", ")
	}
	return "the item is of type " + string(item.Type)
}
