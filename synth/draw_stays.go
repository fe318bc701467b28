package synth

import "github.com/crflink/crflink/fhir"

var departments = []string{"2200", "3300", "3200", "0100"}

// drawStays makes stays in hospital and visits. Stays that could move the beginning of the consented period are of the plain kind; what is
// damaged lies well after every signature.
func (p *patient) drawStays() {
	if p.chance(300) {
		p.stayAt(p.consented-fhir.Day(p.between(1, 4)), p.between(4, 9), true) // #nosec G115 -- small
	}
	if p.chance(250) {
		p.stayAt(p.consented-fhir.Day(p.between(40, 300)), p.between(1, 12), false) // #nosec G115 -- small
	}
	for range p.between(0, 3) {
		p.stayAt(p.within(p.consented+60, p.last-20), p.between(0, 12), false)
	}
	for range p.between(1, 4) {
		p.visitAt(p.within(p.consented+30, p.last))
	}
	p.visitAt(p.pet)
	p.drawDamagedStays()
}

// stayAt adds an inpatient stay with its department and, sometimes, its ward.
func (p *patient) stayAt(start fhir.Day, days int, plain bool) {
	end := min(start+fhir.Day(days), p.last) // #nosec G115 -- small
	if end < start {
		return
	}
	w := from(onDay(start), onDay(end))
	if !plain && p.chance(400) {
		w = from(moment{start, p.between(7, 16) * 3600, fhir.Second, p.chance(100)}, moment{end, p.between(17, 20) * 3600, fhir.Second, false})
	}
	house := p.stay(w, "finished", "einrichtungskontakt", "IMP", 0)
	p.stays[house-1].profile = profilePlain
	p.stays[house-1].noSystem = !plain && p.trap(60)
	ward := p.stay(w, "finished", "abteilungskontakt", "IMP", house)
	p.stays[ward-1].profile = profilePlain
	if p.chance(500) {
		p.stay(at2(p, start), "finished", "versorgungsstellenkontakt", "IMP", ward)
	}
}

// at2 is two hours of a day.
func at2(p *patient, day fhir.Day) when {
	h := p.between(8, 14) * 3600
	return from(moment{day, h, fhir.Second, false}, moment{day, h + 7200, fhir.Second, false})
}

func (p *patient) visitAt(day fhir.Day) {
	p.stay(at2(p, day), "finished", "einrichtungskontakt", "AMB", 0)
}

// stay adds an Encounter and returns its index plus 1.
func (p *patient) stay(w when, status, level, class string, partOf int) int {
	s := stay{base: p.fact(w, status), level: level, class: class, partOf: partOf}
	if partOf != 0 {
		s.old = p.stays[partOf-1].old
	}
	p.stays = append(p.stays, s)
	return len(p.stays)
}

func (p *patient) drawDamagedStays() {
	day := p.within(p.consented+500, p.last)
	if day <= p.consented+450 || day < p.asOf-1200 {
		return
	}
	switch {
	case p.trap(60):
		p.stay(when{kind: openPeriod, start: onDay(day)}, "in-progress", "einrichtungskontakt", "IMP", 0)
	case p.trap(40):
		p.stay(from(onDay(day), onDay(fhir.LastDay)), "in-progress", "einrichtungskontakt", "IMP", 0)
	case p.trap(60):
		p.stay(from(onDay(day), onDay(day+2)), pick(&p.rng, []string{"entered-in-error", "cancelled"}), "einrichtungskontakt", "IMP", 0)
	case p.trap(60):
		p.stay(when{}, "planned", "einrichtungskontakt", "PRENC", 0)
	case p.trap(30):
		i := p.stay(from(onDay(day), onDay(day+1)), "finished", "einrichtungskontakt", "IMP", 0)
		p.stays[i-1].orphan = true
	}
}

// stayOn returns a stay that covers a day, as a reference from another fact, or 0.
func (p *patient) stayOn(day fhir.Day) int {
	for i := range p.stays {
		s := &p.stays[i]
		if s.level == "einrichtungskontakt" && s.when.kind == period && s.when.start.day <= day && day <= s.when.end.day && !s.orphan {
			return i + 1
		}
	}
	return 0
}
