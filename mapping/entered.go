package mapping

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/yamldoc"
)

// entered is a date that a person enters in the target.
type entered struct {
	cell ecrf.CellKey
	item *ecrf.Item
}

func (e *entered) name() string { return e.cell.Form + "@" + e.cell.Event + "." + e.cell.Item }

// EnteredIn says whether the study names a target that can be read. An event by a date that a person entered is a
// finding where it names none.
func EnteredIn(readable bool) Option {
	return func(c *compiler) { c.readable = &readable }
}

// enteredRule compiles a rule of an event that is the date in an item of the target, written as form.item or, for a form
// that is filled in several events, form@event.item.
func (c *compiler) enteredRule(s ruleSpec) *rule {
	v := s.entered
	s.onlyEntered()
	c.enteredAllowed(v)
	r := &rule{id: s.name, at: s.place()}
	cell, item := c.dictionary.EnteredCell(v)
	if item == nil {
		return r
	}
	name := cell.Form + "." + cell.Item
	c.entered = append(c.entered, name)
	r.entered = &entered{item: item, cell: cell}
	if t := r.entered.item.Type; t != ecrf.Date && t != ecrf.DateTime {
		v.Errorf("name an item of type date or datetime", "item %s is of type %s: it holds no day", v.Text(), t)
	}
	if slices.ContainsFunc(c.file.forms, func(x formSpec) bool { return x.name == cell.Form && x.fills(cell.Item) }) {
		v.Errorf("remove the rule: what the mapping writes nobody enters", "a rule fills item %s", name)
	}
	return r
}

// enteredAllowed reports what stands against dates that people enter, whatever the item is.
func (c *compiler) enteredAllowed(v yamldoc.Value) {
	if c.shifted {
		v.Errorf("use dates: none, or an event by a resource", "the study moves every subject's days, but not the dates that people enter")
	}
	if c.readable != nil && !*c.readable {
		v.Errorf("name a file with what people entered: entered: {file: FILE.csv} in the study file", "the study names no target that could be read")
	}
}

// onlyEntered reports the parts of a rule that have no effect beside entered.
func (s ruleSpec) onlyEntered() {
	for _, v := range []yamldoc.Value{s.resource, s.where, s.value, s.date, s.choose, s.ties, s.include} {
		if v.Exists() {
			v.Errorf("leave it out", "%s has no effect here: a person enters the date", v.Key())
		}
	}
}

// Entered returns the cells of the target that the mapping's events read, each once, in the order of the events. Fill and
// Events want their content in Input.Entered.
func (m *Mapping) Entered() []ecrf.CellKey {
	var all []ecrf.CellKey
	for i := range m.events {
		for _, r := range m.events[i].rules {
			if r.entered != nil && !slices.Contains(all, r.entered.cell) {
				all = append(all, r.entered.cell)
			}
		}
	}
	return all
}

// entered is the day that a person entered, or why there is none.
func (r *run) entered(rule *rule) outcome {
	text := r.in.Entered[rule.entered.cell]
	if text == "" {
		return missing(ecrf.NoValue)
	}
	if rule.entered.item.Type == ecrf.DateTime { // targets write a blank for the T, and may leave the seconds out
		text = strings.Replace(text, " ", "T", 1)
		if len(text) == len("2006-01-02T15:04") {
			text += ":00"
		}
	}
	o := canonical(rule.entered.item, text)
	if o.missing != "" {
		return o
	}
	day, err := fhir.ParseDay(o.value[:min(len(o.value), len("2006-01-02"))])
	if err != nil {
		return missing(ecrf.Unconvertible)
	}
	return outcome{value: day.String()}
}

// becauseEntered is the sentence that explains an event by a date that a person entered.
func (s *Steps) becauseEntered() string {
	switch s.Missing {
	case "":
		return "A person entered it in the target: " + s.Says.Entered + "."
	case ecrf.NoValue:
		return "Nobody entered it in the target: " + s.Says.Entered + " is empty, or could not be found there."
	case ecrf.OutOfRange:
		return "What stands in the target at " + s.Says.Entered + " is outside of what the item allows."
	}
	return "What stands in the target at " + s.Says.Entered + " is no date."
}
