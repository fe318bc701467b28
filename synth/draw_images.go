package synth

import (
	"math"
	"strconv"

	"github.com/crflink/crflink/fhir"
)

// PETKinds are the PET series that are drawn: good ones, other ways to say the same, and what is wrong in practice.
var PETKinds = []string{"good", "admin", "none", "gml", "philips", "enhanced", "clock", "grams", "mbq", "late", "no-weight", "after-scan"}

var petShares = []int{50, 4, 5, 4, 5, 6, 6, 4, 6, 4, 4, 2}

// SOP classes (PS3.4, B.5).
const (
	classPT       = "1.2.840.10008.5.1.4.1.1.128"
	classEnhanced = "1.2.840.10008.5.1.4.1.1.130"
	classCT       = "1.2.840.10008.5.1.4.1.1.2"
	classMR       = "1.2.840.10008.5.1.4.1.1.4"
	classNM       = "1.2.840.10008.5.1.4.1.1.20"
)

// scanner is a make and model.
type scanner struct{ maker, model string }

var scanners = []scanner{{"SIEMENS", "Biograph 128"}, {"GE MEDICAL SYSTEMS", "Discovery MI"}, {"Philips Medical Systems", "Vereos PET/CT"}}

// drawer draws the headers of one study.
type drawer struct {
	rng
	p     *patient
	f     *study
	study *PACSStudy
}

func (d *drawer) series(uid, modality string) PACSSeries {
	s := PACSSeries{UID: uid, Modality: modality, Instances: 2}
	switch modality {
	case "PT":
		d.pet(&s)
	case "NM":
		d.spect(&s)
	case "MR":
		s.class = classMR
	default:
		s.class = classCT
	}
	s.header.put(0x00080016, "UI", s.class)
	return s
}

// image is what is drawn of a PET series.
type image struct {
	kind    string
	slope   float64
	weight  float64 // kg
	dose    float64 // MBq
	half    float64 // s
	uptake  int     // minutes
	tracer  coding
	nuclide string
	scanner scanner
}

func (d *drawer) pet(s *PACSSeries) {
	slope := float64(50 + d.n(50))
	m := image{kind: "good", slope: slope / 100, weight: d.weight(), dose: d.dose(), uptake: d.between(60, 68), scanner: pick(&d.rng, scanners[:2])}
	if d.p.config.Messiness != Clean {
		m.kind = PETKinds[d.weighted(petShares)]
	}
	m.tracer, m.nuclide, m.half = d.injected()
	switch m.kind {
	case "late":
		m.uptake = 130
	case "after-scan":
		m.uptake = -30
	case "gml":
		m.slope = slope / 1e5
	case "philips":
		m.scanner = scanners[2]
	}
	s.Truth = Quantity{Kind: m.kind, Factor: m.factor(), Uptake: m.uptake, Tracer: tracerNames[m.tracer], Nuclide: m.nuclide}
	s.Instances, s.class, s.header = 3, classPT, d.plain(&m)
	if m.kind == "enhanced" {
		s.Instances, s.class, s.header = 1, classEnhanced, d.enhanced(&m)
	}
}

// What images have in common.
const (
	frameSeconds  = 120
	correctedBack = 5 // minutes before the scan to which enhanced objects are decay corrected
	philipsFactor = 0.0005
)

// factor is the SUVbw of one stored value, by the definition of SUV alone: activity concentration over what is left of the injected
// activity in a gram of the patient.
func (m *image) factor() float64 {
	left := func(minutes float64) float64 { return m.dose * 1e6 * math.Exp2(-minutes*60/m.half) }
	grams, uptake := m.weight*1000, float64(m.uptake)
	switch m.kind {
	case "no-weight", "after-scan":
		return 0
	case "admin":
		return m.slope * grams / (m.dose * 1e6)
	case "gml":
		return m.slope
	case "philips":
		return m.slope * philipsFactor
	case "enhanced":
		return m.slope * grams / left(uptake-correctedBack)
	case "none":
		lost := math.Ln2 / m.half * frameSeconds
		return m.slope * grams / left(uptake) * lost / (1 - math.Exp(-lost))
	}
	return m.slope * grams / left(uptake)
}

// common is what plain and enhanced images say alike.
func (d *drawer) common(m *image) (h dataset) {
	h.put(0x00080070, "LO", m.scanner.maker)
	h.put(0x00081090, "LO", m.scanner.model)
	h.put(0x00100040, "CS", d.study.sex)
	h.put(0x00101020, "DS", "1.78")
	switch m.kind {
	case "no-weight":
	case "grams":
		h.number(0x00101030, "DS", math.Round(m.weight*1000))
	default:
		h.number(0x00101030, "DS", m.weight)
	}
	return h
}

// agent is what was injected.
func (d *drawer) agent(m *image) (a dataset) {
	at := d.study.sec - m.uptake*60
	switch m.kind {
	case "clock":
		a.put(0x00181072, "TM", dicomMoment(d.study.Date, at)[8:])
	default:
		a.put(0x00181078, "DT", dicomMoment(d.study.Date, at))
	}
	if m.kind == "mbq" || m.kind == "enhanced" { // a mistake in the one class, the standard's unit in the other
		a.number(0x00181074, "DS", m.dose)
	} else {
		a.number(0x00181074, "DS", math.Round(m.dose*1e6))
	}
	a.number(0x00181075, "DS", m.half)
	nuclide := map[string][2]string{"Ga-68": {"35337001", "68-Gallium"}, "F-18": {"77004003", "18-Fluorine"}}[m.nuclide]
	a.code(0x00540300, nuclide[0], "SCT", nuclide[1])
	a.code(0x00540304, m.tracer.code, dicomSystems[m.tracer.system], "")
	return a
}

// plain is a header of the class PET.
func (d *drawer) plain(m *image) dataset {
	h := d.common(m)
	units, correction, corrections := "BQML", "START", []string{"NORM", "ATTN", "SCAT", "DECY"}
	switch m.kind {
	case "admin":
		correction = "ADMIN"
	case "none":
		correction, corrections = "NONE", corrections[:3]
	case "gml":
		units = "GML"
	case "philips":
		units = "CNTS"
		h.put(0x70530010, "LO", "Philips PET Private Group")
		h.number(0x70531000, "DS", philipsFactor)
	}
	for _, tag := range []uint32{0x00080021, 0x00080022} {
		h.put(tag, "DA", dicomDate(d.study.Date))
	}
	for _, tag := range []uint32{0x00080031, 0x00080032} {
		h.put(tag, "TM", dicomTime(d.study.sec))
	}
	h.put(0x00180050, "DS", "3")
	h.put(0x00181242, "IS", strconv.Itoa(frameSeconds*1000))
	h.put(0x00280030, "DS", "4.07", "4.07")
	h.put(0x00280051, "CS", corrections...)
	h.put(0x00281052, "DS", "0")
	h.number(0x00281053, "DS", m.slope)
	h.sequence(0x00540016, d.agent(m))
	h.put(0x00541000, "CS", "STATIC", "IMAGE")
	h.put(0x00541001, "CS", units)
	h.put(0x00541102, "CS", correction)
	h.put(0x00541103, "LO", "OSEM3D 4i21s")
	return h
}

// enhanced is a header of the class Enhanced PET, with two frames.
func (d *drawer) enhanced(m *image) dataset {
	h := d.common(m)
	h.put(0x00189701, "DT", dicomMoment(d.study.Date, d.study.sec-correctedBack*60))
	h.put(0x00189758, "CS", "YES")
	h.put(0x00189759, "CS", "YES")
	agent := d.agent(m)
	agent.put(0x00189729, "US", "1")
	h.sequence(0x00540016, agent)
	var measures, mapping, shared dataset
	measures.put(0x00180050, "DS", "3")
	measures.put(0x00280030, "DS", "4.07", "4.07")
	mapping.code(0x004008EA, "Bq/ml", "UCUM", "Becquerels/milliliter")
	mapping.number(0x00409224, "FD", 0)
	mapping.number(0x00409225, "FD", m.slope)
	shared.sequence(0x00289110, measures)
	shared.sequence(0x00409096, mapping)
	h.sequence(0x52009229, shared)
	var frames []dataset
	for i := range 2 {
		var content, frame dataset
		content.put(0x00189074, "DT", dicomMoment(d.study.Date, d.study.sec+i*frameSeconds))
		content.number(0x00189220, "FD", frameSeconds*1000)
		frame.sequence(0x00209111, content)
		frames = append(frames, frame)
	}
	h.sequence(tagFrameGroups, frames...)
	return h
}

func (d *drawer) spect(s *PACSSeries) {
	s.class, s.Instances = classNM, 1
	s.Truth = Quantity{Kind: "counts"}
	s.header.put(0x00080070, "LO", "SIEMENS")
	s.header.put(0x00081090, "LO", "Symbia Intevo")
	if d.chance(500) {
		var mapping dataset
		mapping.code(0x004008EA, "Bq/ml", "UCUM", "Becquerels/milliliter")
		mapping.number(0x00409224, "FD", 0)
		mapping.number(0x00409225, "FD", 12.5)
		s.header.sequence(0x00409096, mapping)
		s.Truth.Kind, s.Truth.Calibration = "calibrated", 12.5
	}
}

// weight is the one of the record nearest to the scan, as the PET suite would have asked for it, else a drawn one.
func (d *drawer) weight() float64 {
	weight, nearest := float64(d.between(600, 1100))/10, fhir.Day(31)
	for i := range d.p.labs {
		o := &d.p.labs[i]
		q := o.quantity
		if o.kind != "weight" || o.void() || o.orphan || q == nil || q.den == 0 || q.comparator != "" {
			continue
		}
		if off := max(o.when.start.day-d.study.Date, d.study.Date-o.when.start.day); off < nearest {
			kg := float64(q.value.m) / math.Pow10(q.value.scale) * float64(q.num) / float64(q.den)
			if kg >= 20 && kg <= 200 {
				weight, nearest = math.Round(kg*10)/10, off
			}
		}
	}
	return weight
}

func (d *drawer) dose() float64 {
	if m := d.f.doseMBq; m.m > 0 {
		return float64(m.m) / math.Pow10(m.scale)
	}
	return float64(d.between(1100, 3500)) / 10
}

// injected is what was truly injected, however the resource writes it.
func (d *drawer) injected() (tracer coding, nuclide string, half float64) {
	tracer = ga68
	for _, c := range d.f.tracers {
		if c != psmaLike {
			tracer = c
		}
	}
	if tracer == ga68 {
		return tracer, "Ga-68", 4062.6
	}
	return tracer, "F-18", 6586.2
}

var tracerNames = map[coding]string{ga68: "Ga-68-PSMA-11", f18psma: "F-18-PSMA-1007", f18fdg: "F-18-FDG"}

// dicomSystems are the systems of FHIR as DICOM designates them (PS3.16, 8).
var dicomSystems = map[string]string{sysNCIt: "NCIt", sysDCM: "DCM", sysSCT: "SCT"}
