package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

func (c *compiler) form(s formSpec) (form, bool) {
	f := c.dictionary.Form(s.name)
	if f == nil {
		line, col := s.at.KeyPos()
		c.doc.Findings.Add(c.doc.File, line, col, finding.DidYouMean(s.name, c.dictionary.FormNames()), "the dictionary has no form %q", s.name)
		return form{}, false
	}
	out := form{name: s.name}
	if events := c.dictionary.EventsOf(s.name); len(events) == 1 {
		out.event = events[0]
	} else {
		c.atKey(s.at, "", "the form is filled in %d events of the dictionary; a mapping fills a form in exactly one", len(events))
	}
	if f.Repeating != (s.repeat != nil) {
		c.atKey(s.at, "a repeating form has a repeat rule, a single form has none", "form %q and its rules disagree on whether it repeats", s.name)
		return form{}, false
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
	return out, true
}

// atKey adds a finding at the name of a form or item.
func (c *compiler) atKey(v yamldoc.Value, hint, format string, args ...any) {
	line, col := v.KeyPos()
	c.doc.Findings.Add(c.doc.File, line, col, hint, format, args...)
}

func (c *compiler) repeat(s ruleSpec) *repeat {
	r := &repeat{selector: c.selector(s), id: s.name}
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
		if k == chooseNearest {
			v.Errorf("write choose: {nearest: EVENT}", "nearest needs an event")
		}
		return choice{kind: k, order: byEarliest}
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

// unfilled warns of items that no rule fills.
func (c *compiler) unfilled() {
	for _, f := range c.dictionary.Forms {
		var empty []string
		for _, item := range f.Items {
			if !slices.ContainsFunc(c.file.forms, func(x formSpec) bool { return x.name == f.Name && x.fills(item.Name) }) {
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
