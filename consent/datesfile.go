package consent

import (
	"slices"

	"github.com/crflink/crflink/internal/yamldoc"
)

// dates reads the date-element map over the built-in one.
func (r *policyReader) dates(v yamldoc.Value) {
	old := r.set.Dates
	r.set.Dates = make(map[string]dateRule, len(old))
	for typ, rule := range old {
		r.set.Dates[typ] = rule
	}
	for _, e := range v.Entries() {
		if !isType(e.Key()) {
			e.Errorf("write a FHIR resource type, such as Observation", "%q is not a resource type", e.Key())
		}
		r.set.Dates[e.Key()] = r.dateRule(e)
	}
}

func (r *policyReader) dateRule(v yamldoc.Value) dateRule {
	texts := v.Texts()
	if len(texts) == 1 && slices.Contains([]string{wordUndated, wordReferenced, wordWithheld}, texts[0]) {
		return dateRule{Word: texts[0]}
	}
	for _, t := range texts {
		if !isElementPath(t) {
			v.Errorf("write an element such as effective[x] or collection.collected[x], or undated, referenced, withheld",
				"%q is not an element", t)
		}
	}
	if len(texts) == 0 {
		v.Errorf("write undated to keep the type without a date, or withheld", "no element is named")
	}
	return dateRule{Elements: texts}
}
