package mapping

import (
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/yamldoc"
)

// window bounds candidates in days around an event, both ends inclusive. A nil bound is open.
type window struct {
	event       string
	first, last *int // days from the event; before it is negative
}

func (c *compiler) window(v yamldoc.Value) *window {
	if !v.Exists() {
		return nil
	}
	f := v.Fields("event", "before", "after", "from", "to")
	w := &window{}
	if e, ok := need(v, f, "event", "window: {event: EVENT, before: DAYS, after: DAYS}"); ok {
		w.event = c.eventName(e)
	}
	w.first = bound(v, f["before"], f["from"], -1)
	w.last = bound(v, f["after"], f["to"], 1)
	if w.first != nil && w.last != nil && *w.first > *w.last {
		v.Errorf("days before the event are negative in from and to", "the window ends before it begins")
	}
	return w
}

// bound reads one end of a window: the distance (before or after the event, or any), or the signed day (from or to).
// An end that is not written is the event's own day.
func bound(at, distance, day yamldoc.Value, sign int) *int {
	var n int
	switch {
	case distance.Exists() && day.Exists():
		at.Errorf("say before or from, after or to", "one end of the window is given twice")
	case distance.Exists() && distance.Text() == "any":
		return nil
	case distance.Exists():
		if n = distance.Int(); n < 0 {
			distance.Errorf("use from and to for signed days", "before and after are distances and not negative")
		}
		n *= sign
	case day.Exists() && day.Text() == "any":
		return nil
	case day.Exists():
		n = day.Int()
	}
	return &n
}

// holds reports whether a date certainly lies in the window around the event's day.
func (w *window) holds(event fhir.Day, d fhir.DateTime) bool {
	first, last := writtenDays(d)
	return (w.first == nil || int(first-event) >= *w.first) && (w.last == nil || int(last-event) <= *w.last)
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
