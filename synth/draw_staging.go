package synth

import "github.com/crflink/crflink/fhir"

var (
	tCodes    = []string{"T1c", "T2", "T2a", "T2c", "T3a", "T3b", "T4", "TX", "2c", "3a", "3b", "T0", "Tis"}
	nCodes    = []string{"N0", "N1", "NX", "0", "1", "N1a"}
	mCodes    = []string{"M0", "M0", "M1", "M1a", "M1b", "M1c", "0", "1b", "MX"}
	isupCodes = []coding{
		{extOnkoGrade, "1", ""}, {extOnkoGrade, "2", ""}, {extOnkoGrade, "3", ""}, {extOnkoGrade, "4", ""}, {extOnkoGrade, "5", ""},
		{sysSCT, "1279714001", "International Society of Urological Pathology grade group 2"},
	}
	ecogAnswers = []string{"LA9622-7", "LA9623-5", "LA9624-3", "LA9625-0", "LA9626-8"}
)

const extOnkoGrade = mii + "ext/modul-onko/CodeSystem/mii-cs-onko-grading"

// drawStaging makes TNM at diagnosis and around the PET, the grade group, and ECOG at visits.
func (p *patient) drawStaging() {
	if p.chance(850) {
		p.drawTNM(p.within(p.diagnosed, p.diagnosed+40), "p", true)
	}
	for range p.between(0, 2) {
		p.drawTNM(p.within(p.pet-80, p.pet+300), "c", p.chance(700))
	}
	if p.chance(850) {
		o := p.observe("isup", coding{sysSCT, "1812491000004107", ""}, p.within(p.pet-300, p.pet+60))
		o.codes = append(o.codes, pick(&p.rng, isupCodes))
	}
	for range p.between(0, 3) {
		p.drawECOG(p.within(p.pet-120, p.pet+60))
	}
}

func (p *patient) drawTNM(day fhir.Day, prefix string, complete bool) {
	codes := [3]string{"384625004", "371494008", "371497001"}
	if prefix == "c" {
		codes = [3]string{"399504009", "399534004", "399387003"}
	}
	if !p.tnmPart("t", codes[0], prefix, pick(&p.rng, tCodes), day) || !complete {
		return
	}
	p.tnmPart("n", codes[1], prefix, pick(&p.rng, nCodes), day)
	p.tnmPart("m", codes[2], prefix, pick(&p.rng, mCodes), day)
}

func (p *patient) tnmPart(kind, code, prefix, value string, day fhir.Day) bool {
	o := p.observe(kind, coding{sysSCT, code, ""}, day)
	o.prefix = prefix
	if p.trap(20) {
		o.absent = pick(&p.rng, []string{"unknown", "not-asked"})
		return true
	}
	o.codes = append(o.codes, coding{sysUICC, value, ""})
	return true
}

func (p *patient) drawECOG(day fhir.Day) {
	o := p.observe("ecog", coding{sysLOINC, pick(&p.rng, []string{"89262-0", "89247-1"}), ""}, day)
	grade := p.n(5)
	switch {
	case p.trap(60):
		o.codes = append(o.codes, coding{sysECOG, "U", "unbekannt"})
	case p.trap(30):
		o.isInteger, o.integer = true, 5 // deceased: beyond the item's range
	case o.code.code == "89247-1":
		o.isInteger, o.integer = true, grade
	default:
		digit := string(rune('0' + grade)) // #nosec G115 -- a grade is at most 5
		o.codes = append(o.codes, coding{sysECOG, digit, ""}, coding{sysLOINC, ecogAnswers[grade], ""})
	}
}

// observe adds a staging Observation.
func (p *patient) observe(kind string, code coding, day fhir.Day) *observation {
	b := p.fact(at(p.clock(day)), "final")
	if p.trap(20) {
		b.status = "entered-in-error"
	}
	b.stay = p.stayOn(day)
	p.staging = append(p.staging, observation{base: b, kind: kind, code: code})
	return &p.staging[len(p.staging)-1]
}

func (p *patient) drawVital() {
	for range p.between(0, 2) {
		p.vitalOn(p.within(p.consented, p.last), p.vitalCode("L"))
	}
	if died := p.person.died; died.precision != 0 && p.chance(900) {
		p.vitalOn(died.day, "T")
	}
}

// vitalCode replaces some codes by one that the study does not know: A is lost to follow-up, N not reached, X unknown.
func (p *patient) vitalCode(code string) string {
	if p.trap(60) {
		return pick(&p.rng, []string{"A", "N", "X"})
	}
	return code
}

func (p *patient) vitalOn(day fhir.Day, code string) {
	o := observation{base: p.fact(at(p.clock(day)), "final"), kind: "vital_status", code: coding{sysLOINC, "67162-8", ""}}
	if p.trap(20) {
		o.status = "entered-in-error"
	}
	o.codes = []coding{{sysVital, code, ""}}
	p.vital = append(p.vital, o)
}
