package synth

import "github.com/crflink/crflink/fhir"

// drug is a substance of the pharmacy's catalogue. Its Medication is shared by all patients.
type drug struct{ id, atc, name, pzn string }

var drugs = []drug{
	{"leuprorelin", "L02AE02", "Leuprorelin", "07558231"}, {"goserelin", "L02AE03", "Goserelin", "04398231"},
	{"triptorelin", "L02AE04", "Triptorelin", "00927711"}, {"degarelix", "L02BX02", "Degarelix", "05392041"},
	{"abirateron", "L02BX03", "Abirateron", "09100712"}, {"enzalutamid", "L02BB04", "Enzalutamid", "10123456"},
	{"apalutamid", "L02BB05", "Apalutamid", "14123401"}, {"darolutamid", "L02BB06", "Darolutamid", "16012345"},
	{"bicalutamid", "L02BB03", "Bicalutamid", "01234561"}, {"metformin", "A10BA02", "Metformin", "02345671"},
	{"ramipril", "C09AA05", "Ramipril", "03456781"}, {"pantoprazol", "A02BC02", "Pantoprazol", "04567891"},
	{"ass-100", "B01AC06", "Acetylsalicylsäure", "05678901"}, {"denosumab", "M05BX04", "Denosumab", "06789011"},
	{"docetaxel", "L01CD02", "Docetaxel", "07890121"}, {"metoprolol", "C07AB02", "Metoprolol", "08901231"},
}

const adtDrugs, arpiFirst, arpiLast, otherFirst = 4, 4, 7, 8

func (p *patient) drawDrugs() {
	if p.chance(600) {
		start := p.within(p.pet-500, p.pet+40)
		for range p.between(1, 3) {
			p.take(p.n(adtDrugs), start)
			start += fhir.Day(p.between(30, 95)) // #nosec G115 -- small
		}
	}
	if p.chance(400) {
		start := p.within(p.pet-200, p.pet+300)
		for i := range p.between(1, 2) {
			p.take(p.between(arpiFirst, arpiLast), start+fhir.Day(i*120)) // #nosec G115 -- small
		}
	}
	for range p.between(0, 5) {
		p.take(p.between(otherFirst, len(drugs)-1), p.within(p.pet-450, p.pet+100))
	}
}

var medicationTypes = []string{"MedicationStatement", "MedicationStatement", "MedicationRequest", "MedicationAdministration"}

// take adds an entry of a medication list, an order or an administration.
func (p *patient) take(drug int, day fhir.Day) {
	day = min(day, p.last)
	m := medication{typ: pick(&p.rng, medicationTypes), drug: drug}
	w, status := at(p.clock(day)), "completed"
	if m.typ == "MedicationStatement" && p.chance(500) {
		w = from(p.claim(onDay(day)), onDay(min(day+fhir.Day(p.between(5, 60)), p.last))) // #nosec G115 -- small
		if p.trap(60) {
			w.kind = openPeriod
		}
	}
	if m.typ == "MedicationStatement" && p.trap(30) {
		w = at(moment{day, 0, fhir.Month, false})
	}
	if p.trap(40) {
		status = p.unreal(m.typ)
	}
	m.base = p.fact(w, status)
	m.stay = p.stayOn(day)
	switch r := p.n(100); {
	case r < 55:
		m.form = byReference
	case r < 80:
		m.form = inline
	case r < 94:
		m.form = contained
	default:
		m.form = inline
		if p.trap(600) {
			m.form = inlineWHO
		}
	}
	p.drugs = append(p.drugs, m)
}

// unreal is a status that says that nothing was taken.
func (p *patient) unreal(typ string) string {
	second := map[string]string{"MedicationStatement": "not-taken", "MedicationRequest": "cancelled", "MedicationAdministration": "not-done"}
	if p.chance(500) {
		return "entered-in-error"
	}
	return second[typ]
}

var (
	surgeries   = []string{"5-604.02", "5-604.12", "5-604.52"}
	radiations  = []string{"8-522.6", "8-522.d0", "8-523.00"}
	otherOPS    = []string{"1-464.00", "3-740", "5-572.1"}
	beamMethods = []string{"PRCN", "PRCJ"}
)

func (p *patient) drawProcedures() {
	if p.chance(450) {
		p.perform(procedure{ops: pick(&p.rng, surgeries), snomed: "26294005", category: "387713003"}, p.within(p.diagnosed+20, p.diagnosed+90), 0)
	}
	if p.chance(300) {
		q := procedure{ops: pick(&p.rng, radiations), category: "277132007", method: pick(&p.rng, beamMethods)}
		q.dose = &quantity{value: decimal{int64(p.between(500, 780)), 1}, unit: "Gy", code: "Gy"}
		p.perform(q, p.within(p.diagnosed+60, p.pet+300), p.between(20, 45))
	}
	if p.chance(400) {
		day := p.within(p.pet+14, p.pet+60)
		for range p.between(1, 5) {
			p.drawRadioligand(day)
			day += fhir.Day(p.between(40, 50)) // #nosec G115 -- small
		}
	}
	if p.chance(40) {
		p.perform(procedure{ops: "8-531.00", category: "277132007", method: "MRJT"}, p.within(p.pet, p.last), 2)
	}
	for range p.between(0, 2) {
		p.perform(procedure{ops: pick(&p.rng, otherOPS), category: "103693007"}, p.within(p.diagnosed, p.last), 0)
	}
}

// drawRadioligand is one cycle of PSMA or peptide receptor radionuclide therapy.
func (p *patient) drawRadioligand(day fhir.Day) {
	if day > p.last-3 {
		return
	}
	q := procedure{ops: "8-530.d0", category: "277132007", method: "MPSMA"}
	if p.chance(60) {
		q.method = "MPRRT"
	}
	if p.trap(60) {
		q.ops = ""
	}
	mbq := int64(p.between(55_000, 76_000)) // tenths
	switch r := p.n(100); {
	case r < 45:
		q.dose = &quantity{value: decimal{mbq, 1}, unit: "MBq", code: "MBq", num: 1, den: 1000}
	case r < 75:
		q.dose = &quantity{value: decimal{mbq / 100, 2}, unit: "GBq", code: "GBq", num: 1, den: 1}
	case r < 85:
		q.dose = &quantity{value: decimal{mbq * 100, 0}, unit: "kBq", code: "kBq", num: 1, den: 1_000_000}
	case r < 92:
		q.dose = &quantity{value: decimal{mbq, 1}, unit: "Megabecquerel"} // no code: the rule does not see it
	case r < 94:
		q.dose = &quantity{value: decimal{mbq, 1}, unit: "GBq", code: "GBq", num: 1, den: 1} // MBq under the name of GBq
	}
	p.perform(q, day, p.n(3))
}

// perform adds a Procedure of some days.
func (p *patient) perform(q procedure, day fhir.Day, days int) {
	day = min(day, p.last)
	w, status := at(p.clock(day)), "completed"
	if days > 0 {
		w = from(p.claim(onDay(day)), onDay(min(day+fhir.Day(days), p.last))) // #nosec G115 -- small
	}
	if p.trap(40) {
		status = pick(&p.rng, []string{"entered-in-error", "not-done"})
	}
	q.base = p.fact(w, status)
	q.stay = p.stayOn(day)
	p.procedures = append(p.procedures, q)
}
