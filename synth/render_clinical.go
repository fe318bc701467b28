package synth

import "strconv"

func (e *emitter) encounter(f *stay) {
	p, w := e.p, e.w
	e.begin("Encounter", p.resourceID("Encounter", f.n), &f.base, profEncounter)
	if f.level == "einrichtungskontakt" {
		w.array("identifier")
		w.identifier("VN", sysVisit, "V"+p.pid+"-"+strconv.Itoa(f.n))
		w.endArray()
	}
	w.plain("status", f.status)
	w.coding("class", coding{sysActCode, f.class, ""})
	system := sysLevel
	if f.noSystem {
		system = ""
	}
	w.array("type")
	w.concept("", coding{system, f.level, ""})
	w.concept("", coding{sysKind, map[bool]string{true: "normalstationaer", false: "ub"}[f.class == "IMP"], ""})
	w.endArray()
	if f.level != "versorgungsstellenkontakt" {
		w.concept("serviceType", coding{"http://fhir.de/CodeSystem/dkgev/Fachabteilungsschluessel", departments[f.n%len(departments)], ""})
	}
	e.subject("subject", &f.base)
	if f.when.kind != undated {
		w.period("period", f.when)
	}
	if f.partOf != 0 {
		w.reference("partOf", "Encounter", p.resourceID("Encounter", p.stays[f.partOf-1].n))
	}
	w.raw("serviceProvider", `{"reference":"Organization/hospital"}`)
	e.emit("Encounter")
}

const (
	extMarking   = "http://fhir.de/StructureDefinition/icd-10-gm-mehrfachcodierungs-kennzeichen"
	extSide      = "http://fhir.de/StructureDefinition/seitenlokalisation"
	extCertainty = "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"
)

func (e *emitter) condition(f *condition) {
	w := e.w
	e.begin("Condition", e.p.resourceID("Condition", f.n), &f.base, profCondition)
	if f.status != "" {
		w.oneCode("verificationStatus", "http://terminology.hl7.org/CodeSystem/condition-ver-status", f.status)
		if f.status != "entered-in-error" {
			w.oneCode("clinicalStatus", "http://terminology.hl7.org/CodeSystem/condition-clinical", "active")
		}
	}
	w.object("code")
	w.array("coding")
	for i := range f.codes {
		e.icd(&f.codes[i])
	}
	if f.snomed != "" {
		w.coding("", coding{sysSCT, f.snomed, "Malignant tumor of prostate (disorder)"})
	}
	w.endArray()
	w.end()
	e.subject("subject", &f.base)
	e.context("encounter", &f.base)
	e.onset(f)
	if f.when.kind != undated {
		w.date("recordedDate", f.when.start)
	}
	e.emit("Condition")
}

func (e *emitter) onset(f *condition) {
	switch {
	case f.onset.precision == 0:
	case f.onsetEnd.precision != 0:
		e.w.period("onsetPeriod", from(f.onset, f.onsetEnd))
	default:
		e.w.date("onsetDateTime", f.onset)
	}
}

func (w *writer) oneCode(name, system, code string) { w.concept(name, coding{system, code, ""}) }

func (e *emitter) icd(c *icd) {
	w := e.w
	w.object("")
	if c.marking+c.side+c.certainty != "" {
		w.array("extension")
		w.codingExtension(extMarking, coding{"http://fhir.de/CodeSystem/icd-10-gm-mehrfachcodierungs-kennzeichen", c.marking, ""})
		w.codingExtension(extSide, coding{"https://fhir.kbv.de/CodeSystem/KBV_CS_SFHIR_ICD_SEITENLOKALISATION", c.side, ""})
		w.codingExtension(extCertainty, coding{"https://fhir.kbv.de/CodeSystem/KBV_CS_SFHIR_ICD_DIAGNOSESICHERHEIT", c.certainty, ""})
		w.endArray()
	}
	system := sysICD
	if c.old {
		system = sysOldICD
	}
	w.plain("system", system)
	w.plain("version", "2024")
	w.text("code", c.code)
	w.end()
}

// codingExtension writes an extension with a Coding, or nothing when there is no code.
func (w *writer) codingExtension(url string, c coding) {
	if c.code == "" {
		return
	}
	w.object("")
	w.plain("url", url)
	w.coding("valueCoding", c)
	w.end()
}

// conceptExtension writes an extension with a CodeableConcept.
func (w *writer) conceptExtension(url string, c ...coding) {
	w.object("")
	w.plain("url", url)
	w.concept("valueCodeableConcept", c...)
	w.end()
}

func (e *emitter) procedure(f *procedure) {
	w := e.w
	profile := profProcedure
	if f.method != "" {
		profile = profOnko + "strahlentherapie-bestrahlung-nuklearmedizin"
		if f.method[0] == 'P' {
			profile = profOnko + "strahlentherapie-bestrahlung-strahlentherapie"
		}
	}
	e.begin("Procedure", e.p.resourceID("Procedure", f.n), &f.base, profile)
	e.irradiation(f)
	w.plain("status", f.status)
	w.oneCode("category", sysSCT, f.category)
	w.object("code")
	w.array("coding")
	if f.snomed != "" {
		w.coding("", coding{sysSCT, f.snomed, ""})
	}
	if f.ops != "" {
		w.raw("", `{"system":"`+sysOPS+`","version":"2024","code":"`+f.ops+`"}`)
	}
	w.endArray()
	if f.ops == "" {
		w.text("text", "Radioligandentherapie mit Lu-177-PSMA")
	}
	w.end()
	e.subject("subject", &f.base)
	e.context("encounter", &f.base)
	w.dated("performed", f.when)
	e.emit("Procedure")
}

// irradiation writes the flat extensions of the oncology module: kind of application and total dose.
func (e *emitter) irradiation(f *procedure) {
	w := e.w
	if f.method == "" {
		return
	}
	w.array("extension")
	w.conceptExtension("http://hl7.org/fhir/StructureDefinition/procedure-method", coding{sysMethod, f.method, ""})
	if f.dose != nil {
		w.object("")
		w.plain("url", extOnko+"strahlentherapie-bestrahlung-gesamtdosis")
		w.quantity("valueQuantity", f.dose)
		w.end()
	}
	w.endArray()
}
