package fhir

import (
	"iter"
	"slices"
)

// subjects names the element of each type that says whose it is, and the search parameter of the same meaning
// (FHIR R4, CompartmentDefinition Patient, without those that name mere participants).
var subjects = map[string]struct{ element, parameter string }{
	"AllergyIntolerance": {"patient", "patient"}, "Account": {"subject", "patient"}, "AdverseEvent": {"subject", "subject"},
	"Basic": {"subject", "patient"}, "BodyStructure": {"patient", "patient"}, "CarePlan": {"subject", "patient"},
	"CareTeam": {"subject", "patient"}, "ChargeItem": {"subject", "patient"}, "Claim": {"patient", "patient"},
	"ClaimResponse": {"patient", "patient"}, "ClinicalImpression": {"subject", "patient"}, "Communication": {"subject", "patient"},
	"CommunicationRequest": {"subject", "patient"}, "Composition": {"subject", "patient"}, "Condition": {"subject", "patient"},
	"Consent": {"patient", "patient"}, "Coverage": {"beneficiary", "patient"},
	"CoverageEligibilityRequest": {"patient", "patient"}, "CoverageEligibilityResponse": {"patient", "patient"},
	"DetectedIssue": {"patient", "patient"}, "Device": {"patient", "patient"}, "DeviceRequest": {"subject", "patient"},
	"DeviceUseStatement": {"subject", "patient"}, "DiagnosticReport": {"subject", "patient"}, "DocumentManifest": {"subject", "patient"},
	"DocumentReference": {"subject", "patient"}, "Encounter": {"subject", "patient"}, "EnrollmentRequest": {"candidate", "patient"},
	"EpisodeOfCare": {"patient", "patient"}, "ExplanationOfBenefit": {"patient", "patient"}, "FamilyMemberHistory": {"patient", "patient"},
	"Flag": {"subject", "patient"}, "Goal": {"subject", "patient"}, "GuidanceResponse": {"subject", "patient"},
	"ImagingStudy": {"subject", "patient"}, "Immunization": {"patient", "patient"}, "ImmunizationEvaluation": {"patient", "patient"},
	"ImmunizationRecommendation": {"patient", "patient"}, "Invoice": {"subject", "patient"}, "List": {"subject", "patient"},
	"MeasureReport": {"subject", "patient"}, "Media": {"subject", "patient"}, "MedicationAdministration": {"subject", "patient"},
	"MedicationDispense": {"subject", "patient"}, "MedicationRequest": {"subject", "patient"}, "MedicationStatement": {"subject", "patient"},
	"MolecularSequence": {"patient", "patient"}, "NutritionOrder": {"patient", "patient"}, "Observation": {"subject", "patient"},
	"Procedure": {"subject", "patient"}, "QuestionnaireResponse": {"subject", "patient"}, "RelatedPerson": {"patient", "patient"},
	"RequestGroup": {"subject", "patient"}, "ResearchSubject": {"individual", "patient"}, "RiskAssessment": {"subject", "patient"},
	"ServiceRequest": {"subject", "patient"}, "Specimen": {"subject", "patient"}, "SupplyDelivery": {"patient", "patient"},
	"Task": {"for", "patient"}, "VisionPrescription": {"patient", "patient"},
}

// personal lists types outside the table above that name or describe persons. They are never handed out.
var personal = []string{
	"Appointment", "AppointmentResponse", "AuditEvent", "Binary", "Bundle", "Group", "Linkage", "MessageHeader", "OperationOutcome",
	"Parameters", "Person", "Provenance", "Schedule", "SupplyRequest",
}

// Belonging says how the resources of a type relate to patients.
type Belonging uint8

// The ways of belonging.
const (
	Shared   Belonging = iota // belongs to nobody (Medication, Organization) and is handed out where it is referred to
	Owned                     // belongs to the patient whom it names, and to nobody if it names none
	Possible                  // owned when it names a patient, else shared (Device)
	Withheld                  // names persons in other ways and is never handed out (Group, Provenance, Binary)
)

// BelongsToPatients returns how resources of the type belong to patients.
func BelongsToPatients(typ string) Belonging {
	switch _, owned := subjects[typ]; {
	case typ == "Device":
		return Possible
	case owned || typ == "Patient":
		return Owned
	case slices.Contains(personal, typ):
		return Withheld
	}
	return Shared
}

// OwnedTypes returns, in order, the types whose resources name their patient, without Patient itself.
func OwnedTypes() []string {
	names := make([]string, 0, len(subjects))
	for t := range subjects {
		names = append(names, t)
	}
	slices.Sort(names)
	return names
}

// SubjectParameter returns the search parameter that finds the type's resources by patient, "" where there is none.
func SubjectParameter(typ string) string { return subjects[typ].parameter }

// SubjectElement returns the element that says whose a resource of the type is, "" where there is none.
func SubjectElement(typ string) string { return subjects[typ].element }

// Subject returns the Reference that says whose the resource is, or the array of them; Missing for a Patient and for shared types.
func (r *Resource) Subject() Node { return r.Get(subjects[r.Type].element) }

// References yields every Reference.reference in the resource, contained resources and extensions included.
func (r *Resource) References() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		t := &r.table
		for i := range t.nodes {
			n := &t.nodes[i]
			if n.kind == String && n.keyLen == uint16(len("reference")) && t.key(uint32(i)) == "reference" { // #nosec G115 -- a table has fewer than 2^32 nodes
				if !yield(Node{t, uint32(i)}) { // #nosec G115 -- a table has fewer than 2^32 nodes
					return
				}
			}
		}
	}
}

// subsettedSystems are today's and an older namespace of the tag (FHIR R4, Resource.meta; servers still write both).
var subsettedSystems = []string{"http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "http://hl7.org/fhir/v3/ObservationValue"}

// IsSubsetted reports whether meta, of a resource or of its Bundle, says that elements were left out.
func IsSubsetted(meta Node) bool {
	return marksSubsetted(meta.Get("tag")) || marksSubsetted(meta.Get("security"))
}

func marksSubsetted(list Node) bool {
	if !list.Exists() {
		return false
	}
	for c := range list.Elements() {
		if c.Get("code").Text() == "SUBSETTED" && slices.Contains(subsettedSystems, c.Get("system").Text()) {
			return true
		}
	}
	return false
}

// Dates yields every text in the resource that is a date, dateTime or instant, contained resources and extensions included.
func (r *Resource) Dates() iter.Seq[DateTime] {
	return func(yield func(DateTime) bool) {
		t := &r.table
		for i := range t.nodes {
			if t.nodes[i].kind != String {
				continue
			}
			text := t.span(uint32(i)) // #nosec G115 -- a table has fewer than 2^32 nodes
			if text == "" || text[0] < '0' || text[0] > '9' {
				continue
			}
			if d, err := ParseDateTime(text); err == nil && !yield(d) {
				return
			}
		}
	}
}
