package pet

import (
	"strconv"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// Extensions of ImagingStudy.series in the MII module Bildgebung.
const (
	miiImaging = "https://www.medizininformatik-initiative.de/fhir/ext/modul-bildgebung/StructureDefinition/mii-ex-bildgebung-"
	extPT      = miiImaging + "modalitaet-pt"
	extNM      = miiImaging + "modalitaet-nm"
)

// OfSeries says what can be said about a series of an ImagingStudy where nobody asks the PACS: what was injected. A factor
// cannot be computed, for FHIR has neither the moment of injection nor the decay correction.
func (t *Table) OfSeries(series fhir.Node) Result {
	f := &findings{table: t}
	f.add(MetadataMissing)
	out := Result{}
	ext := series.Extension(extPT)
	if !ext.Exists() {
		ext = series.Extension(extNM)
	}
	if ext.Exists() {
		out = f.ofExtension(ext)
	} else {
		f.add(TracerUnknown)
		f.add(NuclideUnknown)
	}
	out.Reasons, out.Status = f.sorted(), f.status()
	return out
}

func (f *findings) ofExtension(ext fhir.Node) (out Result) {
	pharmaceutical := ext.Extension("radiopharmaceutical").Get("valueCodeableConcept")
	tracer, nuclide := f.identify(conceptCodes(pharmaceutical), pharmaceutical.Get("text").Text(), conceptCodes(ext.Extension("radionuclide").Get("valueCodeableConcept")))
	out.named(tracer, nuclide)
	a := assessment{findings: *f, tracer: tracer, nuclide: nuclide, first: &Slice{HalfLife: quantity(ext, "radionuclideHalfLife")}}
	a.stated(ext.Extension("radionuclideTotalDose").Get("valueQuantity"))
	if a.first.HalfLife.Known {
		a.halfLife()
	}
	if seconds := quantity(ext, "tracerExposureTime"); seconds.Known {
		a.add(UptakeUntrusted)
		minutes := seconds.Value / 60
		a.out.Uptake = &minutes
		a.window(minutes)
	}
	out.Activity, out.HalfLife, out.Uptake = a.out.Activity, a.out.HalfLife, a.out.Uptake
	for c := range ext.Extension("units").Path("valueCodeableConcept", "coding").Elements() {
		out.Units = code(c.Get("code").Text())
	}
	f.found = a.found
	return out
}

// stated decides by its size in which unit a dose is meant: profiles, examples and converters contradict each other.
func (a *assessment) stated(q fhir.Node) {
	value, err := strconv.ParseFloat(q.Get("value").Text(), 64)
	if err != nil || value <= 0 {
		a.add(DoseMissing)
		return
	}
	unit := q.Get("code").Text()
	if unit == "" {
		unit = q.Get("unit").Text()
	}
	scale, clear := doseScale(unit)
	mbq := value * scale
	if !clear || mbq < 1 || mbq > 20_000 {
		a.add(DoseUnit)
		if mbq = value; value >= 1e5 {
			mbq = value / megabecquerel
		}
	}
	if mbq < 1 || mbq > 20_000 {
		a.add(DoseImplausible)
		return
	}
	a.out.Activity = &mbq
	a.addIf(!a.usual().holds(mbq), DoseUnusual)
}

// doseScale is by what a value in the unit becomes MBq.
func doseScale(unit string) (scale float64, clear bool) {
	switch strings.ToLower(strings.TrimSpace(unit)) {
	case "bq", "becquerel":
		return 1e-6, true
	case "kbq", "kilobecquerel":
		return 1e-3, true
	case "mbq", "megabecquerel":
		return 1, true
	case "gbq", "gigabecquerel":
		return 1e3, true
	}
	return 1, false
}

func quantity(ext fhir.Node, name string) Number {
	v, err := strconv.ParseFloat(ext.Extension(name).Path("valueQuantity", "value").Text(), 64)
	return Number{v, err == nil && v > 0}
}

// designators are the systems of FHIR as DICOM designates them.
var designators = map[string]string{
	"http://snomed.info/sct":                             "SCT",
	"http://snomed.info/srt":                             "SRT",
	"http://dicom.nema.org/resources/ontology/DCM":       "DCM",
	"http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": "NCIt",
	"http://ncithesaurus-stage.nci.nih.gov":              "NCIt",
	"http://terminology.hl7.org/CodeSystem/umls":         "UMLS",
	"http://www.nlm.nih.gov/research/umls":               "UMLS",
}

func conceptCodes(concept fhir.Node) (all []Code) {
	for c := range concept.Get("coding").Elements() {
		if system := designators[c.Get("system").Text()]; system != "" {
			all = append(all, Code{system, c.Get("code").Text()})
		}
	}
	return all
}
