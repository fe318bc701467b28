package synth

import (
	"github.com/crflink/crflink/fhir"
)

type person struct {
	gender, official string // official: D or X of gender-amtlich-de
	birth            moment // precision 0: unknown
	given, family    string
	prefix, title    string
	addresses        []address
	died             moment // precision 0: alive
	private          bool   // insured privately: no KVNR
}

type address struct {
	kind, street, house, extra, city, code string
	unknown                                bool // only data-absent-reason
}

var (
	maleNames   = []string{"Jürgen", "Björn", "Günther", "Söhnke", "Testo", "Matthäus", "René", "Lór", "Prüfhold", "Karl-Heinz", "Proband"}
	femaleNames = []string{"Änne", "Käthe", "Probina", "Zoë", "Testina"}
	familyNames = []string{
		"Musterström", "Prüfäcker", "Testhuber", "Beispielgößner", "Fiktivmüller", "Demokröger", "Platzhälter", "Muster-Weiß", "Synthmeyer",
		"Erfundénsson", "Probeweißer", "Kunstlöffel", "O'Muster",
	}
	namePrefixes = []string{"von", "zu", "van der", "Freiherr von"}
	streets      = []string{"Musterstraße", "Prüfallee", "Beispielweg", "Testgäßchen", "Platz der Platzhalter", "Fiktive Höhe"}
	cities       = []string{"Musterstadt", "Prüfhausen", "Nieder-Täuschungen", "Bad Beispiel", "Fiktivgrün"}
)

func (p *patient) drawPerson() {
	q := &p.person
	q.drawGender(p)
	q.given, q.family = pick(&p.rng, maleNames), pick(&p.rng, familyNames)
	if q.gender == "female" {
		q.given = pick(&p.rng, femaleNames)
	}
	if p.chance(250) {
		q.given += " " + pick(&p.rng, maleNames)
	}
	if p.chance(120) {
		q.prefix = pick(&p.rng, namePrefixes)
	}
	if p.chance(80) {
		q.title = "Dr."
	}
	q.drawBirth(p)
	q.drawAddresses(p)
	q.private = p.chance(110)
	p.kvnr = kvnr(number(p.config.Seed, p.index, "X", 100_000_000, 8)[1:])
	if p.chance(120) {
		q.died = onDay(p.asOf - fhir.Day(p.between(5, 400))) // #nosec G115 -- small
	}
	if p.trap(45) {
		p.oldID = hexID(mix(^(p.config.Seed*0x2545f4914f6cdd1d + p.index)))
		p.oldPID = number(p.config.Seed, p.index, "7", 1_000_000_000, 9)
	}
}

func (q *person) drawGender(p *patient) {
	switch r := p.n(1000); {
	case r < 935:
		q.gender = "male"
	case r < 955:
		q.gender, q.official = "other", pick(&p.rng, []string{"D", "X"})
	case r < 970:
		q.gender = "female"
	case r < 985:
		q.gender = "unknown"
	default:
		if q.gender = "male"; p.trap(1000) {
			q.gender = ""
		}
	}
}

func (q *person) drawBirth(p *patient) {
	y, _, _ := p.asOf.Date()
	q.birth = onDay(fhir.NewDay(y-p.between(52, 86), p.between(1, 12), p.between(1, 28)))
	switch {
	case p.trap(30):
		q.birth.precision = fhir.Year
	case p.trap(20):
		q.birth.precision = fhir.Month
	case p.trap(15):
		q.birth = moment{}
	case p.trap(12):
		q.birth = onDay(fhir.NewDay(1900, 1, 1)) // what some systems write for an unknown date
	}
}

func (q *person) drawAddresses(p *patient) {
	q.addresses = append(q.addresses[:0], p.address("both"))
	switch {
	case p.trap(20):
		q.addresses[0] = address{kind: "", unknown: true}
	case p.trap(15):
		q.addresses[0].kind = "" // FHIRPath: type != 'postal' is then empty, and the address does not count
	case p.trap(80):
		box := p.address("postal")
		box.street, box.house = "Postfach", p.digits(4)
		q.addresses = []address{box, q.addresses[0]}
	}
}

func (p *patient) address(kind string) address {
	a := address{kind: kind, street: pick(&p.rng, streets), house: p.digits(2), city: pick(&p.rng, cities), code: p.digits(5)}
	if p.chance(100) {
		a.extra = "Hinterhaus, 2. Stock"
	}
	return a
}

func (p *patient) digits(n int) string {
	b := []byte{'1' + byte(p.n(9))} // #nosec G115 -- a digit
	for len(b) < n {
		b = append(b, '0'+byte(p.n(10))) // #nosec G115 -- a digit
	}
	return string(b)
}

// kvnr makes a health insurance number of 8 digits: the letter X, the digits and the check digit of § 290 SGB V.
func kvnr(eight string) string {
	sum := 0
	for i, c := range "24" + eight { // X is letter 24
		d := int(c - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return "X" + eight + string(rune('0'+sum%10))
}

func (p *patient) drawEnrolment() {
	day := p.consented
	switch r := p.n(1000); {
	case r < 920:
		p.enrol(sysSubject, "ResearchStudy/psma-registry", number(p.config.Seed, p.index, "PSMA-", 100_000_000, 8), day)
		if p.trap(60) {
			p.enrol(sysOtherSubject, "ResearchStudy/other-study", "OTHER-"+p.digits(5), day+3)
		}
	case r < 950:
		p.enrol(sysOtherSubject, "ResearchStudy/other-study", "OTHER-"+p.digits(5), day)
	}
}

func (p *patient) enrol(system, study, number string, day fhir.Day) {
	b := p.fact(at(onDay(day)), "on-study")
	p.enrolments = append(p.enrolments, enrolment{b, system, number, study, day})
}

// subject is the study number, "" for a patient who was not enrolled.
func (p *patient) subject() string {
	for i := range p.enrolments {
		if p.enrolments[i].system == sysSubject {
			return p.enrolments[i].number
		}
	}
	return ""
}

// dicomSex is the sex as images have it; "" where it is not known.
func (q *person) dicomSex() string {
	return map[string]string{"male": "M", "female": "F", "other": "O"}[q.gender]
}
