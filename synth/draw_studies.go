package synth

import (
	"strconv"

	"github.com/crflink/crflink/fhir"
)

// identifierVariant is how an ImagingStudy names its study. A real server has one or two of them; this one has all.
type identifierVariant uint8

const (
	dicomOID        identifierVariant = iota // urn:dicom:uid, urn:oid:…, and the accession number
	dicomBare                                // urn:dicom:uid without urn:oid:
	ietfOID                                  // urn:ietf:rfc:3986, urn:oid:…
	dicomUpper                               // urn:DICOM:uid
	hashedAccession                          // accession only; the resource's id is a hash of the study UID
	seriesOID                                // no identifier; series.uid as urn:oid:…
	accessionOnly                            // accession only; series.uid is no UID
	hashedOnly                               // no identifier, series.uid is no UID; the resource's id is a hash
	anonymous                                // nothing but patient, modality and date
)

// uidKnown reports whether the study UID stands in the resource.
func (v identifierVariant) uidKnown() bool { return v <= dicomUpper }

func (v identifierVariant) hashed() bool { return v == hashedAccession || v == hashedOnly }

func (v identifierVariant) seriesKnown() bool { return v <= seriesOID }

func (v identifierVariant) writesAccession() bool {
	return v == dicomOID || v == dicomUpper || v == hashedAccession || v == accessionOnly
}

// order is a ServiceRequest for imaging.
type order struct {
	base
	study     int // index into patient.studies plus 1; 0 is an order without examination
	accession string
}

var (
	ga68     = coding{sysNCIt, "C118961", "Gallium Ga-68 PSMA-11"}
	f18psma  = coding{sysDCM, "126758", "PSMA-1007 F^18^"}
	f18fdg   = coding{sysSCT, "35321007", "Fluorodeoxyglucose (18-F)"}
	tc99hdp  = coding{sysSCT, "424118002", "Technetium (99m-Tc) oxidronate"}
	psmaLike = coding{sysSCT, "764893004", "PSMA ligand"}
)

func (p *patient) drawStudies() {
	if !p.chance(60) {
		p.drawPET(p.pet)
	}
	day := p.pet
	for range p.between(0, 3) {
		if day += fhir.Day(p.between(60, 260)); day < p.last { // #nosec G115 -- small
			p.drawPET(day)
		}
	}
	if p.chance(250) { // a prior
		p.drawPET(p.pet - fhir.Day(p.between(90, 700))) // #nosec G115 -- small
	}
	p.drawOtherStudies()
	if p.trap(40) { // ordered and cancelled
		d := p.within(p.pet, p.last)
		p.orders = append(p.orders, order{base: p.fact(at(p.clock(d)), "revoked"), accession: p.newAccession()})
	}
}

func (p *patient) drawOtherStudies() {
	if p.chance(300) {
		p.study(p.within(p.pet-100, p.last), []string{"CT"})
	}
	if p.chance(200) {
		p.study(p.within(p.pet-100, p.last), []string{"MR"})
	}
	if p.chance(250) {
		s := p.study(p.within(p.pet-200, p.last), pick(&p.rng, [][]string{{"NM"}, {"NM", "CT"}}))
		s.tracers = []coding{tc99hdp}
		s.dose = &quantity{value: decimal{int64(p.between(500, 740)), 0}, unit: "MBq", code: "MBq"}
	}
	if p.chance(120) {
		s := p.study(p.within(p.pet-300, p.last), []string{"PT", "CT"})
		s.tracers = []coding{f18fdg}
		p.drawDose(s)
	}
}

// drawPET adds a PSMA PET, sometimes split into two studies with one accession number.
func (p *patient) drawPET(day fhir.Day) {
	modalities := pick(&p.rng, [][]string{{"PT", "CT"}, {"CT", "PT"}, {"PT", "CT"}, {"PT", "MR"}, {"PT"}})
	split := len(modalities) == 2 && p.trap(60)
	if split {
		modalities = []string{"PT"}
	}
	s := p.study(day, modalities)
	s.tracers = []coding{pick(&p.rng, []coding{ga68, f18psma})}
	switch {
	case p.trap(25):
		s.tracers = append([]coding{psmaLike}, s.tracers...)
	case p.trap(25):
		s.tracerText, s.tracers = "Ga-68-PSMA-11", nil
	}
	p.drawDose(s)
	if split {
		accession, start, foreign := s.accession, s.when, s.foreign
		part := p.study(day, []string{"CT"})
		part.accession, part.when, part.foreign = accession, start, foreign
		p.orders = p.orders[:len(p.orders)-1]
	}
}

// study adds an ImagingStudy and its order.
func (p *patient) study(day fhir.Day, modalities []string) *study {
	m := p.clock(day)
	if m.precision == fhir.DayPrecision && p.chance(700) {
		m = p.claim(moment{day, p.between(8, 17)*3600 + p.n(3600), fhir.Second, false})
	}
	s := study{base: p.fact(at(m), "available"), modalities: modalities, reported: p.chance(700)}
	s.profile = min(s.profile, profileVersioned)
	s.uid = "1.2.826.0.1.3680043.8.498.9999." + p.pid + "." + strconv.Itoa(s.n)
	s.accession = p.newAccession()
	s.stay = p.stayOn(day)
	s.variant = identifierVariant(p.weighted([]int{40, 10, 12, 8, 10, 6, 6, 4, 4})) // #nosec G115 -- an index
	switch {
	case p.trap(20):
		s.status = pick(&p.rng, []string{"entered-in-error", "cancelled"})
	case p.trap(40):
		s.accession, s.foreign = "E"+strconv.FormatUint(100_000+p.index/2, 10), true // two patients of two hospitals have the same one
	}
	p.studies = append(p.studies, s)
	b := p.fact(at(onDay(day-fhir.Day(p.n(14)))), "completed") // #nosec G115 -- small
	b.old = s.old
	p.orders = append(p.orders, order{base: b, study: len(p.studies), accession: s.accession})
	return &p.studies[len(p.studies)-1]
}

func (p *patient) newAccession() string { return "S" + p.pid + strconv.Itoa(p.facts%100 + 100)[1:] }

// drawDose draws what was injected and how it is written, which are two things.
func (p *patient) drawDose(s *study) {
	mbq := decimal{int64(p.between(1100, 3500)), 1}
	s.doseMBq, s.doseKnown = mbq, true
	bq := decimal{mbq.m * 100_000, 0}
	q := quantity{value: mbq}
	switch r := p.n(100); {
	case r < 40:
		q = quantity{value: bq, unit: "Bq", code: "Bq"}
	case r < 60:
		q.unit, q.code = "MBq", "MBq"
	case r < 68: // the trap of the official example
		q.unit = "Becquerel"
	case r < 74:
		q.unit = "Megabecquerel"
	case r < 79: // MBq under the code of Bq, as the profile wants Bq and the device gives MBq
		q.unit, q.code = "Bq", "Bq"
	case r < 82: // and the other way round
		q = quantity{value: bq, unit: "MBq", code: "MBq"}
	case r < 86:
		q = quantity{value: decimal{mbq.m, 4}, unit: "GBq", code: "GBq"}
	case r < 90: // no unit at all
	case r < 94:
		q.unit, q.code, s.doseKnown = "Bq", "Bq", false
		q.value = decimal{5, 0} // nothing makes this an injection
	default:
		s.dose = nil
		return
	}
	s.dose = &q
}
