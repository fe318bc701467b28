package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// form compiles a form: once for each of its visits, or for the one event in which it is filled.
func (c *compiler) form(s formSpec) []form {
	f := c.dictionary.Form(s.name)
	if f == nil {
		s.at.ErrorAtKey(finding.DidYouMean(s.name, c.dictionary.FormNames()), "the dictionary has no form %q", s.name)
		return nil
	}
	out := form{name: s.name}
	visits := c.visitsOf(s)
	switch events := c.dictionary.EventsOf(s.name); {
	case len(visits) > 0:
		c.unvisited(s, events, visits)
	case len(events) == 1:
		out.event = events[0]
	case !s.visits.Exists():
		c.atKey(s.at, "say with visits: [VISIT, VISIT] at which visits of the schedule it is filled",
			"the form is filled in %d events of the dictionary, and the mapping does not say when", len(events))
	}
	c.visiting = len(visits) > 0
	if f.Repeating != (s.repeat != nil) {
		c.atKey(s.at, "a repeating form has a repeat rule, a single form has none", "form %q and its rules disagree on whether it repeats", s.name)
		return nil
	}
	if s.repeat != nil {
		out.repeat = c.repeat(*s.repeat)
	}
	for _, i := range s.items {
		if r := c.rule(f, i, out.repeat); r != nil {
			out.rules = append(out.rules, r)
			if q := c.qualifier(f, s, i, r); q != nil {
				out.rules = append(out.rules, q)
			}
		}
	}
	c.order(s, out.rules)
	out.looksBack = slices.ContainsFunc(out.rules, func(r *rule) bool { return len(r.uses()) > 0 })
	if visits != nil {
		return out.atVisits(visits)
	}
	return []form{out}
}

// unvisited warns of events of the dictionary in which a form with visits is not filled.
func (c *compiler) unvisited(s formSpec, events []string, visits []*attendance) {
	var left []string
	for _, e := range events {
		if !slices.ContainsFunc(visits, func(a *attendance) bool { return a.fills == e }) {
			left = append(left, e)
		}
	}
	if len(left) > 0 {
		c.warn(s.visits, fmt.Sprintf("no visit fills form %s in %s: people enter it there", s.name, strings.Join(left, ", ")))
	}
}

// atKey adds a finding at the name of a form or item.
func (c *compiler) atKey(v yamldoc.Value, hint, format string, args ...any) {
	v.ErrorAtKey(hint, format, args...)
}

func (c *compiler) repeat(s ruleSpec) *repeat {
	r := &repeat{selector: c.selector(s), id: s.name, at: s.place()}
	if !s.key.Exists() {
		s.at.Errorf("say with key what names an instance for ever, for example id", "the repeat rule has no key")
	}
	if r.types != nil {
		r.key, r.order = c.expression(s.key, r.types), c.date(s.order, r.types)
	}
	return r
}

// choice reads choose and the rule for its ties.
func (c *compiler) choice(v, ties yamldoc.Value) choice {
	chosen := c.chooses(v)
	if ties.Exists() {
		chosen.ties = c.ties(ties, chosen.kind)
	}
	return chosen
}

func (c *compiler) chooses(v yamldoc.Value) choice {
	if !v.Exists() {
		return choice{kind: chooseOnly}
	}
	if !v.IsMapping() {
		k := choiceKind(v.OneOf(choiceKinds...))
		if k == chooseNearest && !c.visiting {
			v.Errorf("write choose: {nearest: EVENT}", "nearest needs an event")
		}
		return choice{kind: k, order: byEarliest, atVisit: k == chooseNearest}
	}
	parts := v.Fields("nearest", "list")
	if order, ok := parts["list"]; ok {
		if parts["nearest"].Exists() {
			order.Errorf("leave one of the two out", "the choice is both nearest and list")
		}
		return choice{kind: chooseList, order: listOrder(order.OneOf(listOrders...))}
	}
	nearest, ok := need(v, parts, "nearest", "write choose: {nearest: EVENT}")
	if !ok {
		return choice{kind: chooseNearest}
	}
	return choice{kind: chooseNearest, event: c.eventName(nearest)}
}

func (c *compiler) ties(v yamldoc.Value, kind choiceKind) ties {
	allowed := tieRules[kind]
	if allowed == nil {
		v.Errorf("leave it out", "ties has no effect here: %s knows no ties", kind)
		return ""
	}
	return ties(v.OneOf(allowed...))
}

// unfilled warns of items that no rule fills and that are not entered on purpose.
func (c *compiler) unfilled() {
	for _, f := range c.dictionary.Forms {
		var empty []string
		for _, item := range f.Items {
			if !slices.ContainsFunc(c.file.forms, func(x formSpec) bool { return x.name == f.Name && x.fills(item.Name) }) && !slices.Contains(c.entered, f.Name+"."+item.Name) {
				empty = append(empty, item.Name)
			}
		}
		if len(empty) > 0 {
			c.warn(c.doc.Root(), fmt.Sprintf("no rule fills %s of form %s: people enter them", strings.Join(empty, ", "), f.Name))
		}
	}
}

// unused warns of what the file declares and no rule uses.
func (c *compiler) unused() {
	for _, declared := range []struct {
		noun  string
		known []yamldoc.Value
	}{{"map", c.file.maps}, {"list", c.file.lists}, {"visit", c.file.visits}} {
		for _, v := range declared.known {
			if !c.used[declared.noun+" "+v.Key()] {
				c.warn(v, fmt.Sprintf("no rule uses the %s %s", declared.noun, v.Key()))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.file.expressions)) {
		if !c.used[name] {
			c.warn(c.file.expressions[name], fmt.Sprintf("no rule uses the expression %s", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.file.parameters)) {
		if !c.used["parameter "+name] {
			c.warnAtKey(c.file.parameters[name].at, fmt.Sprintf("no rule uses the parameter %s", name))
		}
	}
}

func (s formSpec) fills(item string) bool {
	return slices.ContainsFunc(s.items, func(r ruleSpec) bool { return r.name == item || r.qualifies() == item })
}
