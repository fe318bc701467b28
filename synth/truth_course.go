package synth

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
)

func sortByDate(cs []candidate) {
	slices.SortFunc(cs, func(a, b candidate) int { return int(a.when.unix() - b.when.unix()) })
}

// drugEntries are the medication entries whose drug has a German ATC code with one of the prefixes; no prefix means every entry.
func (t *teller) drugEntries(orders bool, prefixes ...string) []candidate {
	t.pool = t.pool[:0]
	for i := range t.p.drugs {
		f := &t.p.drugs[i]
		atc := drugs[f.drug].atc
		match := len(prefixes) == 0 || f.form != inlineWHO && slices.ContainsFunc(prefixes, func(s string) bool { return strings.HasPrefix(atc, s) })
		if !match || !orders && f.typ == "MedicationRequest" || !t.counts(&f.base) {
			continue
		}
		t.pool = append(t.pool, candidate{when: f.when.start, void: f.void(), values: []string{atc}, fact: i})
	}
	return t.pool
}

func (t *teller) medicationForm() {
	t.begin("baseline", "medication", 1)
	before := rule{choose: "first", window: true, first: -open}
	t.exists("adt", t.drugEntries(true, "L02AE", "L02BX02"), before)
	if c, reason := t.decider(t.drugEntries(false, "L02AE", "L02BX02"), before); reason != "" {
		t.miss("adt_start", reason)
	} else {
		t.put("adt_start", c.when.day.String())
	}
	arpi := map[string]string{"L02BX03": "1", "L02BB04": "2", "L02BB05": "3", "L02BB06": "4"}
	t.coded("arpi", t.drugEntries(true, "L02BX03", "L02BB04", "L02BB05", "L02BB06"), firstOf, func(c string) string { return arpi[c] })
	t.count("medications", t.drugEntries(true), rule{window: true, first: -365})
}

// kindOfTherapy is the item therapy of a Procedure, "" for one that is none of the study's.
func (f *procedure) kindOfTherapy() string {
	switch {
	case f.method == "MPSMA":
		return "3"
	case f.method == "MPRRT":
		return "4"
	case strings.HasPrefix(f.ops, "5-604"):
		return "1"
	case strings.HasPrefix(f.ops, "8-52"):
		return "2"
	}
	return ""
}

func (t *teller) therapyForm() {
	t.pool = t.pool[:0]
	for i := range t.p.procedures {
		if f := &t.p.procedures[i]; f.kindOfTherapy() != "" && t.counts(&f.base) {
			t.pool = append(t.pool, candidate{when: f.when.start, void: f.void(), fact: i})
		}
	}
	rows, _ := t.remaining(t.pool, rule{})
	sortByDate(rows)
	for i := range rows {
		f := &t.p.procedures[rows[i].fact]
		t.begin("course", "therapy", i+1)
		t.put("therapy", f.kindOfTherapy())
		t.put("therapy_date", f.when.start.day.String())
		t.fill("ops", f.ops, map[bool]string{true: "not-applicable"}[f.ops == ""])
		if q := f.dose; q != nil && strings.HasSuffix(q.code, "Bq") {
			t.quantity(numActivity, &candidate{quantity: q})
		} else {
			t.miss("activity", "not-applicable")
		}
	}
}

func (t *teller) imagingForm() {
	t.pool = t.pool[:0]
	for i := range t.p.studies {
		if f := &t.p.studies[i]; f.isPSMA() && t.counts(&f.base) {
			t.pool = append(t.pool, candidate{when: f.when.start, void: f.void(), fact: i})
		}
	}
	rows, _ := t.remaining(t.pool, rule{})
	sortByDate(rows)
	for i := range rows {
		t.session(i+1, &rows[i])
	}
}

func (t *teller) session(repeat int, c *candidate) {
	f := &t.p.studies[c.fact]
	t.begin("course", "imaging", repeat)
	t.put("scan_date", c.when.day.String())
	t.daysFromIndex("scan_days", c)
	scanner := "3"
	switch {
	case slices.Contains(f.modalities, "CT"):
		scanner = "1"
	case slices.Contains(f.modalities, "MR"):
		scanner = "2"
	}
	t.put("scanner", scanner)
	tracer := map[string]string{ga68.code: "1", f18psma.code: "2", f18fdg.code: "3"}[f.tracers[0].code]
	t.fill("tracer", tracer, map[bool]string{true: "unmapped"}[tracer == ""])
	switch {
	case f.dose == nil:
		t.miss("dose", "no-value")
	case !f.doseKnown:
		t.miss("dose", "unconvertible")
	default: // whatever was written, this is what was injected
		t.deliver(numDose, f.doseMBq.m, 1)
	}
	t.fill("study_uid", map[bool]string{true: f.uid}[f.variant.uidKnown()], map[bool]string{false: "no-value"}[f.variant.uidKnown()])
}

// houseStays are the contacts with the hospital as a whole.
func (t *teller) houseStays(class string) []candidate {
	t.pool = t.pool[:0]
	for i := range t.p.stays {
		f := &t.p.stays[i]
		if f.level == "einrichtungskontakt" && (class == "" || f.class == class) && t.counts(&f.base) {
			t.pool = append(t.pool, candidate{when: f.when.start, void: f.void(), fact: i})
		}
	}
	return t.pool
}

func (t *teller) followUp() {
	t.begin("course", "follow_up", 1)
	if left, reason := t.remaining(t.houseStays(""), rule{}); reason != "" {
		t.miss("last_contact", reason)
	} else {
		latest := fhir.FirstDay
		for _, c := range left {
			latest = max(latest, t.p.stays[c.fact].when.end.day)
		}
		t.put("last_contact", latest.String())
	}
	t.count("stays_after_index", t.houseStays("IMP"), rule{window: true, first: 1, last: open})
	t.nadir()
}
