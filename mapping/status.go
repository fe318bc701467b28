package mapping

import (
	"slices"

	"github.com/crflink/crflink/fhir"
)

// uncounted are the values of `status` with which a resource never counts: what was entered in error, cancelled, not
// done or not taken is no fact about the patient (FHIR R4, the status value sets of each type).
var uncounted = map[string]bool{
	"entered-in-error": true, "cancelled": true, "not-done": true, "not-taken": true, "draft": true, "nullified": true,
}

const certaintyExtension = "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"

// statusCounts reports whether the resource's status lets it count. A rule may include a status by name.
func statusCounts(res *fhir.Resource, include []string) bool {
	if s := res.Get("status").Text(); uncounted[s] && !slices.Contains(include, s) {
		return false
	}
	for c := range res.Path("verificationStatus", "coding").Elements() {
		if s := c.Get("code").Text(); s == "entered-in-error" && !slices.Contains(include, s) {
			return false
		}
	}
	return true
}

// certaintyCounts reports whether a diagnosis is more than suspected or excluded: ICD-10-GM diagnosesicherheit V is
// suspected, A is excluded; G, Z or none count. One that was refuted (verificationStatus) is excluded too.
func certaintyCounts(res *fhir.Resource, include []string) bool {
	if res.Type != "Condition" {
		return true
	}
	for c := range res.Path("verificationStatus", "coding").Elements() {
		if c.Get("code").Text() == "refuted" && !slices.Contains(include, "refuted") {
			return false
		}
	}
	for c := range res.Path("code", "coding").Elements() {
		s := c.Extension(certaintyExtension).Path("valueCoding", "code").Text()
		if (s == "A" || s == "V") && !slices.Contains(include, s) {
			return false
		}
	}
	return true
}
