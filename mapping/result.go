package mapping

import (
	"cmp"
	"strconv"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/pseudonym"
)

// result turns the chosen candidate into the cell's content with its provenance.
func (r *run) result(rule *rule, t taken) (outcome, error) {
	if own := rule.variants[t.alias]; own != nil {
		return r.ofSource(t.alias).result(own, t)
	}
	var o outcome
	switch {
	case rule.nowhere:
		return missing(ecrf.NoResource), nil
	case rule.studyUID:
		o = r.studyUID(rule, t.res)
	case rule.days != nil:
		values, err := rule.days.toDate.on(r.env, t.res, nil)
		if err != nil {
			return o, evaluated("days", err)
		}
		o = r.daysTo(rule, values)
	default:
		o = r.convert(rule, t)
	}
	r.traceMade(rule, t, o)
	o.from = r.provenance(rule, t)
	return o, nil
}

func (r *run) studyUID(rule *rule, res *fhir.Resource) outcome {
	if r.in.StudyUID != nil {
		if uid, ok := r.in.StudyUID(res.Key()); ok {
			return canonical(rule.item, uid)
		}
	}
	return missing(ecrf.NoValue)
}

func (r *run) daysTo(rule *rule, values []fhirpath.Value) outcome {
	if len(values) == 0 {
		return missing(ecrf.NoValue)
	}
	d, ok := dateValue(values[0])
	day, full := writtenDay(d)
	if !ok || !full {
		return missing(ecrf.Unconvertible)
	}
	return r.computed(rule, strconv.Itoa(int(day-r.days[rule.days.from])))
}

// resolver lets expressions follow references within the subject's record.
type resolver struct{ record *pseudonym.Record }

func (r resolver) Resolve(ref string, _ fhir.Node) (fhir.Node, bool) {
	n := r.record.Resolve(nil, ref)
	return n, n.Exists()
}

// sourceOf returns the source that a candidate comes from.
func (r *run) sourceOf(t taken) string { return cmp.Or(t.res.Origin.Alias, r.in.Source) }

// provenance says where the value comes from, in the de-identified record's terms.
func (r *run) provenance(rule *rule, t taken) ecrf.Provenance {
	p := ecrf.Provenance{Source: r.sourceOf(t), Resource: t.res.Key().String(), Version: t.res.Path("meta", "versionId").Text()}
	if rule.value != nil {
		p.Path = rule.value.source
	}
	if t.dated {
		p.Effective = t.date.String()
	}
	if len(t.values) > 0 {
		if m, err := readMeasured(t.values[0].Node()); err == nil {
			p.OriginalValue, p.OriginalUnit = m.comparator+m.value.Text('f'), m.unit
		} else {
			p.OriginalValue = t.values[0].Text()
		}
	}
	return p
}
