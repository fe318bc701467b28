package mapping

import (
	"cmp"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
)

// valued leaves out candidates without a value as long as one has a value.
func (rule *rule) valued(all []taken) []taken {
	if slices.ContainsFunc(all, rule.has) {
		return slices.DeleteFunc(all, func(t taken) bool { return !rule.has(t) })
	}
	return all
}

// chosen applies a rule's choice to its candidates; ambiguous when several are left and the rule does not choose.
func (r *run) chosen(rule *rule, all []taken) (t taken, ambiguous bool) {
	switch rule.choose.kind {
	case chooseMin, chooseMax:
		first := choice{kind: chooseFirst}
		if rule.choose.ties == tiesLater {
			first.kind = chooseLast
		}
		slices.SortFunc(all, r.before(first))
		return extreme(rule, all), false
	case chooseFirst, chooseLast, chooseNearest:
		return slices.MinFunc(all, r.before(rule.choose)), false
	}
	return all[0], len(all) > 1
}

// has reports whether the candidate has what the rule takes.
func (rule *rule) has(t taken) bool { return rule.forSource(t.alias).value == nil || len(t.values) > 0 }

// before orders candidates so that the chosen one comes first. Undated ones come last; on the same instant the
// smaller text decides, so that neither ids nor the order of arrival matter.
func (r *run) before(c choice) func(a, b taken) int {
	return func(a, b taken) int {
		if a.dated != b.dated {
			if a.dated {
				return -1
			}
			return 1
		}
		order := compareDates(a.date, b.date)
		switch c.kind {
		case chooseLast:
			order = -order
		case chooseNearest:
			if c.ties == tiesLater {
				order = -order
			}
			order = cmp.Or(cmp.Compare(r.distance(c, a), r.distance(c, b)), order)
		}
		return cmp.Or(order, cmp.Compare(a.text, b.text))
	}
}

// untied is the content of the cell for the chosen candidate, unless another that the choice cannot tell from it gives
// another content.
func (r *run) untied(rule *rule, best taken, all []taken) (outcome, error) {
	o, err := r.result(rule, best)
	if err != nil {
		return o, err
	}
	at := r.at
	r.at = nil // the others are not what is traced
	defer func() { r.at = at }()
	for _, t := range all {
		if !r.ties(rule.choose, best, t) {
			continue
		}
		other, err := r.result(rule, t)
		if err != nil {
			return outcome{}, err
		}
		if other.value != o.value || other.missing != o.missing {
			at.untied()
			return missing(ecrf.Ambiguous), nil
		}
	}
	return o, nil
}

func (r *run) ties(c choice, a, b taken) bool {
	switch {
	case a.dated != b.dated:
		return false
	case !a.dated:
		return true
	case c.kind == chooseNearest:
		return r.distance(c, a) == r.distance(c, b)
	}
	return compareDates(a.date, b.date) == 0
}

func (r *run) distance(c choice, t taken) int {
	first, _ := writtenDays(t.date)
	return distant(first, r.days[c.event]+fhir.Day(c.day)) // #nosec G115 -- at most maxDays
}

// extreme returns the candidate with the least or greatest value. Those whose value does not compare are left out as
// long as another can; of equal ones the first counts.
func extreme(rule *rule, all []taken) taken {
	best, found := all[0], false
	var least measure
	for _, t := range all {
		m, ok := rule.measure(t)
		if !ok {
			continue
		}
		order := m.compare(least)
		if rule.choose.kind == chooseMax {
			order = -order
		}
		if !found || order < 0 {
			best, least, found = t, m, true
		}
	}
	return best
}

// measure is a value that can be ordered: a number in the item's unit, or the first day that a date may mean.
type measure struct {
	number *apd.Decimal
	day    fhir.Day
}

func (m measure) compare(o measure) int {
	if m.number != nil && o.number != nil {
		return m.number.Cmp(o.number)
	}
	return cmp.Compare(m.day, o.day)
}

func (rule *rule) measure(t taken) (measure, bool) {
	rule = rule.forSource(t.alias)
	for _, v := range t.values {
		if rule.number != nil {
			q, err := readValue(v)
			if err != nil || q.comparator != "" && !rule.number.limits {
				continue
			}
			if n, err := rule.number.inUnit(q); err == nil {
				return measure{number: n}, true
			}
			continue
		}
		if d, ok := dateValue(v); ok {
			first, _ := writtenDays(d)
			return measure{day: first}, true
		}
	}
	return measure{}, false
}
