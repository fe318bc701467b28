package synth

import "github.com/crflink/crflink/fhir"

var otherDiagnoses = []string{"I10.90", "N40", "E78.5", "I25.19", "J44.99", "M54.5", "N18.3", "Z85.4"}

func (p *patient) drawConditions() {
	if !p.trap(15) {
		p.drawTumour()
	}
	if p.chance(350) {
		p.drawMetastases()
	}
	if p.chance(300) {
		p.drawDiabetes()
	}
	for range p.between(0, 2) {
		p.diagnose(p.documented(), icd{code: pick(&p.rng, otherDiagnoses), certainty: "G"})
	}
}

// documented is a day on which a diagnosis was written down.
func (p *patient) documented() fhir.Day {
	if p.chance(250) {
		return p.within(p.diagnosed, p.diagnosed+60)
	}
	return p.within(p.consented, p.consented+900)
}

// diagnose adds a Condition.
func (p *patient) diagnose(day fhir.Day, codes ...icd) *condition {
	b := p.fact(at(p.clock(day)), "confirmed")
	b.stay = p.stayOn(day)
	switch {
	case p.trap(20):
		b.status = "entered-in-error"
	case p.trap(100):
		b.status = "" // most hospitals write no verificationStatus
	case p.trap(8):
		b.when = when{}
	}
	p.conditions = append(p.conditions, condition{base: b, codes: codes, byStay: b.stay != 0 && p.trap(300)})
	return &p.conditions[len(p.conditions)-1]
}

func (p *patient) drawTumour() {
	precision := p.onsetPrecision()
	for i := range p.between(1, 2) {
		day := p.documented() + fhir.Day(i) // #nosec G115 -- small
		c := p.diagnose(day, p.tumourCode())
		c.snomed = "399068003"
		p.drawOnset(c, precision)
		switch {
		case p.trap(25): // the older way: cross and star in one concept
			c.codes = append(c.codes, icd{code: "C77.5", side: pick(&p.rng, []string{"L", "R"}), certainty: "G", marking: "*"})
			c.codes[0].marking = "†"
		case p.trap(26):
			c.codes[0].old = true
		}
	}
	if p.trap(60) { // a suspicion that came before
		c := p.diagnose(p.diagnosed-20, p.tumourCode())
		c.codes[0].certainty = "V"
	}
}

func (p *patient) tumourCode() icd {
	c := icd{code: "C61", certainty: "G"}
	switch r := p.n(100); {
	case r < 35:
		c.side = pick(&p.rng, []string{"L", "R", "B"})
	case r < 37:
		c.side = "U" // not in the code list of the study
	}
	switch {
	case p.trap(35):
		c.certainty = pick(&p.rng, []string{"A", "V"})
	case p.trap(60):
		c.certainty = ""
	case p.trap(40):
		c.certainty = "Z"
	}
	return c
}

// onsetPrecision is one for all tumour diagnoses of a patient: which of a month and a day in it is the earlier one would change when days are
// shifted.
func (p *patient) onsetPrecision() fhir.Precision {
	switch r := p.n(100); {
	case r < 6:
		return fhir.Month
	case r < 9:
		return fhir.Year
	}
	return fhir.DayPrecision
}

func (p *patient) drawOnset(c *condition, precision fhir.Precision) {
	if precision < fhir.DayPrecision {
		c.onset = moment{p.diagnosed, 0, precision, false}
		return
	}
	switch r := p.n(100); {
	case r < 60:
		c.onset = onDay(p.diagnosed)
	case r < 72:
		c.onset, c.onsetEnd = onDay(p.diagnosed), onDay(p.diagnosed+14)
	case r < 78:
		c.onset = p.clock(p.diagnosed)
	}
}

func (p *patient) drawMetastases() {
	code := icd{code: "C79.5", certainty: "G"}
	switch r := p.n(100); {
	case r < 22:
		code.certainty = "V"
	case r < 34:
		code.certainty = "A"
	}
	if p.chance(150) {
		code.code = "C79.50"
	}
	p.diagnose(p.within(p.pet-30, p.pet+400), code)
}

func (p *patient) drawDiabetes() {
	code := icd{code: pick(&p.rng, []string{"E11.90", "E11.20", "E10.90", "E14.90", "E15"}), certainty: "G"}
	if p.chance(120) {
		code.certainty = pick(&p.rng, []string{"A", "V"})
	}
	p.diagnose(p.within(p.pet-400, p.pet+200), code)
	if p.chance(100) {
		p.diagnose(p.pet, icd{code: "E11.90", certainty: "G"}) // on the last day of the window
	}
}
