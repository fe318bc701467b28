package synth

import "strconv"

var observationProfiles = map[string]string{
	"vital_status": profVital, "t": profOnko + "tnm-t-kategorie", "n": profOnko + "tnm-n-kategorie", "m": profOnko + "tnm-m-kategorie",
	"isup": profOnko + "grading", "ecog": profOnko + "allgemeiner-leistungszustand-ecog",
	"weight": "http://hl7.org/fhir/StructureDefinition/bodyweight", "height": "http://hl7.org/fhir/StructureDefinition/bodyheight",
}

func (e *emitter) observation(f *observation) {
	w := e.w
	profile := observationProfiles[f.kind]
	lab := profile == ""
	if lab {
		profile = profLab
	}
	e.begin("Observation", e.p.resourceID("Observation", f.n), &f.base, profile)
	if f.result != 0 {
		w.array("identifier")
		w.identifier("OBI", sysResult, e.p.pid+"-"+strconv.Itoa(f.result))
		w.endArray()
	}
	w.plain("status", f.status)
	e.observationCategory(f.kind, lab)
	e.observationCode(f)
	e.subject("subject", &f.base)
	e.context("encounter", &f.base)
	w.dated("effective", f.when)
	if f.issued != 0 {
		w.instant("issued", f.issued)
	}
	e.observationValue(f)
	e.emit("Observation")
}

func (e *emitter) observationCategory(kind string, lab bool) {
	const system = "http://terminology.hl7.org/CodeSystem/observation-category"
	w := e.w
	switch {
	case lab:
		w.array("category")
		w.concept("", coding{sysLOINC, "26436-6", ""}, coding{system, "laboratory", ""})
		w.endArray()
	case kind == "weight" || kind == "height":
		w.array("category")
		w.concept("", coding{system, "vital-signs", ""})
		w.endArray()
	case kind == "vital_status":
		w.array("category")
		w.concept("", coding{system, "survey", ""})
		w.endArray()
	}
}

// observationCode writes the code; the prefix of a TNM category is an extension of it.
func (e *emitter) observationCode(f *observation) {
	w := e.w
	w.object("code")
	if f.prefix != "" {
		w.array("extension")
		w.conceptExtension(extOnko+"tnm-cp-praefix", coding{sysUICC, f.prefix, ""})
		w.endArray()
	}
	w.array("coding")
	w.coding("", f.code)
	w.endArray()
	w.end()
}

func (e *emitter) observationValue(f *observation) {
	w := e.w
	switch {
	case f.absent != "":
		w.concept("dataAbsentReason", coding{sysAbsent, f.absent, ""})
	case f.quantity != nil:
		w.quantity("valueQuantity", f.quantity)
	case len(f.codes) > 0:
		w.concept("valueCodeableConcept", f.codes...)
	case f.isInteger:
		w.integer("valueInteger", int64(f.integer))
	case f.text != "":
		w.text("valueString", f.text)
	}
}
