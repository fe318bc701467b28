package synth

import "github.com/crflink/crflink/fhir"

// base is what every fact has.
type base struct {
	n       int  // ordinal among the patient's facts; part of the resource's id
	old     bool // filed under the number of the patient that was merged away
	orphan  bool // without a subject: nobody's
	when    when
	status  string
	stay    int   // the Encounter it belongs to: index into patient.stays plus 1; 0 is none
	dangles bool  // refers to an Encounter that the server does not have
	loaded  int64 // meta.lastUpdated
	profile profileForm
}

// profileForm is how meta.profile is written.
type profileForm uint8

const (
	profilePlain profileForm = iota
	profileVersioned
	profileMissing
)

// void reports whether the status says that the fact never was one.
func (f *base) void() bool {
	switch f.status {
	case "entered-in-error", "cancelled", "not-done", "not-taken":
		return true
	}
	return false
}

// stay is an Encounter. Contacts with a department or a ward are part of one with the hospital.
type stay struct {
	base
	level    string // einrichtungskontakt, abteilungskontakt, versorgungsstellenkontakt
	class    string // IMP, AMB, PRENC
	partOf   int    // index into patient.stays plus 1
	noSystem bool   // Kontaktebene without its system
}

// icd is one ICD-10-GM coding.
type icd struct {
	code                     string
	side, certainty, marking string // seitenlokalisation, diagnosesicherheit, mehrfachcodierung; "" is not written
	old                      bool   // in the code system of before 2021
}

type condition struct {
	base
	codes    []icd
	snomed   string
	byStay   bool   // only Encounter.diagnosis says to which stay it belongs
	onset    moment // precision 0: none
	onsetEnd moment // precision 0: onset is no Period
}

// decimal is m / 10^scale.
type decimal struct {
	m     int64
	scale int
}

// quantity is a measured value as written, with the factor num/den into the item's unit. A den of 0 says that nobody can convert it.
type quantity struct {
	value            decimal
	comparator, unit string
	code             string // "": only the printed unit
	num, den         int64
}

// observation is a laboratory value, vital sign, staging category or vital status.
type observation struct {
	base
	kind     string // the item that it is about
	code     coding
	result   int   // number within the OBI identifier; 0 is none
	issued   int64 // Unix seconds; 0 is not written
	quantity *quantity
	codes    []coding
	integer  int    // with isInteger
	text     string // valueString
	absent   string // dataAbsentReason
	prefix   string // c or p of a TNM category

	isInteger bool
}

type procedure struct {
	base
	ops, snomed, category string
	method                string // oBDS application type
	dose                  *quantity
}

type medication struct {
	base
	typ  string // MedicationStatement, MedicationRequest, MedicationAdministration
	drug int    // index into drugs
	form medicationForm
}

// medicationForm is how the drug is named.
type medicationForm uint8

const (
	byReference medicationForm = iota // a Medication shared with other patients
	inline                            // medicationCodeableConcept
	contained                         // a contained Medication
	inlineWHO                         // medicationCodeableConcept with the WHO's ATC system
)

// study is one imaging study.
type study struct {
	base
	modalities []string
	uid        string // true StudyInstanceUID
	accession  string // "" is none
	foreign    bool   // the accession was given by another hospital
	variant    identifierVariant
	tracers    []coding // radiopharmaceutical of the PET or NM series, as written
	tracerText string
	dose       *quantity // written dose
	doseMBq    decimal   // what was injected; meaningful with doseKnown
	doseKnown  bool
	reported   bool
}

// provision is one entry of a consent.
type provision struct {
	permit     bool
	untyped    bool // provision.type is missing
	codes      []string
	start, end string // as written; "" is missing
}

type consent struct {
	base
	dateTime, resultType, policy string
	oldCategory, gics            bool
	local                        bool // policy codes of the hospital only
	start                        string
	provisions                   []provision
	root                         *provision // ResultType policy: the root carries type and code
}

// enrolment is a ResearchSubject.
type enrolment struct {
	base
	system, number, study string
	start                 fhir.Day
}

// Span is a number of calendar days, both ends included.
type Span struct{ first, last fhir.Day }
