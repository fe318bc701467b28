package synth

import (
	"slices"
	"strconv"

	"github.com/crflink/crflink/fhir"
)

// patient holds the facts of one patient. It is reused for the next one.
type patient struct {
	rng
	config Config
	index  uint64
	facts  int // facts so far, for their ordinals

	id, oldID   string // oldID is "" when nothing was merged
	pid, oldPID string
	kvnr        string
	person      person

	asOf      fhir.Day
	consented fhir.Day // day of the first signature
	diagnosed fhir.Day
	pet       fhir.Day // day of the PET that the course is built around
	last      fhir.Day // last day on which something may happen: before as-of and death

	consents   []consent
	decision   expected
	enrolments []enrolment
	stays      []stay
	conditions []condition
	labs       []observation
	staging    []observation
	vital      []observation
	procedures []procedure
	drugs      []medication
	studies    []study
	orders     []order
	results    int
	taken      []int64 // beginnings of facts, see claim
}

// draw makes the facts of the patient with an index. The order of the draws is part of the format: a change changes all data.
func (p *patient) draw(config Config, index uint64) {
	p.reset(config, index)
	p.drawPerson()
	p.drawTimeline()
	p.drawConsents()
	p.drawEnrolment()
	p.drawStays()
	p.drawConditions()
	p.drawStaging()
	p.drawStudies()
	p.drawLabs()
	p.drawDrugs()
	p.drawProcedures()
	p.drawVital()
}

func (p *patient) reset(config Config, index uint64) {
	*p = patient{
		rng: newRNG(config.Seed, index), config: config, index: index, asOf: config.AsOf,
		consents: p.consents[:0], enrolments: p.enrolments[:0], stays: p.stays[:0], conditions: p.conditions[:0], labs: p.labs[:0],
		staging: p.staging[:0], vital: p.vital[:0], procedures: p.procedures[:0], drugs: p.drugs[:0], studies: p.studies[:0],
		orders: p.orders[:0], taken: p.taken[:0],
	}
	p.id = hexID(mix(config.Seed*0x2545f4914f6cdd1d + index))
	p.pid = number(config.Seed, index, "8", 1_000_000_000, 9)
}

// hexID is unique within a seed, because mix is a bijection.
func hexID(x uint64) string {
	s := strconv.FormatUint(x, 16)
	return "0000000000000000"[len(s):] + s
}

// number is a number of the index that is unique within a seed and does not tell the index at a glance: 387420489 has no divisor in
// common with a power of ten. Numbers with different prefixes have nothing to do with each other.
func number(seed, index uint64, prefix string, modulus uint64, digits int) string {
	n := (index*387_420_489 + mix(seed^uint64(digits)<<32^uint64(prefix[0]))%modulus) % modulus // #nosec G115 -- small
	return string(padded([]byte(prefix), int(n), digits))                                       // #nosec G115 -- below 10^9
}

// trap is chance for what goes wrong in real data.
func (p *patient) trap(permille int) bool {
	switch p.config.Messiness {
	case Clean:
		return false
	case Harsh:
		permille *= 3
	}
	return p.chance(permille)
}

// fact begins a fact with a date and a status.
func (p *patient) fact(w when, status string) base {
	p.facts++
	b := base{n: p.facts, when: w, status: status, loaded: p.loadTime(w)}
	b.old = p.oldID != "" && p.chance(350)
	switch {
	case p.trap(40):
		b.profile = profileMissing
	case p.trap(60):
		b.profile = profileVersioned
	}
	return b
}

// loadTime is when the server took the resource: a day or two after it happened, and not after as-of.
func (p *patient) loadTime(w when) int64 {
	day := w.start.day + 1
	if w.kind == period && w.end.day > w.start.day {
		day = w.end.day + 1
	}
	if w.kind == undated || day >= p.asOf {
		day = p.asOf - 1
	}
	return epoch(day) + int64(p.between(3600, 80000))
}

// clock returns a moment on a day: mostly with a time of day, sometimes near midnight, sometimes written as UTC.
func (p *patient) clock(day fhir.Day) moment { return p.claim(p.someClock(day)) }

// claim moves a moment to a free time of its day, so that no two facts of a patient begin at the same instant and every choice between
// them is defined by their dates.
func (p *patient) claim(m moment) moment {
	for slices.Contains(p.taken, m.unix()) {
		m = moment{m.day, 7*3600 + p.n(12*3600), fhir.Second, false}
	}
	p.taken = append(p.taken, m.unix())
	return m
}

func (p *patient) someClock(day fhir.Day) moment {
	switch {
	case p.chance(100):
		return onDay(day)
	case p.trap(40):
		return moment{day, p.between(300, 6600), fhir.Second, p.chance(700)}
	case p.trap(30):
		return moment{day, p.between(80000, 86399), fhir.Second, p.chance(700)}
	}
	return moment{day, p.between(7*3600, 18*3600), fhir.Second, p.chance(120)}
}

// within returns a day from low to high, moved before the last possible day.
func (p *patient) within(low, high fhir.Day) fhir.Day {
	low, high = min(low, p.last), min(high, p.last)
	if high < low {
		high = low
	}
	return low + fhir.Day(p.n(int(high-low)+1)) // #nosec G115 -- a span of days
}

// drawTimeline sets the days around which everything happens.
func (p *patient) drawTimeline() {
	p.last = p.asOf - 2
	if p.person.died.precision != 0 {
		p.last = p.person.died.day - 1
	}
	p.consented = p.asOf - fhir.Day(p.between(700, 1650))                      // #nosec G115 -- small
	p.pet = p.within(p.consented+15, p.consented+fhir.Day(p.between(40, 420))) // #nosec G115 -- a few thousand days
	if p.chance(90) {
		p.pet = p.consented - fhir.Day(p.between(3, 200)) // #nosec G115 -- a few thousand days
	}
	p.diagnosed = p.pet - fhir.Day(p.between(20, 2600)) // #nosec G115 -- a few thousand days
}
