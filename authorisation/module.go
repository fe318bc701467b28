package authorisation

import (
	"maps"
	"slices"
)

// modules lists, by the names of the modules of the MII core data set, the resource types on which their profiles build
// (2026 releases). A type is what a module permits: which of its resources belong to the module is not looked at, so that
// laboratory and oncology, for example, permit the same Observations.
var modules = map[string][]string{
	"person":        {"Patient", "Observation", "Condition"}, // vital status, cause of death
	"fall":          {"Encounter"},
	"diagnose":      {"Condition"},
	"prozedur":      {"Procedure"},
	"labor":         {"Observation", "DiagnosticReport", "ServiceRequest"},
	"medikation":    {"Medication", "MedicationStatement", "MedicationRequest", "MedicationAdministration", "List"},
	"biobank":       {"Specimen", "Substance", "Organization", "Observation"},
	"onkologie":     {"Condition", "Observation", "Procedure", "MedicationStatement", "CarePlan", "AdverseEvent", "DiagnosticReport", "Specimen", "List"},
	"icu":           {"Observation", "Procedure", "Device", "DeviceMetric"},
	"studie":        {"ResearchSubject", "ResearchStudy"},
	"molgen":        {"Observation", "DiagnosticReport", "ServiceRequest", "FamilyMemberHistory", "RiskAssessment", "Task"},
	"pathologie":    {"DiagnosticReport", "Observation", "Specimen", "ServiceRequest", "Media", "List", "Composition"},
	"mikrobiologie": {"Observation", "DiagnosticReport", "ServiceRequest", "Specimen"},
	"bildgebung":    {"ImagingStudy", "Observation", "DiagnosticReport", "ServiceRequest", "Procedure", "Device", "BodyStructure"},
	"dokument":      {"DocumentReference"},
}

// Modules returns the names of the modules, in order.
func Modules() []string { return slices.Sorted(maps.Keys(modules)) }

// TypesOf returns the resource types that a module permits; none for a name that is no module.
func TypesOf(module string) []string { return slices.Clone(modules[module]) }
