package synth

import "strings"

const (
	extISO = "http://hl7.org/fhir/StructureDefinition/iso21090-"
	extOwn = "http://hl7.org/fhir/StructureDefinition/humanname-own-"
)

// patients writes the Patient and, when another one was merged into it, that one too.
func (e *emitter) patients() {
	e.patient(false)
	if e.p.oldID != "" {
		e.patient(true)
	}
}

func (e *emitter) patient(old bool) {
	p, w := e.p, e.w
	id, pid := p.id, p.pid
	if old {
		id, pid = p.oldID, p.oldPID
	}
	f := base{loaded: epoch(p.asOf-400) + int64(p.index%80000)}
	e.begin("Patient", id, &f, profPatient)
	e.identifiers(pid, old)
	w.raw("active", map[bool]string{true: "false", false: "true"}[old])
	e.names()
	e.gender()
	e.birth()
	e.addresses()
	if p.person.died.precision != 0 {
		w.date("deceasedDateTime", p.person.died)
	}
	if p.oldID != "" {
		e.link(old)
	}
	e.emit("Patient")
}

func (e *emitter) link(old bool) {
	id, kind := e.p.oldID, "replaces"
	if old {
		id, kind = e.p.id, "replaced-by"
	}
	e.w.array("link")
	e.w.object("")
	e.w.reference("other", "Patient", id)
	e.w.plain("type", kind)
	e.w.end()
	e.w.endArray()
}

func (e *emitter) identifiers(pid string, old bool) {
	w := e.w
	w.array("identifier")
	w.identifier("MR", sysPID, pid)
	if !e.p.person.private && !old {
		w.object("")
		w.plain("use", "official")
		w.concept("type", coding{"http://fhir.de/CodeSystem/identifier-type-de-basis", "KVZ10", ""})
		w.plain("system", sysKVNR)
		w.plain("value", e.p.kvnr)
		w.raw("assigner", `{"identifier":{"use":"official","system":"http://fhir.de/sid/arge-ik/iknr","value":"109999995"}}`)
		w.end()
	}
	w.endArray()
}

func (e *emitter) names() {
	q, w := &e.p.person, e.w
	w.array("name")
	w.object("")
	w.plain("use", "official")
	family := q.family
	if q.prefix != "" {
		family = q.prefix + " " + q.family
	}
	w.text("family", family)
	w.object("_family")
	w.array("extension")
	if q.prefix != "" {
		w.extension(extOwn+"prefix", "valueString", q.prefix)
	}
	w.extension(extOwn+"name", "valueString", q.family)
	w.endArray()
	w.end()
	w.array("given")
	for g := range strings.FieldsSeq(q.given) {
		w.text("", g)
	}
	w.endArray()
	if q.title != "" {
		w.array("prefix")
		w.text("", q.title)
		w.endArray()
		w.raw("_prefix", `[{"extension":[{"url":"`+extISO+`EN-qualifier","valueCode":"AC"}]}]`)
	}
	w.end()
	w.endArray()
}

// extension writes an extension with a text.
func (w *writer) extension(url, element, value string) {
	w.object("")
	w.plain("url", url)
	w.text(element, value)
	w.end()
}

func (e *emitter) gender() {
	q, w := &e.p.person, e.w
	if q.gender == "" {
		return
	}
	w.plain("gender", q.gender)
	if q.official == "" {
		return
	}
	w.raw("_gender", `{"extension":[{"url":"http://fhir.de/StructureDefinition/gender-amtlich-de","valueCoding":{"system":"http://fhir.de/CodeSystem/gender-amtlich-de","code":"`+
		q.official+`"}}]}`)
}

const absentUnknown = `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`

func (e *emitter) birth() {
	if e.p.person.birth.precision == 0 {
		e.w.raw("_birthDate", absentUnknown)
		return
	}
	e.w.date("birthDate", e.p.person.birth)
}

func (e *emitter) addresses() {
	w := e.w
	w.array("address")
	for _, a := range e.p.person.addresses {
		if a.unknown {
			w.raw("", absentUnknown)
			continue
		}
		e.address(a)
	}
	w.endArray()
}

func (e *emitter) address(a address) {
	w := e.w
	w.object("")
	if a.kind != "" {
		w.plain("type", a.kind)
	}
	w.array("line")
	w.text("", a.street+" "+a.house)
	if a.extra != "" {
		w.text("", a.extra)
	}
	w.endArray()
	w.array("_line")
	w.object("")
	w.array("extension")
	w.extension(extISO+"ADXP-streetName", "valueString", a.street)
	w.extension(extISO+"ADXP-houseNumber", "valueString", a.house)
	w.endArray()
	w.end()
	if a.extra != "" {
		w.raw("", "null")
	}
	w.endArray()
	w.text("city", a.city)
	w.plain("postalCode", a.code)
	w.plain("country", "DE")
	w.end()
}

func (e *emitter) enrolment(f *enrolment) {
	p, w := e.p, e.w
	e.begin("ResearchSubject", p.resourceID("ResearchSubject", f.n), &f.base, profProband)
	w.array("identifier")
	w.identifier("ANON", f.system, f.number)
	w.endArray()
	w.plain("status", f.status)
	w.object("period")
	w.date("start", onDay(f.start))
	w.end()
	w.object("study")
	w.plain("reference", f.study)
	w.end()
	e.subject("individual", &f.base)
	if len(p.consents) > 0 {
		w.reference("consent", "Consent", p.resourceID("Consent", p.consents[0].n))
	}
	e.emit("ResearchSubject")
}
