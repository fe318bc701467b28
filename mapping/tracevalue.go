package mapping

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/ucum"
)

// traceValues notes how values become the item's: the same functions as the conversion, one at a time.
func (r *run) traceValues(rule *rule, values []fhirpath.Value) {
	if r.at == nil {
		return
	}
	for _, v := range values {
		switch {
		case rule.codes != nil:
			r.at.mapped(rule, v)
		case rule.number != nil:
			r.at.numbered(rule, v)
		case dated(rule.item.Type):
			r.at.dated(rule, v)
		default:
			for _, text := range rule.texts(v) {
				r.at.allowed(rule.item, text)
			}
		}
	}
}

func (s *Steps) change(what, from, to, note string) {
	if s == nil {
		return
	}
	s.Changes = append(s.Changes, Change{what, from, to, note})
}

// allowed notes what the item makes of a text.
func (s *Steps) allowed(item *ecrf.Item, text string) {
	value, err := item.Canonical(text)
	switch {
	case errors.Is(err, ecrf.ErrOutOfRange):
		s.change(ChangeAllowed, text, "", "the item allows "+bounds(item))
	case errors.Is(err, ecrf.ErrTooLong):
		s.change(ChangeAllowed, text, "", fmt.Sprintf("the item allows %d characters", item.Limit()))
	case errors.Is(err, ecrf.ErrNotACode):
		s.change(ChangeAllowed, text, "", "not a code of the item's code list "+item.CodeList)
	case err != nil:
		s.change(ChangeAllowed, text, "", "no value of type "+string(item.Type))
	case value != text:
		s.change(ChangeCanonical, text, value, "")
	}
}

func bounds(item *ecrf.Item) string {
	switch {
	case item.Min == "":
		return "at most " + item.Max
	case item.Max == "":
		return "at least " + item.Min
	}
	return item.Min + " to " + item.Max
}

// mapped notes the row of the code map for each code of a value.
func (s *Steps) mapped(rule *rule, v fhirpath.Value) {
	for _, k := range codings(v) {
		s.mappedCode(rule, k)
	}
}

func (s *Steps) mappedCode(rule *rule, k coding) {
	row, reached := MapRow{}, false
	value, ok := rule.codes.lookup(k.system, k.code, func(m MapRow) { row, reached = m, true })
	_, unlisted := rule.codes.unlistedOf(k.system, k.code)
	switch {
	case !ok:
		s.change(ChangeMap, k.code, "", "the map "+rule.codes.name+" has no row for it")
		return
	case reached && row.Prefix:
		s.change(ChangeMap, k.code, value, "map "+row.Map+", row of codes that begin with "+row.Code)
	case reached && row.System != "":
		s.change(ChangeMap, k.code, value, "map "+row.Map+", row "+row.Code+" of "+row.System)
	case reached:
		s.change(ChangeMap, k.code, value, "map "+row.Map+", row "+row.Code)
	case unlisted:
		s.change(ChangeMap, k.code, value, "map "+rule.codes.name+", what its ConceptMap says of codes that it does not list")
	case value == k.code:
		s.change(ChangeMap, k.code, value, "map "+rule.codes.name+" copies codes without a row")
	default:
		s.change(ChangeMap, k.code, value, "map "+rule.codes.name+", default")
	}
	s.allowed(rule.item, value)
}

// traceQualifier notes the comparator that a qualifier takes from the value of another item.
func (r *run) traceQualifier(rule *rule, of outcome) {
	if r.at == nil {
		return
	}
	r.at.Formula = "the comparator of " + rule.of
	r.at.use(rule.of, outcome{value: of.comparator + of.value, missing: of.missing})
	switch {
	case of.value == "" || of.comparator == "":
	case rule.codes != nil:
		r.at.mappedCode(rule, coding{code: of.comparator})
	default:
		r.at.allowed(rule.item, of.comparator)
	}
}

// numbered notes how a quantity becomes the item's number.
func (s *Steps) numbered(rule *rule, v fhirpath.Value) {
	n := rule.number
	inUnit := s.inUnit(n, v)
	if inUnit == nil {
		return
	}
	rounded, err := round(inUnit, n.decimals)
	if err != nil {
		s.change(ChangeRound, inUnit.Text('f'), "", "too many digits")
		return
	}
	if rounded.Text('f') != inUnit.Text('f') {
		s.change(ChangeRound, inUnit.Text('f'), rounded.Text('f'), fmt.Sprintf("to %d decimals, half away from zero", n.decimals))
	}
	s.allowed(rule.item, rounded.Text('f'))
}

// inUnit notes how a quantity becomes a number in the item's unit, which it returns; nil when it does not.
func (s *Steps) inUnit(n *numberRule, v fhirpath.Value) *apd.Decimal {
	m, err := readValue(v)
	if err != nil {
		s.change(ChangeRead, valueText(v), "", "not a number")
		return nil
	}
	if m.comparator != "" {
		if !n.limits {
			s.change(ChangeComparator, m.String(), "", "a value with a comparator is no number; comparator: limit would take its limit")
			return nil
		}
		limit, note := measured{value: m.value, unit: m.unit}, "its limit counts"
		if n.keeps {
			note += "; the qualifier's item keeps the comparator"
		}
		s.change(ChangeComparator, m.String(), limit.String(), note)
		m = limit
	}
	if code, ok := n.spellings[m.unit]; ok && code != m.unit {
		s.change(ChangeSpelling, m.unit, code, "the mapping file's units say so")
		m.unit = code
	}
	return s.converted(n, m)
}

// converted notes the conversion into the item's unit and returns its result, nil when there is none.
func (s *Steps) converted(n *numberRule, m measured) *apd.Decimal {
	v, err := n.inUnit(m)
	what := ChangeUnit
	if n.petActivity {
		what = ChangeActivity
	}
	switch {
	case err != nil && n.petActivity:
		s.change(what, m.String(), "", "no unit, or several, make it 20 to 1000 MBq")
	case err != nil && m.unit == "":
		s.change(what, m.String(), "", "it has no unit, the item has "+n.unit)
	case err != nil && n.unit == "":
		s.change(what, m.String(), "", "the item has no unit, so that it holds numbers without unit only")
	case err != nil:
		s.change(what, m.String(), "", "does not convert into "+n.unit)
	case m.unit == n.unit && v.Cmp(m.value) == 0 || n.unit == "":
	default:
		s.change(what, m.String(), measured{value: v, unit: n.unit}.String(), n.how(m))
	}
	if err != nil {
		return nil
	}
	return v
}

// how says by which way a quantity was converted.
func (n *numberRule) how(m measured) string {
	_, direct := ucum.Convert(m.value, m.unit, n.unit)
	_, byFactor, _ := n.byFactor(m)
	switch {
	case n.petActivity && n.written(m):
		return "the written unit makes it 20 to 1000 MBq"
	case n.petActivity:
		return "the written unit does not make it 20 to 1000 MBq; of Bq, kBq, MBq and GBq only one does"
	case byFactor && !n.petActivity:
		return "by the factor of the rule"
	case direct != nil && n.molarMass != nil:
		return "through the molar mass " + n.molarMass.Text('f') + " g/mol"
	}
	zero, err := ucum.Convert(new(apd.Decimal), m.unit, n.unit)
	if err != nil || !zero.IsZero() {
		return "by the unit's formula" // a temperature has no factor
	}
	factor, err := ucum.Convert(apd.New(1, 0), m.unit, n.unit)
	if err != nil {
		return "by the unit's formula"
	}
	return "factor " + factor.Text('f')
}

// written reports whether the unit that is written makes a PET activity plausible.
func (n *numberRule) written(m measured) bool {
	v, err := ucum.Convert(m.value, m.unit, "MBq")
	return err == nil && v.Cmp(leastPET) >= 0 && v.Cmp(mostPET) <= 0
}

// dated notes which day a date item takes.
func (s *Steps) dated(rule *rule, v fhirpath.Value) {
	from := valueText(v)
	texts := rule.texts(v)
	if len(texts) == 0 {
		note := "no date"
		if d, ok := dateValue(v); ok && d.Precision < fhir.DayPrecision {
			note = "the date names no day"
		} else if ok {
			note = "the date has no time"
		}
		s.change(ChangeDay, from, "", note)
		return
	}
	if texts[0] != from {
		s.change(ChangeDay, from, texts[0], "local time of the study")
	}
	s.allowed(rule.item, texts[0])
}

// traceMade notes a value that is not taken from the resource's elements.
func (r *run) traceMade(rule *rule, t taken, o outcome) {
	switch {
	case r.at == nil:
	case rule.studyUID && o.value != "":
		r.at.change(ChangeStudyUID, t.res.Key().String(), o.value, "the Study Instance UID that linkage found, as a pseudonym")
	case rule.days != nil:
		r.at.Formula = fmt.Sprintf("days from %s to %s", rule.days.from, strings.TrimSpace(rule.days.toDate.source))
		r.at.use(rule.days.from, outcome{value: r.days[rule.days.from].String()})
		values, _ := rule.days.toDate.on(r.env, t.res, nil)
		r.at.use("to", outcome{value: valueTexts(values)})
	}
}

// computed is canonical for a number that was counted, and notes it.
func (r *run) computed(rule *rule, text string) outcome {
	if r.at != nil {
		r.at.change(ChangeComputed, "", text, "")
		r.at.allowed(rule.item, text)
	}
	return canonical(rule.item, text)
}

// traceDerived notes what an item is derived from.
func (r *run) traceDerived(rule *rule, done *doneItems) error {
	if r.at == nil {
		return nil
	}
	switch d := rule.derive; {
	case d.age != nil:
		r.at.Formula = "completed years from birth to " + d.age.at
		r.useEvent(d.age.at)
	case d.days != nil:
		r.at.Formula = "days from " + d.days.from + " to " + d.days.to
	case d.expr != nil:
		r.at.Formula = d.expr.expr.String()
	}
	for _, name := range rule.derive.uses() {
		o, ok, err := r.item(name, done)
		switch {
		case err != nil:
			return err
		case ok:
			r.at.use(name, o)
		default:
			r.useEvent(name)
		}
	}
	return nil
}

func (r *run) useEvent(name string) {
	if day, ok := r.days[name]; ok {
		r.at.use(name, outcome{value: day.String()})
	} else {
		r.at.use(name, missing(ecrf.NoEvent))
	}
}

func (s *Steps) use(name string, o outcome) {
	s.Inputs = append(s.Inputs, Used{name, o.value, o.missing})
}
