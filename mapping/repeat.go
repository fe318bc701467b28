package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
)

// keyed is a candidate of a repeating form with the key and the place of its instance, and what the form's rules take from it.
type keyed struct {
	candidate
	key, order string
	rules      []*rule
	taken      []taken // by the rules
}

// take returns what a rule of the form takes from the candidate.
func (k *keyed) take(rule *rule) taken { return k.taken[slices.Index(k.rules, rule)] }

// repeats makes one instance for each key. Of several resources with one key the first in order counts.
func (r *run) repeats(f *form, all []candidate) ([]ecrf.Instance, error) {
	places := make([]keyed, 0, len(all))
	for _, c := range all {
		k, err := r.key(f, c)
		if err != nil {
			return nil, err
		}
		places = append(places, k)
	}
	slices.SortStableFunc(places, func(a, b keyed) int { return strings.Compare(a.order, b.order) })
	seen := map[string]bool{}
	var instances []ecrf.Instance
	for _, k := range places {
		if seen[k.key] {
			continue
		}
		seen[k.key] = true
		cells, err := r.cells(f, &k)
		if err != nil {
			return nil, err
		}
		instances = append(instances, ecrf.Instance{Event: f.event, Form: f.name, Key: k.key, Order: k.order, Cells: cells})
	}
	r.traceInstances(places, instances)
	return instances, nil
}

// key finds the instance's stable key: the text of the rule's key, or the resource itself where that is empty.
func (r *run) key(f *form, c candidate) (keyed, error) {
	k := keyed{candidate: c, key: c.res.Key().String(), rules: f.rules, taken: make([]taken, 0, len(f.rules))}
	values, err := f.repeat.forSource(c.alias).key.on(r.env, c.res, nil)
	if err != nil {
		return k, fmt.Errorf("rule %s: key: %w", f.repeat.id, err)
	}
	if len(values) > 0 && values[0].Text() != "" {
		k.key = values[0].Text()
	}
	err = r.place(f, &k)
	return k, err
}

// place sorts instances by time, on the same instant by the values of the resource, so that their numbers do not
// depend on ids or on the order of arrival.
func (r *run) place(f *form, k *keyed) error {
	var b strings.Builder
	date, dated := k.date, k.dated
	if order := f.repeat.forSource(k.alias).order; order != nil {
		var err error
		if date, dated, err = r.dateOf(order, k.res); err != nil {
			return fmt.Errorf("rule %s: %w", f.repeat.id, evaluated("order", err))
		}
	}
	if dated {
		b.WriteString(sortable(date))
	} else {
		b.WriteByte('~') // behind every date
	}
	for _, rule := range f.rules {
		t, err := r.take(rule, k.candidate)
		if err != nil {
			return fmt.Errorf("rule %s: %w", rule.id, err)
		}
		k.taken = append(k.taken, t)
		b.WriteByte(' ')
		b.WriteString(strings.ReplaceAll(t.text, "\n", " "))
	}
	k.order = b.String()
	return nil
}

// sortable writes a date so that text order is order in time; parts that are not written stand at their beginning.
func sortable(d fhir.DateTime) string {
	d.Month, d.Day = max(d.Month, 1), max(d.Day, 1)
	d.Precision, d.Digits, d.UTC = fhir.Fraction, 9, true
	return strings.TrimSuffix(d.String(), "Z")
}
