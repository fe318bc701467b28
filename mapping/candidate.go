package mapping

import (
	"cmp"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// candidate is a resource that a rule may take its value from.
type candidate struct {
	res   *fhir.Resource
	date  fhir.DateTime
	dated bool
	alias string // of the source, where that has rules of its own
}

// candidates returns the resources that count for the selector, or the reason why there are none.
func (r *run) candidates(s *selector) ([]candidate, ecrf.MissingReason, error) {
	if s.window != nil {
		if _, ok := r.days[s.window.event]; !ok {
			return nil, ecrf.NoEvent, nil
		}
	}
	asked, err := r.asked(s)
	if err != nil {
		return nil, "", err
	}
	counted := make([]candidate, 0, len(asked))
	reason := ecrf.NoResource
	for _, c := range asked {
		c, why, err := r.admit(s, c)
		r.traceAdmitted(s, c, why)
		switch {
		case err != nil:
			return nil, "", err
		case why == "":
			counted = append(counted, c)
		default:
			reason = later(reason, why)
		}
	}
	if len(counted) > 0 {
		reason = ""
	}
	return counted, reason, nil
}

// asked returns the resources of the selector's types for which its condition holds, of results that were issued again
// the newest only. Rules that share a condition share the answer, which is not to be changed.
func (r *run) asked(s *selector) ([]candidate, error) {
	if s.where != nil && r.answered[s.where.number] && r.at == nil {
		return r.answers[s.where.number], nil
	}
	var all []candidate
	for _, t := range s.types {
		resources := r.byType[t]
		if r.at == nil { // a trace tells of every resource why it does not count
			resources = r.having(t, s.where)
		}
		for _, res := range resources {
			holds, err := r.holds(s.where, res)
			if err != nil {
				return nil, evaluated("where", err)
			}
			if !holds {
				r.at.saw(res, WhereFalse)
				continue
			}
			all = append(all, candidate{res: res})
		}
	}
	if r.at != nil {
		all = r.tracedReissues(all)
	} else {
		all = reissuedOnce(all)
	}
	if s.where != nil {
		r.answered[s.where.number], r.answers[s.where.number] = true, all
	}
	return all, nil
}

// admit applies status, certainty and window to a resource that the rule asks for.
func (r *run) admit(s *selector, c candidate) (candidate, ecrf.MissingReason, error) {
	switch {
	case !statusCounts(c.res, s.include):
		return c, ecrf.Status, nil
	case !certaintyCounts(c.res, s.include):
		return c, ecrf.Certainty, nil
	}
	var err error
	if c.date, c.dated, err = r.dateOf(s.date, c.res); err != nil {
		return c, "", evaluated("date", err)
	}
	if s.window != nil && (!c.dated || !s.window.holds(r.days[s.window.event], c.date) || r.another(s.window, c.date) != nil) {
		return c, ecrf.OutsideWindow, nil
	}
	return c, "", nil
}

// stages orders the reasons of a rule without candidates by how far its resources came.
var stages = []ecrf.MissingReason{ecrf.NoResource, ecrf.Status, ecrf.Certainty, ecrf.OutsideWindow}

func later(a, b ecrf.MissingReason) ecrf.MissingReason {
	if slices.Index(stages, b) > slices.Index(stages, a) {
		return b
	}
	return a
}

func (r *run) holds(e *expression, res *fhir.Resource) (bool, error) {
	if e == nil {
		return true, nil
	}
	values, err := e.on(r.env, res, r.scratch[:0])
	if err != nil {
		return false, err
	}
	r.scratch = values[:0]
	holds, _ := fhirpath.Truth(values)
	return holds, nil
}

// dateOf returns the date of a resource by an expression or, without one, its own.
func (r *run) dateOf(e *expression, res *fhir.Resource) (fhir.DateTime, bool, error) {
	if e == nil {
		d, ok := resourceDate(res)
		return d, ok, nil
	}
	values, err := e.on(r.env, res, r.scratch[:0])
	if err != nil || len(values) == 0 {
		return fhir.DateTime{}, false, err
	}
	r.scratch = values[:0]
	d, ok := dateValue(values[0])
	return d, ok, nil
}

func compareMoments(a, b fhir.Node) int {
	x, errX := fhir.ParseDateTime(a.Text())
	y, errY := fhir.ParseDateTime(b.Text())
	if errX != nil || errY != nil {
		return cmp.Compare(a.Text(), b.Text())
	}
	return compareDates(x, y)
}

// compareDates orders instants in time, others by what is written: year, month, day, time of day. A part that is not
// written stands at its beginning. The veil writes instants in local time, so that both orders agree on days.
func compareDates(a, b fhir.DateTime) int {
	if p, ok := a.Instant(); ok {
		if q, ok := b.Instant(); ok {
			return p.Compare(q)
		}
	}
	return cmp.Or(
		cmp.Compare(a.Year, b.Year), cmp.Compare(max(a.Month, 1), max(b.Month, 1)), cmp.Compare(max(a.Day, 1), max(b.Day, 1)),
		cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Second, b.Second), cmp.Compare(a.Nanosecond, b.Nanosecond),
	)
}
