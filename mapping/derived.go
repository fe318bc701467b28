package mapping

import (
	"strconv"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/pseudonym"
)

// derived computes an item from events and the items of its form instance that are done.
func (r *run) derived(rule *rule, done map[string]outcome) (outcome, error) {
	switch d := rule.derive; {
	case d.age != nil:
		return r.age(rule), nil
	case d.days != nil:
		return r.daysBetween(rule, done), nil
	default:
		return r.expressionOver(rule, done)
	}
}

func (r *run) age(rule *rule) outcome {
	day, ok := r.days[rule.derive.age.at]
	if !ok {
		return missing(ecrf.NoEvent)
	}
	age, ok := r.in.Record.AgeAt(day, pseudonym.Years)
	switch patient := r.in.Record.Patient(); {
	case ok:
		return r.computed(rule, strconv.Itoa(age))
	case patient != nil && patient.Get("birthDate").Kind() == fhir.String:
		return missing(ecrf.Ambiguous) // written too coarsely to tell
	}
	return missing(ecrf.NotApplicable)
}

func (r *run) daysBetween(rule *rule, done map[string]outcome) outcome {
	from, reason := r.moment(rule.derive.days.from, done)
	to, toReason := r.moment(rule.derive.days.to, done)
	switch {
	case reason == ecrf.NoEvent || toReason == ecrf.NoEvent:
		return missing(ecrf.NoEvent)
	case reason != "" || toReason != "":
		return missing(ecrf.NotApplicable)
	}
	return r.computed(rule, strconv.Itoa(int(to-from)))
}

// moment returns the day of an event or of a date item of the form.
func (r *run) moment(name string, done map[string]outcome) (fhir.Day, ecrf.MissingReason) {
	if o, ok := done[name]; ok {
		day, err := fhir.ParseDay(o.value)
		if err != nil {
			return 0, ecrf.NotApplicable
		}
		return day, ""
	}
	day, ok := r.days[name]
	if !ok {
		return 0, ecrf.NoEvent
	}
	return day, ""
}

func (r *run) expressionOver(rule *rule, done map[string]outcome) (outcome, error) {
	env := fhirpath.Env{AsOf: r.in.AsOf, Zone: r.in.Zone, Vars: make(map[string][]fhirpath.Value, len(rule.derive.expr.items))}
	for _, name := range rule.derive.expr.items {
		o := done[name]
		if o.value == "" {
			return missing(ecrf.NotApplicable), nil
		}
		v, ok := fhirpath.Of(variableKind(r.mapping.dictionary.Item(name)), o.value)
		if !ok {
			return missing(ecrf.Unconvertible), nil
		}
		env.Vars[name] = []fhirpath.Value{v}
	}
	patient := r.in.Record.Patient()
	if patient == nil {
		return missing(ecrf.NotApplicable), nil
	}
	values, err := rule.derive.expr.expr.Eval(&env, patient.Node, nil)
	if err != nil {
		return outcome{}, evaluated("expression", err)
	}
	if len(values) != 1 {
		return missing(ecrf.NotApplicable), nil
	}
	r.traceValues(rule, values)
	texts, _ := rule.spell(values, nil)
	if len(texts) == 0 {
		return missing(ecrf.Unconvertible), nil
	}
	return canonical(rule.item, texts[0]), nil
}
