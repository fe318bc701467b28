package synth

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Abbreviations of types in ids.
var idParts = map[string]string{
	"Encounter": "-enc-", "Condition": "-cond-", "Observation": "-obs-", "Procedure": "-proc-", "MedicationStatement": "-ms-",
	"MedicationRequest": "-mr-", "MedicationAdministration": "-ma-", "Consent": "-con-", "ResearchSubject": "-rs-",
	"ServiceRequest": "-sr-", "DiagnosticReport": "-dr-", "ImagingStudy": "-img-",
}

// danglingPart is in the ids that references name although no such resource exists: a deliberate trap.
const danglingPart = "-enc-missing-"

func (p *patient) resourceID(typ string, n int) string {
	return p.id + idParts[typ] + strconv.Itoa(n)
}

// studyID is the id of an ImagingStudy: for some sites a hash of the study UID.
func (p *patient) studyID(s *study) string {
	if !s.variant.hashed() {
		return p.resourceID("ImagingStudy", s.n)
	}
	sum := sha256.Sum256([]byte(hashSystem + "|" + s.uid))
	return hex.EncodeToString(sum[:])
}

// render yields all resources of the patient that was drawn last.
func (g *Generator) render(sink Sink) error {
	p := &g.p
	e := emitter{p: p, w: &g.w, sink: sink}
	e.patients()
	each(&e, p.consents, e.consent)
	each(&e, p.enrolments, e.enrolment)
	each(&e, p.stays, e.encounter)
	each(&e, p.conditions, e.condition)
	each(&e, p.labs, e.observation)
	each(&e, p.staging, e.observation)
	each(&e, p.vital, e.observation)
	each(&e, p.drugs, e.medication)
	each(&e, p.procedures, e.procedure)
	each(&e, p.orders, e.order)
	each(&e, p.studies, e.study)
	each(&e, p.studies, e.report)
	return e.err
}

func each[T any](e *emitter, facts []T, write func(*T)) {
	for i := range facts {
		if e.err != nil {
			return
		}
		write(&facts[i])
	}
}

// emitter writes the facts of one patient as resources.
type emitter struct {
	p    *patient
	w    *writer
	sink Sink
	err  error
}

// begin opens a resource with id and meta.
func (e *emitter) begin(typ, id string, f *base, profile string) {
	w := e.w
	w.b = append(w.b[:0], '{')
	w.plain("resourceType", typ)
	w.plain("id", id)
	w.object("meta")
	w.plain("versionId", "1")
	w.instant("lastUpdated", f.loaded)
	if profile != "" && f.profile != profileMissing {
		w.array("profile")
		if f.profile == profileVersioned {
			profile += "|2025.0.0"
		}
		w.plain("", profile)
		w.endArray()
	}
	w.raw("security", `[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]`)
	w.end()
}

// emit closes the resource and hands it over.
func (e *emitter) emit(typ string) {
	e.w.end()
	if e.err == nil {
		e.err = e.sink(typ, e.w.b)
	}
}

// subject writes the reference to the patient; an orphan has none.
func (e *emitter) subject(element string, f *base) {
	if f.orphan {
		return
	}
	id := e.p.id
	if f.old {
		id = e.p.oldID
	}
	e.w.reference(element, "Patient", id)
}

// context writes the reference to the stay.
func (e *emitter) context(element string, f *base) {
	switch {
	case f.dangles:
		e.w.reference(element, "Encounter", e.p.id+danglingPart+strconv.Itoa(f.n))
	case f.stay != 0:
		e.w.reference(element, "Encounter", e.p.resourceID("Encounter", e.p.stays[f.stay-1].n))
	}
}

// quantity writes a Quantity without its name being checked: value with its written digits.
func (w *writer) quantity(name string, q *quantity) {
	w.object(name)
	w.decimal("value", q.value)
	if q.comparator != "" {
		w.plain("comparator", q.comparator)
	}
	if q.unit != "" {
		w.text("unit", q.unit)
	}
	if q.code != "" {
		w.plain("system", sysUCUM)
		w.plain("code", q.code)
	}
	w.end()
}

func (w *writer) decimal(name string, d decimal) {
	w.name(name)
	w.b = appendDecimal(w.b, d)
}

func appendDecimal(b []byte, d decimal) []byte {
	m := d.m
	if m < 0 {
		b, m = append(b, '-'), -m
	}
	f := pow10(d.scale)
	b = strconv.AppendInt(b, m/f, 10)
	if d.scale == 0 {
		return b
	}
	return padded(append(b, '.'), int(m%f), d.scale)
}
