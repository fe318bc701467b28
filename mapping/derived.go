package mapping

import (
	"maps"
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/pseudonym"
)

// derived computes an item from events and the items of its form instance that are done.
func (r *run) derived(rule *rule, done *doneItems) (outcome, error) {
	switch d := rule.derive; {
	case d.age != nil:
		return r.age(rule), nil
	case d.days != nil:
		return r.daysBetween(rule, done)
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

func (r *run) daysBetween(rule *rule, done *doneItems) (outcome, error) {
	from, reason, err := r.moment(rule.derive.days.from, done)
	if err != nil {
		return outcome{}, err
	}
	to, toReason, err := r.moment(rule.derive.days.to, done)
	switch {
	case err != nil:
		return outcome{}, err
	case reason == ecrf.NoEvent || toReason == ecrf.NoEvent:
		return missing(ecrf.NoEvent), nil
	case reason != "" || toReason != "":
		return missing(ecrf.NotApplicable), nil
	}
	return r.computed(rule, strconv.Itoa(int(to-from))), nil
}

// moment returns the day of an event, or of a date item of the form or of another.
func (r *run) moment(name string, done *doneItems) (fhir.Day, ecrf.MissingReason, error) {
	o, isItem, err := r.item(name, done)
	if err != nil {
		return 0, "", err
	}
	if isItem {
		day, err := fhir.ParseDay(o.value)
		if err != nil {
			return 0, ecrf.NotApplicable, nil
		}
		return day, "", nil
	}
	day, ok := r.days[name]
	if !ok {
		return 0, ecrf.NoEvent, nil
	}
	return day, "", nil
}

// item returns what an item of the form, or form.item of another, holds.
func (r *run) item(name string, done *doneItems) (o outcome, ok bool, err error) {
	if to := r.mapping.across[name]; to != nil {
		o, err = r.other(name, to)
		return o, true, err
	}
	o, ok = done.get(name)
	return o, ok, nil
}

func (r *run) expressionOver(rule *rule, done *doneItems) (outcome, error) {
	env := fhirpath.Env{AsOf: r.in.AsOf, Zone: r.in.Zone, Vars: make(map[string][]fhirpath.Value, len(rule.derive.expr.items)+len(r.env.Vars))}
	maps.Copy(env.Vars, r.env.Vars)
	for _, name := range rule.derive.expr.items {
		o, _, err := r.item(name, done)
		if err != nil {
			return outcome{}, err
		}
		if o.value == "" {
			return missing(ecrf.NotApplicable), nil
		}
		v, ok := fhirpath.Of(variableKind(r.mapping.dictionary.Item(name[strings.IndexByte(name, '.')+1:])), o.value)
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
