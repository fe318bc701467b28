package synth

import (
	"strings"

	"github.com/crflink/crflink/fhir"
)

func (t *teller) baseline() {
	t.demographics()
	t.diagnosis()
	t.stagingForm()
	t.labsForm()
	t.medicationForm()
}

func (t *teller) course() {
	t.psaForm()
	t.therapyForm()
	t.imagingForm()
	t.followUp()
}

func (t *teller) demographics() {
	t.begin("baseline", "demographics", 1)
	q := &t.p.person
	if q.gender == "" {
		t.miss("sex", "no-value")
	} else {
		t.put("sex", map[string]string{"male": "1", "female": "2", "other": "3", "unknown": "9"}[q.gender])
	}
	if q.birth.precision == 0 {
		t.miss("birth_year", "no-value")
	} else {
		y, _, _ := q.birth.day.Date()
		t.put("birth_year", itoa(y))
	}
	t.age()
	t.postalRegion()
	vital := map[string]string{"L": "1", "T": "2"}
	t.coded("vital_status", t.observations(t.p.vital, "vital_status"), lastOf, func(c string) string { return vital[c] })
}

func (t *teller) age() {
	birth := t.p.person.birth
	switch {
	case !t.indexed:
		t.miss("age_at_index", "no-event")
	case birth.precision == 0:
		t.miss("age_at_index", "not-applicable")
	default:
		oldest, youngest := completedYears(birth.first(), t.index), completedYears(birth.last(), t.index)
		switch {
		case oldest != youngest:
			t.miss("age_at_index", "ambiguous")
		case oldest < 18 || oldest > 120:
			t.miss("age_at_index", "out-of-range")
		default:
			t.put("age_at_index", itoa(oldest))
		}
	}
}

// completedYears counts birthdays; one on 29 February is completed on 1 March in other years.
func completedYears(birth, day fhir.Day) int {
	y1, m1, d1 := birth.Date()
	y2, m2, d2 := day.Date()
	if m2 < m1 || m2 == m1 && d2 < d1 {
		return y2 - y1 - 1
	}
	return y2 - y1
}

func (t *teller) postalRegion() {
	for _, a := range t.p.person.addresses {
		if a.kind != "" && a.kind != "postal" && !a.unknown {
			t.put("postal_region", a.code[:2])
			return
		}
	}
	t.miss("postal_region", "no-value")
}

// diagnoses are the Conditions with a current ICD-10-GM code that begins with one of the prefixes.
func (t *teller) diagnoses(value func(*condition) []string, prefixes ...string) []candidate {
	t.pool = t.pool[:0]
	for i := range t.p.conditions {
		f := &t.p.conditions[i]
		if !t.counts(&f.base) || !f.hasCode(prefixes) {
			continue
		}
		c := candidate{when: f.when.start, void: f.void(), fact: i, values: value(f)}
		for _, code := range f.codes {
			c.doubtful = c.doubtful || code.certainty == "A" || code.certainty == "V"
		}
		t.pool = append(t.pool, c)
	}
	return t.pool
}

func (f *condition) hasCode(prefixes []string) bool {
	for _, c := range f.codes {
		for _, prefix := range prefixes {
			if !c.old && strings.HasPrefix(c.code, prefix) {
				return true
			}
		}
	}
	return false
}

func tumourCodes(f *condition) []string {
	for _, c := range f.codes {
		if !c.old && strings.HasPrefix(c.code, "C61") {
			return []string{c.code}
		}
	}
	return nil
}

// sides are those of all codings of the concept.
func sides(f *condition) (list []string) {
	for _, c := range f.codes {
		if !c.old && c.side != "" {
			list = append(list, c.side)
		}
	}
	return list
}

func (t *teller) diagnosis() {
	t.begin("baseline", "diagnosis", 1)
	t.coded("icd10", t.diagnoses(tumourCodes, "C61"), firstOf, itself)
	day, ok := t.diagnosisDate()
	switch {
	case !t.indexed:
		t.miss("days_to_index", "no-event")
	case !ok:
		t.miss("days_to_index", "not-applicable")
	default:
		t.put("days_to_index", itoa(int(t.index-day)))
	}
	side := map[string]string{"R": "R", "L": "L", "B": "B"}
	t.coded("side", t.diagnoses(sides, "C61"), firstOf, func(c string) string { return side[c] })
	t.exists("bone_metastases", t.diagnoses(tumourCodes, "C79.5"), rule{})
	t.exists("diabetes", t.diagnoses(tumourCodes, "E10", "E11", "E12", "E13", "E14"), rule{window: true, first: -open})
}

// diagnosisDate is the earliest onset or, where there is none, recording. A month or year is no date, but it is the earliest when it
// begins first.
func (t *teller) diagnosisDate() (day fhir.Day, ok bool) {
	left, reason := t.remaining(t.diagnoses(tumourCodes, "C61"), rule{})
	if reason != "" {
		t.miss("diagnosis_date", reason)
		return 0, false
	}
	sortByDate(left)
	var earliest moment
	for _, c := range left {
		m := t.p.conditions[c.fact].onset
		if m.precision == 0 {
			m = t.p.conditions[c.fact].when.start
		}
		if earliest.precision == 0 || m.first() < earliest.first() {
			earliest = m
		}
	}
	if earliest.precision < fhir.DayPrecision {
		t.miss("diagnosis_date", "unconvertible")
		return 0, false
	}
	t.put("diagnosis_date", earliest.day.String())
	return earliest.day, true
}

// observations are the candidates of one kind.
func (t *teller) observations(facts []observation, kind string) []candidate {
	t.pool = t.pool[:0]
	for i := range facts {
		f := &facts[i]
		if f.kind != kind || !t.counts(&f.base) {
			continue
		}
		c := candidate{when: f.when.start, void: f.void(), absent: f.absent, result: f.result, issued: f.issued, fact: i}
		c.quantity, c.text = f.quantity, f.text == textNumber // de-identification drops other texts
		for _, code := range f.codes {
			c.values = append(c.values, code.code)
		}
		t.pool = append(t.pool, c)
	}
	return t.pool
}

func stage(prefix string, known ...string) func(string) string {
	return func(code string) string {
		for _, k := range known {
			if code == k || prefix+code == k {
				return k
			}
		}
		return ""
	}
}

// tStage takes the category without its suffix: T3a and 3a are T3.
func tStage(code string) string {
	code = strings.TrimPrefix(code, "T")
	if code == "" || strings.IndexByte("1234X", code[0]) < 0 {
		return ""
	}
	return "T" + code[:1]
}

func (t *teller) stagingForm() {
	t.begin("baseline", "staging", 1)
	t.coded("t", t.observations(t.p.staging, "t"), nearestOf, tStage)
	t.coded("n", t.observations(t.p.staging, "n"), nearestOf, stage("N", "N0", "N1", "NX"))
	t.coded("m", t.observations(t.p.staging, "m"), nearestOf, stage("M", "M0", "M1", "M1a", "M1b", "M1c"))
	t.tnmDate()
	t.coded("isup", t.observations(t.p.staging, "isup"), firstOf, stage("", "1", "2", "3", "4", "5"))
	t.ecog()
}

// tnmDate is the date of the nearest T category, whether or not that has a value.
func (t *teller) tnmDate() {
	cs := t.observations(t.p.staging, "t")
	for i := range cs {
		cs[i].values = []string{"date"}
	}
	c, reason := t.decider(cs, nearestOf)
	if reason != "" {
		t.miss("tnm_date", reason)
		return
	}
	t.put("tnm_date", c.when.day.String())
}

// ecog is the first code of the answer when that is a number, or the number itself.
func (t *teller) ecog() {
	cs := t.observations(t.p.staging, "ecog")
	for i := range cs {
		f := &t.p.staging[cs[i].fact]
		switch {
		case f.isInteger:
			cs[i].values = []string{itoa(f.integer)}
		case len(f.codes) > 0 && f.codes[0].code != "U":
			cs[i].values = []string{f.codes[0].code}
		default:
			cs[i].values = nil
		}
	}
	c, reason := t.decider(cs, around(90, 30))
	switch {
	case reason != "":
		t.miss("ecog", reason)
	case !c.hasValue():
		t.miss("ecog", c.emptiness())
	case c.values[0] > "4":
		t.miss("ecog", "out-of-range")
	default:
		t.put("ecog", c.values[0])
	}
}
