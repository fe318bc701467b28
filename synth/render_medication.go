package synth

// renderShared writes what belongs to no patient.
func (g *Generator) renderShared(sink Sink) error {
	e := emitter{p: &g.p, w: &g.w, sink: sink}
	asOf := g.config.AsOf
	f := base{loaded: epoch(asOf - 700)}
	e.begin("Organization", "hospital", &f, "")
	e.w.text("name", "Universitätsklinikum Musterstadt (erfunden)")
	e.emit("Organization")
	for _, s := range [][2]string{{"psma-registry", "PSMA-PET registry"}, {"other-study", "Another study"}} {
		e.begin("ResearchStudy", s[0], &f, "")
		e.w.plain("status", "active")
		e.w.text("title", s[1])
		e.emit("ResearchStudy")
	}
	for i := range drugs {
		e.begin("Medication", drugs[i].id, &f, profMed+"Medication")
		e.w.plain("status", "active")
		e.drugCode("code", i, sysATC)
		e.emit("Medication")
	}
	return e.err
}

func (e *emitter) drugCode(name string, drug int, system string) {
	d := &drugs[drug]
	e.w.object(name)
	e.w.array("coding")
	e.w.raw("", `{"system":"`+system+`","version":"2024","code":"`+d.atc+`"}`)
	if system == sysATC {
		e.w.coding("", coding{"http://fhir.de/CodeSystem/ifa/pzn", d.pzn, ""})
	}
	e.w.endArray()
	e.w.text("text", d.name)
	e.w.end()
}

func (e *emitter) medication(f *medication) {
	w := e.w
	e.begin(f.typ, e.p.resourceID(f.typ, f.n), &f.base, profMed+f.typ)
	if f.form == contained {
		w.array("contained")
		w.object("")
		w.plain("resourceType", "Medication")
		w.plain("id", "m")
		e.drugCode("code", f.drug, sysATC)
		w.end()
		w.endArray()
	}
	w.plain("status", f.status)
	e.drug(f)
	e.subject("subject", &f.base)
	context := "context"
	if f.typ == "MedicationRequest" {
		context = "encounter"
		w.plain("intent", "order")
	}
	e.context(context, &f.base)
	if f.typ == "MedicationRequest" {
		w.date("authoredOn", f.when.start)
	} else {
		w.dated("effective", f.when)
	}
	e.emit(f.typ)
}

func (e *emitter) drug(f *medication) {
	switch f.form {
	case byReference:
		e.w.reference("medicationReference", "Medication", drugs[f.drug].id)
	case inline:
		e.drugCode("medicationCodeableConcept", f.drug, sysATC)
	case inlineWHO:
		e.drugCode("medicationCodeableConcept", f.drug, sysWHOATC)
	case contained:
		e.w.raw("medicationReference", `{"reference":"#m"}`)
	}
}
