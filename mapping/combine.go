package mapping

import (
	"math/big"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// mean is the arithmetic mean of the candidates' numbers in the item's unit, computed exactly and rounded once. One
// that cannot be read makes the mean unconvertible: leaving it out would give another mean.
func (r *run) mean(rule *rule, all []taken) outcome {
	if first := all[0]; !rule.has(first) {
		return missing(absence(rule.forSource(first.alias), first.res))
	}
	sum := new(big.Rat)
	for _, t := range all {
		n, reason := rule.exactNumber(t)
		if reason != "" {
			return missing(reason)
		}
		sum.Add(sum, n)
	}
	sum.Quo(sum, new(big.Rat).SetInt64(int64(len(all))))
	o := r.computed(rule, sum.FloatString(rule.item.Decimals)) // rounds half away from zero
	o.from = r.combined(rule, all)
	return o
}

// exactNumber returns a candidate's one number in the item's unit, not rounded.
func (rule *rule) exactNumber(t taken) (*big.Rat, ecrf.MissingReason) {
	rule = rule.forSource(t.alias)
	var number *big.Rat
	for _, v := range t.values {
		q, err := readValue(v)
		if err != nil || q.comparator != "" && !rule.number.limits {
			return nil, ecrf.Unconvertible
		}
		d, err := rule.number.inUnit(q)
		if err != nil {
			return nil, ecrf.Unconvertible
		}
		n, ok := new(big.Rat).SetString(d.Text('f'))
		switch {
		case !ok:
			return nil, ecrf.Unconvertible
		case number != nil && number.Cmp(n) != 0:
			return nil, ecrf.Ambiguous
		}
		number = n
	}
	return number, ""
}

// listSeparator stands between the values of a list.
const listSeparator = "; "

// list joins the distinct values of all candidates. A value that holds the separator itself could not be told from two.
func (r *run) list(rule *rule, all []taken) outcome {
	if first := all[0]; !rule.has(first) {
		return missing(absence(rule.forSource(first.alias), first.res))
	}
	by := choice{kind: chooseFirst}
	if rule.choose.order == byLatest {
		by.kind = chooseLast
	}
	slices.SortStableFunc(all, r.before(by))
	var texts []string
	why := ecrf.NoValue
	for _, t := range all {
		spelt, reason := rule.forSource(t.alias).spell(t.values, r.in.Reached)
		why = reason
		for _, s := range spelt {
			if !slices.Contains(texts, s) {
				texts = append(texts, s)
			}
		}
	}
	switch {
	case len(texts) == 0:
		return missing(why)
	case slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, listSeparator) }):
		r.at.change(ChangeAllowed, strings.Join(texts, listSeparator), "", "a value holds the separator of the list itself")
		return missing(ecrf.Unconvertible)
	case rule.choose.order == byValue:
		slices.Sort(texts)
	}
	o := r.computed(rule, strings.Join(texts, listSeparator))
	o.from = r.combined(rule, all)
	return o
}

// combined is the provenance of a value that several resources gave: no single one of them is named.
func (r *run) combined(rule *rule, all []taken) ecrf.Provenance {
	var sources []string
	for _, t := range all {
		if s := r.sourceOf(t); !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	slices.Sort(sources)
	return ecrf.Provenance{Source: strings.Join(sources, "+"), Path: rule.value.source}
}
