package mapping

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// offer copies the candidates for the trace, because choosing reorders them.
func (r *run) offer(all []taken) {
	if r.at != nil {
		r.at.offered = slices.Clone(all)
	}
}

// traceChoice notes the candidates in the order of the choice, the chosen one first.
func (r *run) traceChoice(rule *rule, chosen taken, ambiguous bool) {
	if r.at == nil {
		return
	}
	all := r.at.offered
	slices.SortStableFunc(all, r.inOrder(rule, chosen, ambiguous))
	for _, t := range all {
		c := r.considered(rule, t)
		if c.Chosen = !ambiguous && t.res == chosen.res; c.Chosen {
			r.at.Source = c.Source
		}
		r.at.Candidates = append(r.at.Candidates, c)
	}
	r.at.ChosenBy = r.reasonOf(rule, all, ambiguous)
}

func (r *run) considered(rule *rule, t taken) Considered {
	c := Considered{Resource: t.res.Key().String(), Source: t.res.Origin.Alias, Date: t.dateText(), Value: valueTexts(t.values), Note: r.remark(rule, t)}
	if event := rule.countsFrom(); event != "" {
		c.Days = r.signed(event, t.candidate)
	}
	return c
}

// traceCombined notes the candidates of a rule that makes one value of all of them, and how each becomes a part of it.
func (r *run) traceCombined(rule *rule) {
	if r.at == nil {
		return
	}
	all := r.at.offered
	slices.SortStableFunc(all, r.before(choice{kind: chooseFirst}))
	for _, t := range all {
		r.at.Candidates = append(r.at.Candidates, r.considered(rule, t))
		if rule.choose.kind == chooseList {
			r.traceValues(rule, t.values)
			continue
		}
		for _, v := range t.values {
			r.at.inUnit(rule.number, v)
		}
	}
	r.at.ChosenBy = fmt.Sprintf("%s: of all %d with a value", rule.choose.kind, len(rule.valued(all)))
}

// untied takes the choice back: a candidate that it cannot tell from the chosen one gives another value.
func (s *Steps) untied() {
	if s == nil {
		return
	}
	s.Changes = nil
	for i := range s.Candidates {
		s.Candidates[i].Chosen = false
	}
	s.ChosenBy = "nothing: " + s.Says.Choose + ", and candidates that tie differ"
}

// inOrder puts the chosen candidate first, those without a value last, and follows the choice in between.
func (r *run) inOrder(rule *rule, chosen taken, ambiguous bool) func(a, b taken) int {
	byChoice := r.before(rule.choose)
	return func(a, b taken) int {
		return cmp.Or(
			number(!ambiguous && b.res == chosen.res)-number(!ambiguous && a.res == chosen.res),
			number(rule.has(b))-number(rule.has(a)),
			rule.byMeasure(a, b),
			byChoice(a, b),
		)
	}
}

// byMeasure orders by value under min and max; those that do not compare come last.
func (rule *rule) byMeasure(a, b taken) int {
	if !rule.extremes() {
		return 0
	}
	x, okX := rule.measure(a)
	y, okY := rule.measure(b)
	if !okX || !okY {
		return number(okY) - number(okX)
	}
	if rule.choose.kind == chooseMax {
		x, y = y, x
	}
	return x.compare(y)
}

func (rule *rule) extremes() bool {
	return rule.choose.kind == chooseMin || rule.choose.kind == chooseMax
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// countsFrom is the event from which a reader counts the days of candidates.
func (rule *rule) countsFrom() string {
	if names := rule.eventNames(); len(names) > 0 {
		return names[0]
	}
	return ""
}

func (r *run) remark(rule *rule, t taken) string {
	if !rule.has(t) {
		return "nothing at value"
	}
	if _, ok := rule.measure(t); rule.extremes() && !ok {
		return "does not compare"
	}
	return ""
}

// reasonOf says what made the first candidate the chosen one.
func (r *run) reasonOf(rule *rule, all []taken, ambiguous bool) string {
	switch {
	case ambiguous:
		return "nothing: the rule has no choose"
	case rule.selector.types == nil:
		return "the resource of this instance"
	case len(all) == 1:
		return "the only one that counts"
	case rule.has(all[0]) && !rule.has(all[1]):
		return "the only one with a value"
	}
	return r.at.Says.Choose + r.tie(rule, all[0], all[1])
}

// tie says which further rule decided between two candidates, "" when none was needed.
func (r *run) tie(rule *rule, a, b taken) string {
	if rule.extremes() {
		if x, ok := rule.measure(a); ok {
			if y, ok := rule.measure(b); !ok || x.compare(y) != 0 {
				return ""
			}
			if r.sameMoment(a, b) {
				return "; of equal values on the same instant the smaller text"
			}
			return "; of equal values the " + map[bool]string{false: "first", true: "last"}[rule.choose.ties == tiesLater]
		}
	}
	switch {
	case r.sameMoment(a, b):
		return "; on the same instant the smaller text"
	case rule.choose.kind == chooseNearest && a.dated && b.dated && r.distance(rule.choose, a) == r.distance(rule.choose, b):
		if rule.choose.ties == tiesLater {
			return "; of equal distance the later"
		}
		return "; of equal distance the earlier"
	}
	return ""
}

func (r *run) sameMoment(a, b taken) bool {
	return a.dated == b.dated && compareDates(a.date, b.date) == 0
}

// valueTexts writes what a rule took as a person would.
func valueTexts(values []fhirpath.Value) string {
	var b []byte
	for i, v := range values {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, valueText(v)...)
	}
	return string(b)
}

func valueText(v fhirpath.Value) string {
	if m, err := readValue(v); err == nil {
		return m.String()
	}
	n := v.Node()
	if n.Kind() != fhir.Object {
		return v.Text()
	}
	if all := codings(v); len(all) > 0 {
		text := all[0].code
		for _, c := range all[1:] {
			text += " " + c.code
		}
		return text
	}
	if d, ok := dateValue(v); ok {
		return d.String()
	}
	return tieText(v)
}

// String writes comparator, number and unit.
func (m measured) String() string {
	text := m.comparator + m.value.Text('f')
	if m.unit != "" {
		text += " " + m.unit
	}
	return text
}
