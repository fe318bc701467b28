package synth

import "strconv"

func (e *emitter) order(f *order) {
	p, w := e.p, e.w
	e.begin("ServiceRequest", p.resourceID("ServiceRequest", f.n), &f.base, profImage+"anforderung-bildgebung")
	w.array("identifier")
	w.identifier("PLAC", sysOrder, "O"+p.pid+"-"+strconv.Itoa(f.n))
	w.identifier("ACSN", sysACSN, f.accession)
	w.endArray()
	w.plain("status", f.status)
	w.plain("intent", "order")
	w.raw("category", `[{"coding":[{"system":"`+sysSCT+`","code":"363679005"}]}]`)
	w.raw("code", `{"coding":[{"system":"`+sysSCT+`","code":"82918005"}]}`)
	e.subject("subject", &f.base)
	w.date("authoredOn", f.when.start)
	e.emit("ServiceRequest")
}

func (e *emitter) study(f *study) {
	p, w := e.p, e.w
	e.begin("ImagingStudy", p.studyID(f), &f.base, profImage+"bildgebungsstudie")
	w.raw("extension", `[{"url":"`+extImage+`bildgebungsgrund","valueString":"Verlaufskontrolle Prostatakarzinom"}]`)
	e.studyIdentifiers(f)
	w.plain("status", f.status)
	w.array("modality")
	for _, m := range f.modalities {
		w.coding("", coding{sysDCM, m, ""})
	}
	w.endArray()
	e.subject("subject", &f.base)
	e.context("encounter", &f.base)
	w.date("started", f.when.start)
	if o := p.orderOf(f); o != nil {
		w.references("basedOn", "ServiceRequest", p.resourceID("ServiceRequest", o.n))
	}
	w.integer("numberOfSeries", int64(len(f.modalities)))
	w.array("series")
	for i := range f.modalities {
		e.series(f, i)
	}
	w.endArray()
	e.emit("ImagingStudy")
}

func (p *patient) orderOf(f *study) *order {
	for i := range p.orders {
		if o := &p.orders[i]; o.study != 0 && p.studies[o.study-1].n == f.n {
			return o
		}
	}
	return nil
}

func (e *emitter) studyIdentifiers(f *study) {
	w := e.w
	if !f.variant.uidKnown() && !f.variant.writesAccession() {
		return
	}
	w.array("identifier")
	if f.variant.writesAccession() && f.accession != "" {
		w.identifier("ACSN", "", f.accession)
	}
	switch f.variant {
	case dicomOID:
		w.identifier("", "urn:dicom:uid", "urn:oid:"+f.uid)
	case dicomBare:
		w.identifier("", "urn:dicom:uid", f.uid)
	case ietfOID:
		w.identifier("", "urn:ietf:rfc:3986", "urn:oid:"+f.uid)
	case dicomUpper:
		w.identifier("", "urn:DICOM:uid", "urn:oid:"+f.uid)
	}
	w.endArray()
}

// seriesUID is the true UID of a series.
func (f *study) seriesUID(i int) string { return f.uid + "." + strconv.Itoa(i+1) }

func (e *emitter) series(f *study, i int) {
	w := e.w
	w.object("")
	switch modality := f.modalities[i]; modality {
	case "PT", "NM":
		e.tracer(f, modality)
	}
	uid := f.seriesUID(i)
	switch {
	case f.variant == seriesOID:
		uid = "urn:oid:" + uid
	case !f.variant.seriesKnown():
		uid = "series-" + strconv.Itoa(i+1)
	}
	w.plain("uid", uid)
	w.integer("number", int64(i+1))
	w.coding("modality", coding{sysDCM, f.modalities[i], ""})
	w.date("started", f.when.start)
	w.integer("numberOfInstances", int64(40+i*100))
	w.end()
}

// tracer writes the extension of the modality PT or NM.
func (e *emitter) tracer(f *study, modality string) {
	w := e.w
	name := map[string]string{"PT": "modalitaet-pt", "NM": "modalitaet-nm"}[modality]
	w.array("extension")
	w.object("")
	w.array("extension")
	w.raw("", `{"url":"units","valueCodeableConcept":{"coding":[{"system":"http://unitsofmeasure.org","code":"BQML"}]}}`)
	switch {
	case f.tracerText != "":
		w.raw("", `{"url":"radiopharmaceutical","valueCodeableConcept":{"text":"`+f.tracerText+`"}}`)
	case len(f.tracers) > 0:
		w.conceptExtension("radiopharmaceutical", f.tracers...)
	}
	if f.dose != nil {
		w.object("")
		w.plain("url", "radionuclideTotalDose")
		w.quantity("valueQuantity", f.dose)
		w.end()
	}
	w.endArray()
	w.plain("url", extImage+name)
	w.end()
	w.endArray()
}

func (e *emitter) report(f *study) {
	if !f.reported {
		return
	}
	p, w := e.p, e.w
	e.begin("DiagnosticReport", p.resourceID("DiagnosticReport", f.n), &f.base, profImage+"radiologischer-befund")
	w.plain("status", map[bool]string{true: "entered-in-error", false: "final"}[f.void()])
	w.raw("category", `[{"coding":[{"system":"`+sysSCT+`","code":"4201000179104"}]}]`)
	w.raw("code", `{"coding":[{"system":"`+sysLOINC+`","code":"18748-4"}]}`)
	e.subject("subject", &f.base)
	w.dated("effective", f.when)
	w.instant("issued", f.loaded)
	w.references("imagingStudy", "ImagingStudy", p.studyID(f))
	w.text("conclusion", "Erfundener Befund: kein Bezug zu einer wirklichen Person.")
	e.emit("DiagnosticReport")
}
