package mapping

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// candidate is a resource that a rule may take its value from.
type candidate struct {
	res   *fhir.Resource
	date  fhir.DateTime
	dated bool
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
	counted := asked[:0]
	reason := ecrf.NoResource
	for _, c := range reissuedOnce(asked) {
		c, why, err := r.admit(s, c)
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

// asked returns the resources of the selector's types for which its condition holds.
func (r *run) asked(s *selector) ([]candidate, error) {
	var all []candidate
	for _, t := range s.types {
		for _, res := range r.byType[t] {
			holds, err := r.holds(s.where, res)
			if err != nil {
				return nil, err
			}
			if holds {
				all = append(all, candidate{res: res})
			}
		}
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
	if c.date, c.dated, err = r.dateOf(s, c.res); err != nil {
		return c, "", err
	}
	if s.window != nil && (!c.dated || !s.window.holds(r.days[s.window.event], c.date)) {
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
	values, err := e.on(&r.env, res, r.scratch[:0])
	if err != nil {
		return false, err
	}
	r.scratch = values[:0]
	holds, _ := fhirpath.Truth(values)
	return holds, nil
}

// dateOf returns the date of a resource by the selector's expression or its own.
func (r *run) dateOf(s *selector, res *fhir.Resource) (fhir.DateTime, bool, error) {
	if s.date == nil {
		d, ok := resourceDate(res)
		return d, ok, nil
	}
	values, err := s.date.on(&r.env, res, r.scratch[:0])
	if err != nil || len(values) == 0 {
		return fhir.DateTime{}, false, err
	}
	r.scratch = values[:0]
	d, ok := dateValue(values[0])
	return d, ok, nil
}

// reissuedOnce keeps of results that the laboratory issued again (the same observation instance identifier under a
// new resource id) the one issued last: a correction voids what it corrects.
func reissuedOnce(all []candidate) []candidate {
	var place map[string]int
	kept := all[:0]
	for _, c := range all {
		id := observationIdentifier(c.res)
		if id == "" {
			kept = append(kept, c)
			continue
		}
		if i, again := place[id]; again {
			if issuedBefore(kept[i].res, c.res) {
				kept[i] = c
			}
			continue
		}
		if place == nil {
			place = map[string]int{}
		}
		place[id] = len(kept)
		kept = append(kept, c)
	}
	return kept
}

// observationIdentifier returns the value of the identifier of type OBI (v2-0203), by which the MII laboratory module
// names a result.
func observationIdentifier(res *fhir.Resource) string {
	if res.Type != "Observation" {
		return ""
	}
	for id := range res.Get("identifier").Elements() {
		for c := range id.Path("type", "coding").Elements() {
			if c.Get("code").Text() == "OBI" {
				return id.Get("value").Text()
			}
		}
	}
	return ""
}

// issuedBefore orders issues of one result: by issued, then by the time of the last update.
func issuedBefore(a, b *fhir.Resource) bool {
	return cmp.Or(
		compareMoments(a.Get("issued"), b.Get("issued")),
		compareMoments(a.Path("meta", "lastUpdated"), b.Path("meta", "lastUpdated")),
	) < 0
}

func compareMoments(a, b fhir.Node) int {
	x, errX := fhir.ParseDateTime(a.Text())
	y, errY := fhir.ParseDateTime(b.Text())
	if errX != nil || errY != nil {
		return cmp.Compare(a.Text(), b.Text())
	}
	if p, ok := x.Instant(); ok {
		if q, ok := y.Instant(); ok {
			return p.Compare(q)
		}
	}
	return compareDates(x, y)
}

// compareDates orders dates by what is written: year, month, day, time of day. A part that is not written sorts
// before one that is.
func compareDates(a, b fhir.DateTime) int {
	return cmp.Or(
		cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month), cmp.Compare(a.Day, b.Day),
		cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Second, b.Second), cmp.Compare(a.Nanosecond, b.Nanosecond),
	)
}

// taken is a candidate with what the rule takes from it.
type taken struct {
	candidate
	values []fhirpath.Value
	text   string // of the values, for ties
}

func (r *run) take(rule *rule, c candidate) (taken, error) {
	t := taken{candidate: c}
	if rule.value == nil {
		return t, nil
	}
	values, err := rule.value.on(&r.env, c.res, nil)
	if err != nil {
		return t, err
	}
	t.values = values
	var b strings.Builder
	for _, v := range values {
		b.WriteString(v.Text())
		b.WriteByte('\n')
	}
	t.text = b.String()
	return t, nil
}
