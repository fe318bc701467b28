package consent

import (
	"time"

	"github.com/crflink/crflink/fhir"
)

// lateDay and earlyDay read the ends of a permit. A partial date is narrowed: a start becomes the last, an end the
// first day that it may mean.
func lateDay(n fhir.Node, zone *time.Location) (fhir.Day, bool) {
	d, ok := readDate(n)
	if !ok {
		return 0, false
	}
	_, last := d.Days(zone)
	return last, true
}

func earlyDay(n fhir.Node, zone *time.Location) (fhir.Day, bool) {
	d, ok := readDate(n)
	if !ok {
		return 0, false
	}
	first, _ := d.Days(zone)
	return first, true
}

func readDate(n fhir.Node) (fhir.DateTime, bool) {
	if n.Kind() != fhir.String {
		return fhir.DateTime{}, false
	}
	d, err := fhir.ParseDateTime(n.Text())
	return d, err == nil
}

// deniedSpan reads the period of a deny: without start from the first day, without end for ever, partial dates widened.
// What cannot be read is widened in the same way, and odd.
func deniedSpan(period fhir.Node, zone *time.Location) (span Interval, odd bool) {
	span = always
	if period.Exists() && period.Kind() != fhir.Object {
		return span, true
	}
	if start := period.Get("start"); start.Exists() {
		if d, ok := readDate(start); ok {
			span.Start, _ = d.Days(zone)
		} else {
			odd = true
		}
	}
	if end := period.Get("end"); end.Exists() {
		if d, ok := readDate(end); ok {
			_, span.End = d.Days(zone)
		} else {
			odd = true
		}
	}
	if span.empty() {
		return always, true
	}
	return span, odd
}
