package synth

import "github.com/crflink/crflink/fhir"

// unit is one way in which laboratories write an analyte's unit, with its factor num/den into the item's unit. A printed unit without code that
// is UCUM by chance converts; den 0 does not.
type unit struct {
	code, printed string
	num, den      int64
	share         int
	scale         int // decimals that are written
}

// analyte is what is measured, with the range of values in the item's unit times 10^scale.
type analyte struct {
	kind      string
	codes     []string // LOINC
	display   string
	low, high int // typical values
	scale     int
	units     []unit
	vital     bool // a vital sign, not a laboratory value
}

var analytes = []analyte{
	{kind: "creatinine", codes: []string{"2160-0", "14682-9"}, display: "Kreatinin", low: 60, high: 190, scale: 2, units: []unit{
		{"mg/dL", "mg/dl", 1, 1, 50, 2}, {"umol/L", "µmol/l", 11312, 1_000_000, 30, 1}, {"mg/L", "mg/l", 1, 10, 4, 1},
		{"", "mg/dl", 1, 1, 5, 2}, {"", "µmol/l", 0, 0, 4, 1},
	}},
	{kind: "haemoglobin", codes: []string{"718-7", "59260-0"}, display: "Hämoglobin", low: 80, high: 165, scale: 1, units: []unit{
		{"g/dL", "g/dl", 1, 1, 60, 1}, {"mmol/L", "mmol/l", 16114, 10_000, 25, 2}, {"g/L", "g/l", 1, 10, 10, 0}, {"", "g/dl", 1, 1, 4, 1},
		{"", "g%", 1, 1, 2, 1},
	}},
	{kind: "leukocytes", codes: []string{"6690-2", "26464-8"}, display: "Leukozyten", low: 25, high: 140, scale: 1, units: []unit{
		{"10*9/L", "10^9/l", 1, 1, 40, 2}, {"/nL", "/nl", 1, 1, 30, 2}, {"10*3/uL", "Tsd/µl", 1, 1, 15, 2}, {"", "/nl", 1, 1, 4, 2},
		{"", "G/l", 0, 0, 5, 2},
	}},
	{kind: "platelets", codes: []string{"777-3", "26515-7"}, display: "Thrombozyten", low: 90, high: 420, units: []unit{
		{"10*9/L", "G/l", 1, 1, 40, 0}, {"/nL", "/nl", 1, 1, 30, 0}, {"/uL", "/µl", 1, 1000, 15, 0}, {"", "Mrd/l", 0, 0, 5, 0},
	}},
	{kind: "alp", codes: []string{"6768-6"}, display: "Alkalische Phosphatase", low: 35, high: 600, units: []unit{
		{"U/L", "U/l", 1, 1, 70, 0}, {"ukat/L", "µkat/l", 60, 1, 15, 2}, {"", "U/l", 1, 1, 6, 0}, {"", "E/l", 0, 0, 4, 0},
	}},
	{kind: "ldh", codes: []string{"14804-9", "2532-0", "14805-6"}, display: "LDH", low: 120, high: 700, units: []unit{
		{"U/L", "U/l", 1, 1, 70, 0}, {"ukat/L", "µkat/l", 60, 1, 15, 2}, {"", "U/l", 1, 1, 6, 0}, {"mg/dL", "mg/dl", 0, 0, 3, 0},
	}},
	{kind: "weight", codes: []string{"29463-7"}, display: "Körpergewicht", low: 550, high: 1250, scale: 1, vital: true, units: []unit{
		{"kg", "kg", 1, 1, 80, 1}, {"g", "g", 1, 1000, 10, 0}, {"[lb_av]", "lb", 45_359_237, 100_000_000, 4, 1}, {"", "kg", 1, 1, 4, 1},
	}},
	{kind: "height", codes: []string{"8302-2"}, display: "Körpergröße", low: 160, high: 196, vital: true, units: []unit{
		{"cm", "cm", 1, 1, 80, 0}, {"m", "m", 100, 1, 12, 2}, {"[in_i]", "in", 254, 100, 3, 1}, {"", "cm", 1, 1, 4, 0},
	}},
}

// psa is the course of the tumour marker, in thousandths of ng/mL.
var psa = analyte{kind: "psa", codes: []string{"2857-1", "35741-8", "83112-3"}, display: "PSA", low: 100, high: 60_000, scale: 3, units: []unit{
	{"ng/mL", "ng/ml", 1, 1, 60, 3}, {"ug/L", "µg/l", 1, 1, 20, 3}, {"pg/mL", "pg/ml", 1, 1000, 4, 0}, {"", "ng/ml", 1, 1, 6, 2},
	{"", "µg/l", 0, 0, 3, 3}, {"[IU]/L", "IE/l", 0, 0, 1, 2},
}}

func (p *patient) drawLabs() {
	for i := range analytes {
		a := &analytes[i]
		if p.chance(920) {
			p.measure(a, p.within(p.pet-24, p.pet+4))
		}
		for range p.between(0, 1) {
			p.measure(a, p.within(p.pet-200, p.pet+200))
		}
	}
	day := p.within(p.pet-500, p.pet-200)
	for range p.between(0, 11) {
		if day += fhir.Day(p.between(35, 120)); day > p.last { // #nosec G115 -- small
			break
		}
		p.measure(&psa, day)
	}
}

// measure adds an Observation of an analyte, with all that can be wrong with it.
func (p *patient) measure(a *analyte, day fhir.Day) {
	b := p.fact(at(p.clock(day)), "final")
	b.stay = p.stayOn(day)
	b.dangles = p.trap(10)
	o := observation{base: b, kind: a.kind, code: coding{sysLOINC, pick(&p.rng, a.codes), a.display}}
	if !a.vital {
		o.result = p.nextResult()
		o.issued = b.when.start.unix() + int64(p.between(2*3600, 10*3600))
		if p.trap(30) {
			o.result = 0
		}
	}
	p.fill(&o, a)
	p.spoil(&o, a)
	p.labs = append(p.labs, o)
	if o.result != 0 && p.trap(45) {
		p.reissue(o, a)
	}
}

func (p *patient) nextResult() int {
	p.results++
	return p.results
}

// fill draws a value and writes it in one of the units.
func (p *patient) fill(o *observation, a *analyte) {
	value := decimal{int64(p.between(a.low, a.high)), a.scale}
	if a.kind == "psa" && p.chance(500) {
		value.m = int64(p.between(4, 2000))
	}
	weights := [8]int{}
	for i := range a.units {
		weights[i] = a.units[i].share
	}
	u := &a.units[p.weighted(weights[:len(a.units)])]
	o.quantity = &quantity{value: value.written(u), unit: u.printed, code: u.code, num: u.num, den: u.den}
}

// written expresses a value of the item's unit in another one, with the decimals that are usual there.
func (d decimal) written(u *unit) decimal {
	num, den := u.num, u.den
	if den == 0 {
		num, den = 1, 1
	}
	return decimal{divide(d.m*den*pow10(u.scale), num*pow10(d.scale)), u.scale}
}

// spoil makes an Observation one of those that a mapping has to cope with.
func (p *patient) spoil(o *observation, a *analyte) {
	switch {
	case a.kind == "psa" && p.trap(70):
		o.quantity.comparator = pick(&p.rng, []string{"<", "<", "<=", ">", ">="})
		o.quantity.value = o.quantity.value.limit(o.quantity.comparator)
	case a.kind == "ldh" && p.trap(15):
		o.quantity.comparator = ">"
	case p.trap(25):
		o.quantity, o.absent = nil, pick(&p.rng, []string{"unknown", "error", "not-performed", "temp-unknown"})
	case p.trap(6):
		o.quantity = nil
	case p.trap(8):
		o.quantity, o.text = nil, pick(&p.rng, []string{"siehe Kommentar", textNumber})
	case p.trap(12):
		o.quantity.value.m *= 1000 // milli-something under the name of the unit
	}
	switch {
	case p.trap(18):
		o.status = "entered-in-error"
	case p.trap(8):
		o.status = "cancelled"
	case p.trap(15):
		o.orphan = true
	case p.trap(6):
		o.when = when{}
	case p.trap(6):
		o.when.start = moment{o.when.start.day, 0, fhir.Month, false}
	}
}

// textNumber is a result that somebody typed as a text.
const textNumber = "<5"

// limit is the limit of quantification for < and the upper limit of the range for >.
func (d decimal) limit(comparator string) decimal {
	if comparator[0] == '<' {
		return decimal{pow10(d.scale) / 10, d.scale}
	}
	return decimal{100 * pow10(d.scale), d.scale}
}

// reissue adds a newer edition of a result: another id, the same identifier, another value. Some say that there never was one.
func (p *patient) reissue(o observation, a *analyte) {
	p.facts++
	o.n = p.facts
	o.issued += int64(p.between(1, 4)) * 86400
	o.loaded += 5 * 86400
	o.status, o.absent, o.text = pick(&p.rng, []string{"corrected", "amended", "final"}), "", ""
	p.fill(&o, a)
	if p.chance(150) {
		o.status = "entered-in-error"
	}
	p.labs = append(p.labs, o)
}

func pow10(n int) int64 {
	f := int64(1)
	for range n {
		f *= 10
	}
	return f
}

// divide rounds half away from zero; both are not negative and b is positive.
func divide(a, b int64) int64 { return (2*a + b) / (2 * b) }
