package mapping

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
)

// follows notes which events the traced rule counts from.
func (t *Trace) follows(m *Mapping) {
	if t == nil {
		return
	}
	for i := range m.forms {
		f := &m.forms[i]
		for _, r := range f.rules {
			if r.id != t.Rule || !t.at(f.event) {
				continue
			}
			t.count(m, r)
			if f.repeat != nil && f.repeat.window != nil {
				t.event(m, f.repeat.window.event)
			}
		}
	}
}

// at reports whether a form that is filled in the event is traced.
func (t *Trace) at(event string) bool { return t.Event == "" || t.Event == event }

func (t *Trace) count(m *Mapping, r *rule) {
	names := append(r.eventNames(), r.derive.uses()...)
	if r.derive.age != nil {
		names = append(names, r.derive.age.at)
	}
	for _, name := range names {
		t.event(m, name)
	}
}

func (t *Trace) event(m *Mapping, name string) {
	i := slices.IndexFunc(m.events, func(e event) bool { return e.name == name })
	if i < 0 || slices.Contains(t.follow, name) {
		return
	}
	t.follow = append(t.follow, name)
	for _, r := range m.events[i].rules {
		t.count(m, r)
	}
}

// traceEvent, traceForm and traceRule begin the steps of a rule if it is traced: what follows is told to r.at. The
// first and last return what was told to before, because the items of a rule may ask for those of others.
func (r *run) traceEvent(e *event, rule *rule) (outer *Steps) {
	outer = r.at
	if t := r.in.Trace; t != nil && slices.Contains(t.follow, e.name) {
		r.at = stepsOf(e.name, rule, rule.variants, r.mapping)
	}
	return outer
}

func (r *run) traceForm(f *form) {
	t := r.in.Trace
	if t == nil || !t.at(f.event) || !slices.ContainsFunc(f.rules, func(rule *rule) bool { return rule.id == t.Rule }) {
		return
	}
	r.at = stepsOf(f.name, f.repeat, f.repeat.variants, r.mapping)
	t.Form = r.at
}

func (r *run) traceRule(rule *rule, c *keyed) (outer *Steps) {
	outer, r.at = r.at, nil
	if r.in.Trace == nil || r.in.Trace.Rule != rule.id || !r.in.Trace.at(r.event) {
		return outer
	}
	r.at = stepsOf(rule.id, rule, rule.variants, r.mapping)
	if c != nil {
		r.at.Instance, r.at.Date, r.at.Key, r.at.Order = c.res.Key().String(), c.dateText(), c.key, c.order
	}
	return outer
}

// traced ends the steps of a rule with its outcome and goes back to those within which it was asked for.
func (r *run) traced(rule *rule, o outcome, outer *Steps) {
	s := r.at
	r.at = outer
	if s == nil {
		return
	}
	s.Value, s.Missing = o.value, o.missing
	if k := rule.choose.kind; (k == chooseExists || k == chooseCount) && o.missing != ecrf.NoEvent {
		s.ChosenBy = fmt.Sprintf("%s: %d of %d resources count", k, s.counted(CountedFate), len(s.Resources))
	}
	switch {
	case rule.entered != nil:
		s.Because = s.becauseEntered()
	case o.missing != "":
		s.Because = s.because(rule)
	}
	if t := r.in.Trace; rule.id == t.Rule {
		t.cell(s)
	} else {
		t.Events = append(t.Events, *s)
	}
}

// cell keeps the steps to a cell. That of a form that does not repeat may have been asked for before its turn.
func (t *Trace) cell(s *Steps) {
	if i := slices.IndexFunc(t.Cells, func(c Steps) bool { return c.Key == s.Key }); i >= 0 {
		t.Cells[i] = *s
		return
	}
	t.Cells = append(t.Cells, *s)
}

// tracedEvent tells of the rules of an event which gave its day.
func (r *run) tracedEvent(e *event, day fhir.Day) {
	if r.in.Trace == nil {
		return
	}
	for i := range r.in.Trace.Events {
		if s := &r.in.Trace.Events[i]; s.Rule == e.name && s.Value != "" && s.Value != day.String() {
			s.Because = "Another rule of the event gives the earlier " + day.String() + "."
		}
	}
}

// saw notes the fate of a resource.
func (s *Steps) saw(res *fhir.Resource, fate Fate) {
	if s != nil {
		s.Resources = append(s.Resources, Seen{Resource: res.Key().String(), Source: res.Origin.Alias, Fate: fate})
	}
}

// tracedReissues is reissuedOnce that notes the results that were issued again.
func (r *run) tracedReissues(all []candidate) []candidate {
	kept := reissuedOnce(slices.Clone(all))
	counts := make(map[*fhir.Resource]bool, len(kept))
	for _, c := range kept {
		counts[c.res] = true
	}
	for _, c := range all {
		if !counts[c.res] {
			r.at.saw(c.res, Reissued)
		}
	}
	return kept
}

// traceAdmitted notes what status, certainty and window make of a resource.
func (r *run) traceAdmitted(sel *selector, c candidate, why ecrf.MissingReason) {
	if r.at == nil {
		return
	}
	if why == ecrf.Status || why == ecrf.Certainty {
		c.date, c.dated, _ = r.dateOf(sel.date, c.res) // for the reader only: the rule does not look at it
	}
	seen := Seen{Resource: c.res.Key().String(), Source: c.res.Origin.Alias, Fate: CountedFate, Date: c.dateText()}
	if sel.window != nil {
		seen.Days = r.signed(sel.window.event, c)
	}
	switch why {
	case ecrf.Status:
		seen.Fate, seen.Detail = StatusFate, statusText(c.res)
	case ecrf.Certainty:
		seen.Fate, seen.Detail = CertaintyFate, certaintyText(c.res)
	case ecrf.OutsideWindow:
		seen.Fate, seen.Detail = r.outside(sel.window, c)
	}
	r.at.Resources = append(r.at.Resources, seen)
}

// outside says in which way a resource lies outside of a window.
func (r *run) outside(w *window, c candidate) (Fate, string) {
	if !c.dated {
		return UndatedFate, ""
	}
	if o := r.another(w, c.date); o != nil && w.holds(r.days[w.event], c.date) {
		return OutsideFate, "counts for visit " + o.name
	}
	return OutsideFate, ""
}

func (c candidate) dateText() string {
	if !c.dated {
		return ""
	}
	return c.date.String()
}

// signed returns the days from the event to the candidate's date, nil when one of them is not known.
func (r *run) signed(event string, c candidate) *int {
	day, ok := r.days[event]
	if !ok || !c.dated {
		return nil
	}
	first, _ := writtenDays(c.date)
	days := int(first - day)
	return &days
}

// statusText and certaintyText are the codes for which a resource does not count.
func statusText(res *fhir.Resource) string {
	if s := res.Get("status").Text(); uncounted[s] {
		return s
	}
	return "entered-in-error"
}

func certaintyText(res *fhir.Resource) string {
	for c := range res.Path("code", "coding").Elements() {
		if s := c.Extension(certaintyExtension).Path("valueCoding", "code").Text(); s == "A" || s == "V" {
			return s
		}
	}
	return "refuted"
}

// traceInstances notes the resources for whose instance another one stands.
func (r *run) traceInstances(places []keyed, instances []ecrf.Instance) {
	t := r.in.Trace
	if t == nil || t.Form == nil || len(places) == len(instances) {
		return
	}
	seen := map[string]bool{}
	for _, k := range places {
		if seen[k.key] {
			name := k.res.Key().String()
			i := slices.IndexFunc(t.Form.Resources, func(s Seen) bool { return s.Resource == name })
			t.Form.Resources[i].Fate = AnotherInstance
		}
		seen[k.key] = true
	}
}

func (s *Steps) counted(fate Fate) int {
	n := 0
	for _, seen := range s.Resources {
		if seen.Fate == fate {
			n++
		}
	}
	return n
}

func (s *selector) says() Says {
	says := Says{Resource: s.types, Where: s.where.text(), Date: s.date.text()}
	if w := s.window; w != nil {
		says.Window = w.text()
	}
	return says
}

// spoken is a rule, or the repeat rule of a form.
type spoken interface{ says() Says }

// stepsOf begins the steps of a rule, with the variants of sources where these say something else.
func stepsOf[R spoken](name string, rule R, variants map[string]R, m *Mapping) *Steps {
	s := &Steps{Rule: name, Says: rule.says()}
	for _, o := range m.overlays {
		if own, ok := variants[o.alias]; ok && !reflect.DeepEqual(own.says(), s.Says) {
			s.Own = append(s.Own, OwnRule{o.alias, own.says()})
		}
	}
	return s
}

func (r *repeat) says() Says {
	says := r.selector.says()
	says.At = r.at
	return says
}

func (rule *rule) says() Says {
	if rule.entered != nil {
		return Says{At: rule.at, Entered: rule.entered.name()}
	}
	says := rule.selector.says()
	says.At = rule.at
	says.Value = rule.value.text()
	if says.Choose = string(rule.choose.kind); rule.choose.event != "" {
		says.Choose += " to " + rule.choose.to()
	}
	if rule.choose.kind == chooseOnly {
		says.Choose = ""
	}
	if rule.choose.ties != "" && rule.choose.ties != tiesEarlier {
		says.Choose += ", ties " + string(rule.choose.ties)
	}
	if rule.codes != nil {
		says.Map = rule.codes.name
	}
	return says
}

// to is the day that nearest means.
func (c choice) to() string {
	if c.atVisit {
		return fmt.Sprintf("day %d of %s", c.day, c.event)
	}
	return c.event
}

func (e *expression) text() string {
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.source)
}

// text spells the window out.
func (w *window) text() string {
	switch {
	case w.first == nil && w.last == nil:
		return "any day"
	case w.first == nil:
		return fmt.Sprintf("until day %d of %s", *w.last, w.event)
	case w.last == nil:
		return fmt.Sprintf("from day %d of %s", *w.first, w.event)
	}
	return fmt.Sprintf("day %d to %d of %s", *w.first, *w.last, w.event)
}
