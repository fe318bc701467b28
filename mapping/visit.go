package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// visit is a visit of the schedule: a window, and the day in it on which the visit is planned.
type visit struct {
	name, fills string // the dictionary's event that forms are filled in
	place       int    // in the schedule
	day         int    // planned, in days from the window's event
	planned     bool   // the file says so, or the event itself lies in the window
	window      *window
}

// visitParts are the keys of a visit of the schedule.
var visitParts = []string{"label", "event", "day", "before", "after", "from", "to", "fills"}

// readVisits reads the visit schedule and warns of visits that overlap.
func (c *compiler) readVisits() {
	c.visits = map[string]*visit{}
	for i, v := range c.file.visits {
		f := v.Fields(visitParts...)
		_ = f["label"].Text()
		x := c.visit(v, f)
		x.place = i
		for _, earlier := range c.file.visits[:i] {
			if x.window.overlaps(c.visits[earlier.Key()].window) {
				c.warnAtKey(v, fmt.Sprintf("the windows of the visits %s and %s overlap: what lies in both counts for both in a rule with window, and for the nearer in a form with visits",
					earlier.Key(), v.Key()))
			}
		}
		c.visits[v.Key()] = x
	}
}

func (c *compiler) visit(v yamldoc.Value, f map[string]yamldoc.Value) *visit {
	x := &visit{name: v.Key(), fills: cmp.Or(f["fills"].Text(), v.Key()), window: c.bounds(v, f)}
	if given := f["day"]; given.Exists() {
		x.day, x.planned = daysOf(given), true
		if !x.window.spans(x.day) {
			given.Errorf("the planned day lies between the first and the last day of the visit", "the planned day lies outside of the visit's window")
		}
		return x
	}
	x.planned = x.window.spans(0)
	x.day = x.window.nearest(0)
	return x
}

// spans reports whether a day, counted from the event, lies in the window.
func (w *window) spans(day int) bool {
	return (w.first == nil || day >= *w.first) && (w.last == nil || day <= *w.last)
}

// nearest is the day of the window that is nearest to a day, both counted from the event.
func (w *window) nearest(day int) int {
	switch {
	case w.first != nil && day < *w.first:
		return *w.first
	case w.last != nil && day > *w.last:
		return *w.last
	}
	return day
}

// visitTies say which visit a resource counts for that two are equally near to.
var visitTies = []string{"earlier", "later", "both"}

// attendance is a form's visit beside its others: of overlapping windows a resource counts for the nearer visit.
type attendance struct {
	*visit
	others []*visit
	ties   string
}

// visitsOf reads the visits at which a form is filled; nil for a form that names none.
func (c *compiler) visitsOf(s formSpec) []*attendance {
	ties := cmp.Or(s.ties.OneOf(visitTies...), visitTies[0])
	if !s.visits.Exists() {
		if s.ties.Exists() {
			s.ties.Errorf("leave it out, or name visits", "ties has no effect: the form names no visits")
		}
		return nil
	}
	var named []*visit
	var at []yamldoc.Value
	for _, v := range s.visits.Items() {
		if x := c.visitOf(v, s.name, named); x != nil {
			named, at = append(named, x), append(at, v)
		}
	}
	var all []*attendance
	for i, x := range named {
		a := &attendance{visit: x, ties: ties}
		for _, o := range named {
			if o != x {
				a.others = append(a.others, o)
			}
		}
		c.unplanned(at[i], x, named[:i])
		all = append(all, a)
	}
	return all
}

// visitsNamed returns how many visits a form names.
func (c *compiler) visitsNamed(form string) int {
	for _, s := range c.file.forms {
		if s.name == form {
			return len(s.visits.Items())
		}
	}
	return 0
}

// visitOf finds a visit that a form names. Two visits of a form fill two events of the dictionary.
func (c *compiler) visitOf(v yamldoc.Value, form string, earlier []*visit) *visit {
	x, ok := c.visits[v.Text()]
	if !ok {
		v.Errorf(finding.DidYouMean(v.Text(), slices.Collect(maps.Keys(c.visits))), "unknown visit %q", v.Text())
		return nil
	}
	c.used["visit "+x.name] = true
	if !c.dictionary.Has(x.fills, form) {
		v.Errorf(fmt.Sprintf("the form's events are %s: name the visit so, or say fills: EVENT at the visit", strings.Join(c.dictionary.EventsOf(form), ", ")),
			"visit %s fills event %s, and the dictionary has no form %q there", x.name, x.fills, form)
		return nil
	}
	for _, o := range earlier {
		if o.fills == x.fills {
			v.Errorf("", "visits %s and %s fill the form in the same event %s", o.name, x.name, x.fills)
			return nil
		}
	}
	return x
}

// unplanned reports visits of a form that overlap and do not say which day is planned: none of them would be nearer.
func (c *compiler) unplanned(at yamldoc.Value, x *visit, earlier []*visit) {
	for _, o := range earlier {
		if x.window.overlaps(o.window) && !(x.planned && o.planned) {
			at.Errorf("say with day: at both visits on which day, counted from the event, they are planned",
				"the windows of the visits %s and %s overlap, and nothing says which one a resource is nearer to", o.name, x.name)
		}
	}
}

// atVisits makes of a form's rules those of each of its visits.
func (f form) atVisits(visits []*attendance) []form {
	all := make([]form, 0, len(visits))
	for _, a := range visits {
		next := f
		next.event, next.rules = a.fills, nil
		w := *a.window
		w.visit = a
		if f.repeat != nil {
			repeat := *f.repeat
			repeat.bind(&w)
			next.repeat = &repeat
		}
		for _, r := range f.rules {
			own := *r
			own.bind(&w)
			if own.choose.atVisit {
				own.choose.event, own.choose.day = w.event, a.day
			}
			next.rules = append(next.rules, &own)
		}
		all = append(all, next)
	}
	return all
}

// bind bounds a selection by a visit, unless the rule has a window of its own or its resources have no date.
func (s *selector) bind(w *window) {
	dated := s.date != nil || slices.ContainsFunc(s.types, func(t string) bool { return dateElements[t] != nil })
	if s.window == nil && dated {
		s.window = w
	}
}

// another returns the visit that a resource of that date counts for instead of the window's own, nil for none.
func (r *run) another(w *window, d fhir.DateTime) *visit {
	if w.visit == nil || len(w.visit.others) == 0 {
		return nil
	}
	first, _ := writtenDays(d)
	own := r.days[w.event] + fhir.Day(w.visit.day) // #nosec G115 -- at most maxDays
	for _, o := range w.visit.others {
		event, happened := r.days[o.window.event]
		if !happened || !o.window.holds(event, d) {
			continue
		}
		their := event + fhir.Day(o.day) // #nosec G115 -- at most maxDays
		order := cmp.Compare(distant(first, their), distant(first, own))
		if order == 0 {
			order = w.visit.tie(own, o, their)
		}
		if order < 0 {
			return o
		}
	}
	return nil
}

// tie decides between two visits that are equally near: negative for the other one.
func (a *attendance) tie(own fhir.Day, o *visit, their fhir.Day) int {
	order := cmp.Or(cmp.Compare(their, own), cmp.Compare(o.place, a.place))
	switch a.ties {
	case "both":
		return 0
	case "later":
		return -order
	}
	return order
}

func distant(a, b fhir.Day) int { return max(int(a-b), int(b-a)) }
