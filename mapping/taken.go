package mapping

import (
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
)

// taken is a candidate with what the rule takes from it.
type taken struct {
	candidate
	values []fhirpath.Value
	text   string // of the values, for ties
}

func (r *run) take(rule *rule, c candidate) (taken, error) {
	t := taken{candidate: c}
	if own := rule.variants[c.alias]; own != nil {
		t, err := r.ofSource(c.alias).take(own, c)
		return t, err
	}
	if rule.value == nil || rule.nowhere {
		return t, nil
	}
	values, err := rule.value.on(r.env, c.res, nil)
	if err != nil {
		return t, evaluated("value", err)
	}
	t.values = values
	if len(values) == 1 {
		t.text = tieText(values[0])
		return t, nil
	}
	var b strings.Builder
	for _, v := range values {
		b.WriteString(tieText(v))
		b.WriteByte('\n')
	}
	t.text = b.String()
	return t, nil
}

// tieText is what decides between values on the same instant. What has no text of its own, such as a CodeableConcept or
// a Quantity with a comparator, is compared as it is written.
func tieText(v fhirpath.Value) string {
	if text := v.Text(); text != "" || v.Node().Kind() != fhir.Object {
		return text
	}
	return string(fhir.AppendJSON(nil, v.Node()))
}
