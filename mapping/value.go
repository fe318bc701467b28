package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// outcome is the content of a cell: a canonical value, or the reason why there is none.
type outcome struct {
	value      string
	missing    ecrf.MissingReason
	from       ecrf.Provenance
	comparator string // of the quantity that the value is
}

func missing(reason ecrf.MissingReason) outcome { return outcome{missing: reason} }

// convert turns what was taken from the chosen candidate into the item's value.
func (r *run) convert(rule *rule, t taken) outcome {
	if len(t.values) == 0 {
		return missing(absence(rule, t.res))
	}
	r.traceValues(rule, t.values)
	texts, reason := rule.spell(t.values, r.in.Reached)
	switch {
	case len(texts) == 0:
		return missing(reason)
	case len(texts) > 1:
		return missing(ecrf.Ambiguous)
	}
	o := canonical(rule.item, texts[0])
	if rule.number != nil && rule.number.keeps {
		if q, err := readValue(t.values[0]); err == nil {
			o.comparator = q.comparator
		}
	}
	return o
}

// absence is the reason for a candidate that has no value: the source's own where it gives one.
func absence(rule *rule, res *fhir.Resource) ecrf.MissingReason {
	if rule.optional {
		return ecrf.NotApplicable
	}
	for c := range res.Path("dataAbsentReason", "coding").Elements() {
		if code := c.Get("code").Text(); code != "" {
			return ecrf.Absent(code)
		}
	}
	return ecrf.NoValue
}

// spell returns the distinct texts of the values in the item's type, or the reason when none can be had.
func (rule *rule) spell(values []fhirpath.Value, reached func(MapRow)) (texts []string, reason ecrf.MissingReason) {
	if rule.codes != nil {
		return distinct(rule.mapped(values, reached)), ecrf.Unmapped
	}
	for i, v := range values {
		if own := rule.texts(v); i == 0 {
			texts = own
		} else {
			texts = append(texts, own...)
		}
	}
	return distinct(texts), ecrf.Unconvertible
}

// mapped returns what the rule's code map has for the codes of the values.
func (rule *rule) mapped(values []fhirpath.Value, reached func(MapRow)) (texts []string) {
	for _, v := range values {
		for _, k := range codings(v) {
			if text, ok := rule.codes.lookup(k.system, k.code, reached); ok {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// distinct leaves out what stands before, in place.
func distinct(texts []string) []string {
	kept := texts[:0]
	for _, s := range texts {
		if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// texts returns a value's text; several for a CodeableConcept, none when it is not of the item's type.
func (rule *rule) texts(v fhirpath.Value) []string {
	switch {
	case rule.number != nil:
		q, err := readValue(v)
		if err != nil {
			return nil
		}
		d, err := rule.number.convert(q)
		if err != nil {
			return nil
		}
		return []string{d.Text('f')}
	case rule.item.Type == ecrf.DateTime:
		return momentText(v)
	case rule.item.Type == ecrf.Date:
		return dayText(v)
	case rule.item.Type == ecrf.PartialDate:
		return partialText(v)
	case v.Node().Kind() == fhir.Object:
		var all []string
		for _, k := range codings(v) {
			all = append(all, k.code)
		}
		return all
	}
	return []string{v.Text()}
}

// codings returns the code of a Coding, those of a CodeableConcept, or a text as a code without system.
func codings(v fhirpath.Value) []coding {
	n := v.Node()
	if n.Kind() != fhir.Object {
		return []coding{{code: v.Text()}}
	}
	if c := n.Get("code"); c.Kind() == fhir.String {
		return []coding{{n.Get("system").Text(), c.Text()}}
	}
	var all []coding
	for c := range n.Get("coding").Elements() {
		if s := c.Get("code").Text(); s != "" {
			all = append(all, coding{c.Get("system").Text(), s})
		}
	}
	return all
}

// readValue reads a number or quantity.
func readValue(v fhirpath.Value) (measured, error) {
	if n := v.Node(); n.Exists() {
		return readMeasured(n)
	}
	if d, unit, ok := v.Quantity(); ok {
		return measured{value: d, unit: unit}, nil
	}
	if d, ok := v.Decimal(); ok {
		return measured{value: d}, nil
	}
	return measured{}, errNoNumber
}

// dateValue reads a date, an instant, or the start of a Period.
func dateValue(v fhirpath.Value) (fhir.DateTime, bool) {
	n := v.Node()
	if n.Kind() == fhir.Object {
		n = n.Get("start")
	}
	if n.Kind() == fhir.String {
		d, err := fhir.ParseDateTime(n.Text())
		return d, err == nil
	}
	return v.DateTime()
}

func dayText(v fhirpath.Value) []string {
	d, ok := dateValue(v)
	if !ok {
		return nil
	}
	day, ok := writtenDay(d)
	if !ok {
		return nil
	}
	return []string{day.String()}
}

// momentText is the local date and time; seconds that are not written are 00.
func momentText(v fhirpath.Value) []string {
	d, ok := dateValue(v)
	if !ok || d.Precision <= fhir.DayPrecision {
		return nil
	}
	return []string{fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", d.Year, d.Month, d.Day, d.Hour, d.Minute, d.Second)}
}

func partialText(v fhirpath.Value) []string {
	if day := dayText(v); day != nil {
		return day
	}
	if d, ok := dateValue(v); ok {
		return []string{d.String()}
	}
	return nil
}

// canonical checks the text against the item.
func canonical(item *ecrf.Item, text string) outcome {
	value, err := item.Canonical(text)
	switch {
	case err == nil:
		return outcome{value: value}
	case errors.Is(err, ecrf.ErrOutOfRange), errors.Is(err, ecrf.ErrTooLong):
		return missing(ecrf.OutOfRange)
	case errors.Is(err, ecrf.ErrNotACode):
		return missing(ecrf.Unmapped)
	}
	return missing(ecrf.Unconvertible)
}

// truth is the text of a yes or no in the item's type.
func truth(item *ecrf.Item, yes bool) string {
	switch {
	case item.Type == ecrf.Boolean:
		return strconv.FormatBool(yes)
	case yes:
		return "1"
	}
	return "0"
}
