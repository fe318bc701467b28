package consent

import (
	"strings"

	"github.com/crflink/crflink/fhir"
)

// element is a path to a date within a resource; a choice ends in [x].
type element struct {
	parents []string
	name    string
	choice  bool
}

// isElementPath reports whether the text is written like an element: names joined by dots, [x] at the end if at all.
func isElementPath(text string) bool {
	for _, name := range strings.Split(strings.TrimSuffix(text, "[x]"), ".") {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || name[0] < 'a' {
			return false
		}
	}
	return true
}

func parseElements(paths []string) []element {
	var out []element
	for _, p := range paths {
		name, choice := strings.CutSuffix(p, "[x]")
		parts := strings.Split(name, ".")
		last := len(parts) - 1
		out = append(out, element{parts[:last], parts[last], choice})
	}
	return out
}

// find returns the element's value; several when a choice was filled more than once.
func (el element) find(n fhir.Node) (value fhir.Node, several bool) {
	n = n.Path(el.parents...)
	if !el.choice {
		v := n.Get(el.name)
		return v, v.Kind() == fhir.Array
	}
	for c := n.First(); c.Exists(); c = c.Next() {
		rest, ok := strings.CutPrefix(c.Key(), el.name)
		if !ok || rest == "" || rest[0] < 'A' || rest[0] > 'Z' {
			continue
		}
		several = several || value.Exists() || c.Kind() == fhir.Array
		value = c
	}
	return value, several
}

// dateOf tests the first element that is there against the windows.
func (p *Policy) dateOf(res fhir.Node, elements []element, windows days) DropReason {
	for _, el := range elements {
		v, several := el.find(res)
		switch {
		case several:
			return DateUnreadable
		case v.Exists():
			return p.inside(v, windows)
		}
	}
	return NoDate
}

// inside tests a dateTime, date, instant or Period: to the day, closed, and completely inside one interval.
func (p *Policy) inside(v fhir.Node, windows days) DropReason {
	var first, last fhir.Day
	ok := false
	switch v.Kind() {
	case fhir.String:
		first, ok = p.dayOf(v)
		last = first
	case fhir.Object:
		var okEnd bool
		first, ok = p.dayOf(v.Get("start"))
		last, okEnd = p.dayOf(v.Get("end"))
		ok = ok && okEnd && first <= last
	}
	switch {
	case !ok:
		return DateUnreadable
	case !windows.covers(first, last):
		return OutsideWindow
	}
	return InWindow
}

// dayOf reads a date of at least day precision.
func (p *Policy) dayOf(n fhir.Node) (fhir.Day, bool) {
	d, ok := readDate(n)
	if !ok || d.Precision < fhir.DayPrecision {
		return 0, false
	}
	first, _ := d.Days(p.zone)
	return first, true
}
