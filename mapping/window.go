package mapping

import (
	"maps"
	"slices"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// window bounds candidates in days around an event, both ends inclusive. A nil bound is open.
type window struct {
	event       string
	first, last *int        // days from the event; before it is negative
	visit       *attendance // nil for a window that is not that of a form's visit
}

// windowParts are the keys of a window. One of the visit schedule is only named.
var windowParts = []string{"visit", "event", "before", "after", "from", "to"}

func (c *compiler) window(v yamldoc.Value) *window {
	if !v.Exists() {
		return nil
	}
	f := v.Fields(windowParts...)
	visit, named := f["visit"]
	if !named {
		return c.bounds(v, f)
	}
	for _, part := range windowParts[1:] {
		if own := f[part]; own.Exists() {
			own.Errorf("leave it out, or leave visit out", "%s has no effect: the visit has a window of its own", part)
		}
	}
	c.used["visit "+visit.Text()] = true
	x, ok := c.visits[visit.Text()]
	if !ok {
		visit.Errorf(finding.DidYouMean(visit.Text(), slices.Collect(maps.Keys(c.visits))), "unknown visit %q", visit.Text())
		return nil
	}
	return x.window
}

// bounds reads the ends of a window. Distances count from the planned day where there is one.
func (c *compiler) bounds(v yamldoc.Value, f map[string]yamldoc.Value) *window {
	w := &window{}
	if e, ok := need(v, f, "event", "window: {event: EVENT, before: DAYS, after: DAYS}"); ok {
		w.event = c.eventName(e)
	}
	day := daysOf(f["day"])
	w.first = bound(v, f["before"], f["from"], day, -1)
	w.last = bound(v, f["after"], f["to"], day, 1)
	if w.first != nil && w.last != nil && *w.first > *w.last {
		v.Errorf("days before the event are negative in from and to", "the window ends before it begins")
	}
	return w
}

func (w *window) overlaps(o *window) bool {
	return w.event == o.event && w.event != "" && !ends(w.last, o.first) && !ends(o.last, w.first)
}

// ends reports whether a window with that last day ends before the first day of another.
func ends(last, first *int) bool { return last != nil && first != nil && *last < *first }

// bound reads one end of a window: the distance (before or after the event, or any), or the signed day (from or to).
// An end that is not written is the planned day, or the event's own.
func bound(at, distance, day yamldoc.Value, planned, sign int) *int {
	n := planned
	switch {
	case distance.Exists() && day.Exists():
		at.Errorf("say before or from, after or to", "one end of the window is given twice")
	case distance.Exists() && distance.Text() == "any":
		return nil
	case distance.Exists():
		d := daysOf(distance)
		if d < 0 {
			distance.Errorf("use from and to for signed days", "before and after are distances and not negative")
		}
		n += sign * d
	case day.Exists() && day.Text() == "any":
		return nil
	case day.Exists():
		n = daysOf(day)
	}
	return &n
}

// maxDays bounds what is counted from an event: nobody is followed for two hundred years.
const maxDays = 73_000

// daysOf reads a number of days.
func daysOf(v yamldoc.Value) int {
	n := v.Int()
	if n < -maxDays || n > maxDays {
		v.Errorf("count in days from the event", "%d days are more than two hundred years", n)
		return 0
	}
	return n
}

// holds reports whether a date certainly lies in the window around the event's day.
func (w *window) holds(event fhir.Day, d fhir.DateTime) bool {
	first, last := writtenDays(d)
	return (w.first == nil || int(first-event) >= *w.first) && (w.last == nil || int(last-event) <= *w.last)
}
