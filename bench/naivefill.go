package main

import (
	"strconv"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// permitted is the naive consent check: the newest Consent is active and permits something.
func (c *chart) permitted() bool {
	var newest *fhir.Consent
	for _, consent := range c.consents {
		if newest == nil || text(consent.DateTime) > text(newest.DateTime) {
			newest = consent
		}
	}
	if newest == nil || newest.Status != fhir.ConsentStateActive || newest.Provision == nil {
		return false
	}
	for _, p := range newest.Provision.Provision {
		if p.Type != nil && *p.Type == fhir.ConsentProvisionTypePermit && len(p.Code) > 0 {
			return true
		}
	}
	return false
}

// lastOf are the items that hold the last Observation of some codes.
var lastOf = map[string][]string{
	"staging.t": {"384625004", "399504009"}, "staging.n": {"371494008", "399534004"}, "staging.m": {"371497001", "399387003"},
	"staging.isup": {"1812491000004107"}, "staging.ecog": {"89262-0", "89247-1"}, "demographics.vital": {"67162-8"}, "labs.creatinine": {"2160-0", "14682-9"},
	"labs.haemoglobin": {"718-7", "59260-0"}, "labs.leukocytes": {"6690-2", "26464-8"}, "labs.platelets": {"777-3", "26515-7"}, "labs.alp": {"6768-6"},
	"labs.ldh": {"14804-9", "2532-0", "14805-6"}, "labs.weight": {"29463-7"}, "labs.height": {"8302-2"}, "follow_up.psa": {"2857-1", "35741-8", "83112-3"},
}

var psaCodes = lastOf["follow_up.psa"]

// filler collects a subject's cells.
type filler struct {
	subject string
	cells   []naiveCell
}

func (f *filler) add(form, item string, repeat int, value, resource, path, effective string) {
	missing := ""
	if value == "" {
		missing = "no-value"
	}
	f.cells = append(f.cells, naiveCell{
		Study: "psma-registry", Subject: f.subject, Event: "registry", Form: form, Item: item, Repeat: repeat, Value: value, Missing: missing,
		Source: "hospital", Resource: naivePseudonym(resource), Path: path, Effective: effective,
	})
}

// fill makes the cells of one subject.
func (c *chart) fill(subject string) []naiveCell {
	f := &filler{subject: subject}
	c.person(f)
	c.diagnosis(f)
	for name, codes := range lastOf {
		form, item, _ := strings.Cut(name, ".")
		var best *fhir.Observation
		for _, o := range c.observations {
			if hasCode(&o.Code, codes) && (best == nil || text(o.EffectiveDateTime) > text(best.EffectiveDateTime)) {
				best = o
			}
		}
		if best == nil {
			f.add(form, item, 0, "", "", "Observation.value", "")
			continue
		}
		f.add(form, item, 0, observed(best), "Observation/"+text(best.Id), "Observation.value", text(best.EffectiveDateTime))
	}
	c.psa(f)
	c.therapy(f)
	c.imaging(f)
	c.counts(f)
	return f.cells
}

func (c *chart) person(f *filler) {
	if c.patient == nil {
		return
	}
	id := "Patient/" + text(c.patient.Id)
	sex, zip := "", ""
	if c.patient.Gender != nil {
		sex = c.patient.Gender.Code()
	}
	if len(c.patient.Address) > 0 {
		zip = text(c.patient.Address[0].PostalCode)
	}
	f.add("demographics", "sex", 0, sex, id, "Patient.gender", "")
	f.add("demographics", "birth_year", 0, cut(text(c.patient.BirthDate), 4), id, "Patient.birthDate", "")
	f.add("demographics", "age", 0, cut(text(c.patient.BirthDate), 4), id, "Patient.birthDate", "")
	f.add("demographics", "region", 0, cut(zip, 2), id, "Patient.address.postalCode", "")
}

func (c *chart) diagnosis(f *filler) {
	var first *fhir.Condition
	flags := map[string]bool{"C79.5": false, "E10": false, "E11": false}
	for _, d := range c.conditions {
		if d.Code == nil {
			continue
		}
		for _, coding := range d.Code.Coding {
			if strings.HasPrefix(text(coding.Code), "C61") && (first == nil || text(d.RecordedDate) < text(first.RecordedDate)) {
				first = d
			}
			for prefix := range flags {
				flags[prefix] = flags[prefix] || strings.HasPrefix(text(coding.Code), prefix)
			}
		}
	}
	id, date, code := "", "", ""
	if first != nil {
		id, date, code = "Condition/"+text(first.Id), text(first.RecordedDate), text(first.Code.Coding[0].Code)
	}
	f.add("diagnosis", "icd10", 0, code, id, "Condition.code", date)
	f.add("diagnosis", "date", 0, cut(date, 10), id, "Condition.recordedDate", date)
	for prefix, has := range flags {
		f.add("diagnosis", prefix, 0, strconv.FormatBool(has), id, "Condition.code", date)
	}
}

func (c *chart) psa(f *filler) {
	n := 0
	for _, o := range c.observations {
		if !hasCode(&o.Code, psaCodes) {
			continue
		}
		n++
		id, at, unit := "Observation/"+text(o.Id), text(o.EffectiveDateTime), ""
		if o.ValueQuantity != nil {
			unit = text(o.ValueQuantity.Unit)
		}
		f.add("psa", "psa_date", n, cut(at, 10), id, "Observation.effective", at)
		f.add("psa", "psa", n, observed(o), id, "Observation.value", at)
		f.add("psa", "psa_unit", n, unit, id, "Observation.value.unit", at)
		f.add("psa", "psa_days", n, cut(at, 10), id, "Observation.effective", at)
	}
}

func (c *chart) therapy(f *filler) {
	n := 0
	for _, p := range c.procedures {
		if p.Code == nil || len(p.Code.Coding) == 0 {
			continue
		}
		n++
		id, at := "Procedure/"+text(p.Id), text(p.PerformedDateTime)
		f.add("therapy", "therapy", n, text(p.Code.Coding[0].Code), id, "Procedure.code", at)
		f.add("therapy", "therapy_date", n, cut(at, 10), id, "Procedure.performed", at)
		f.add("therapy", "ops", n, text(p.Code.Coding[0].Code), id, "Procedure.code", at)
	}
}

func (c *chart) imaging(f *filler) {
	n := 0
	for _, s := range c.studies {
		for _, m := range s.Modality {
			if text(m.Code) != "PT" {
				continue
			}
			n++
			id, at, uid := "ImagingStudy/"+text(s.Id), text(s.Started), ""
			if len(s.Identifier) > 0 {
				uid = naivePseudonym(text(s.Identifier[0].Value))
			}
			f.add("imaging", "scan_date", n, cut(at, 10), id, "ImagingStudy.started", at)
			f.add("imaging", "scan_days", n, cut(at, 10), id, "ImagingStudy.started", at)
			f.add("imaging", "scanner", n, strconv.Itoa(len(s.Modality)), id, "ImagingStudy.modality", at)
			f.add("imaging", "series", n, strconv.Itoa(len(s.Series)), id, "ImagingStudy.series", at)
			f.add("imaging", "dose", n, "", id, "ImagingStudy.series.extension", at)
			f.add("imaging", "study_uid", n, uid, id, "ImagingStudy.identifier", at)
		}
	}
}

func (c *chart) counts(f *filler) {
	last := ""
	for _, e := range c.encounters {
		if e.Period != nil {
			last = max(last, text(e.Period.End), text(e.Period.Start))
		}
	}
	f.add("follow_up", "last_contact", 0, cut(last, 10), "", "Encounter.period", last)
	f.add("follow_up", "stays", 0, strconv.Itoa(len(c.encounters)), "", "Encounter", "")
	f.add("medication", "medications", 0, strconv.Itoa(len(c.medications)), "", "MedicationStatement", "")
	f.add("medication", "orders", 0, strconv.Itoa(len(c.others)), "", "ServiceRequest", "")
}

func hasCode(c *fhir.CodeableConcept, codes []string) bool {
	for _, coding := range c.Coding {
		for _, code := range codes {
			if text(coding.Code) == code {
				return true
			}
		}
	}
	return false
}

func observed(o *fhir.Observation) string {
	switch {
	case o.ValueQuantity != nil && o.ValueQuantity.Value != nil:
		return o.ValueQuantity.Value.String()
	case o.ValueCodeableConcept != nil && len(o.ValueCodeableConcept.Coding) > 0:
		return text(o.ValueCodeableConcept.Coding[0].Code)
	}
	return text(o.ValueString)
}

func patientID(r *fhir.Reference) string {
	if r == nil {
		return ""
	}
	id, _ := strings.CutPrefix(text(r.Reference), "Patient/")
	return id
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func cut(s string, n int) string { return s[:min(n, len(s))] }
