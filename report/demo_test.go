package report

import (
	"strings"
	"time"
)

// demoRun is an account such as the demo gives: a PSMA-PET registry of 200 patients.
func demoRun() Run {
	r := Run{
		Version: "0.1.0", Study: Study{"psma-registry", "PSMA-PET registry", "1.0"}, AsOf: "2026-06-30",
		Started: time.Date(2026, 6, 30, 2, 15, 0, 0, time.UTC), Seconds: 7.42,
		Verdict: Verdict{Exit: 5}, Policy: Policy{Kind: "broad-consent", Name: "mii-broad-consent", Version: "1.7.2"},
		Inputs: []Input{
			{"study", "study.yaml", "1.0", strings.Repeat("3f9ac01e", 8)}, {"mapping", "mapping.yaml", "1.0", strings.Repeat("a17b220d", 8)},
			{"dictionary", "dictionary.yaml", "1.0", strings.Repeat("77e0c4d1", 8)}, {"policy", "consent.yaml", "1.7.2", strings.Repeat("0be4459a", 8)},
			{"profile", "mii-default", "1", strings.Repeat("c9d2f810", 8)},
		},
		Patients: Patients{
			Found: 200, Permitted: 152, Held: Tally{"no-consent": 14, "expired": 9}, Excluded: Tally{"withdrawn": 16, "denied": 9},
			NotEnrolled: 4, Enrolled: 148, Failed: Tally{"server-error": 1}, Delivered: 147,
		},
		Resources: Resources{
			Read: 18432, Kept: 16890, Dropped: Tally{"outside-consent-window": 1204, "no-date": 231, "entered-in-error": 107},
			Rejected: Tally{"not JSON": 2, "id is not a FHIR id": 1},
		},
		Rejected: []Rejected{
			{"Observation", "hospital/observations.ndjson@88213", "id is not a FHIR id (1 to 64 letters, digits, - and .)"},
			{"", "hospital/observations.ndjson@1048576", "not JSON: invalid UTF-8 at byte 212"},
			{"", "hospital/conditions.ndjson.gz@40921", "not JSON: object ends early"},
		},
		Imaging: Imaging{Resources: 412, Linked: 286, OutOfScope: 113, Links: Tally{"dicom-uid": 171, "uri": 43, "accession-patient": 37, "hashed-id": 21, "accession": 6},
			Unlinked: Tally{"several-uids": 4, "several-candidates": 6, "no-key": 3}, Refused: Tally{"invalid study UID": 3}},
		Targets: []Target{{Name: "tables", Kind: "csv", Rows: 1874, Cells: 4050}, {Name: "odm", Kind: "odm", Rows: 1874, Cells: 4050}, {Name: "redcap", Kind: "redcap", Rows: 211, Cells: 449, Queries: 8}},
		Stages: []Stage{{"read", "resources", 18432, 1.31}, {"consent", "patients", 200, 0.12}, {"de-identify", "resources", 16890, 0.84},
			{"map", "cells", 6174, 3.05}, {"link imaging", "studies", 412, 0.06}, {"deliver", "cells", 4050, 1.9}},
		AuditHead: "412:4f0c2b7f5b6d0a3f1e9d8c7b6a5948372615041302f1e0d9c8b7a69584736251",
		Warnings:  []string{"policy: the code of the further gate occurs in no consent"},
	}
	r.Forms = demoForms()
	r.Cells = Cells{Changed: 37, New: 412, Vanished: 5, Conflicts: 3}
	for _, f := range r.Forms {
		filled, empty := f.totals()
		r.Cells.Filled += filled
		r.Cells.Empty.merge(empty)
	}
	r.Cells.Unchanged = r.Cells.Filled - r.Cells.New - r.Cells.Changed
	return r
}

var demoReasons = []string{"no-value", "unmapped", "unconvertible", "no-event", "absent:not-performed", "ambiguous", "status"}

// demoForms has six of the registry's forms; shares run from nothing to everything.
func demoForms() []Form {
	names := map[string][]string{
		"demographics": {"Year of birth", "Sex", "Postal code (2 digits)", "Vital status", "Date of death"},
		"diagnosis":    {"Date of diagnosis", "ICD-10", "Laterality", "Age at diagnosis", "ISUP grade group", "Histology"},
		"staging":      {"T stage", "N stage", "M stage", "Staging date", "TNM version"},
		"psa":          {"PSA date", "PSA value", "Comparator", "Days from index PET"},
		"labs":         {"Haemoglobin", "Leucocytes", "Platelets", "Creatinine", "eGFR", "Alkaline phosphatase", "LDH", "Testosterone", "Albumin"},
		"medication":   {"ARPI", "GnRH analogue", "Start of ADT", "Bisphosphonate"},
		"imaging":      {"Date of scan", "Days from index", "Hybrid modality", "Tracer", "Injected activity", "Study UID"},
		"follow_up":    {"Last contact", "Progression", "Date of progression"},
	}
	order := []string{"demographics", "diagnosis", "staging", "psa", "labs", "medication", "imaging", "follow_up"}
	labels := []string{"Demographics", "Diagnosis", "Staging", "PSA course", "Laboratory at baseline", "Medication", "Imaging sessions", "Follow-up"}
	shares := []int{147, 147, 131, 98, 146, 72, 51, 30, 140, 12, 139, 147, 0, 120, 88}
	var forms []Form
	k := 0
	for i, name := range order {
		f := Form{Name: name, Label: labels[i]}
		for _, text := range names[name] {
			filled := shares[k%len(shares)]
			k++
			item := Item{Name: strings.ToLower(strings.ReplaceAll(text, " ", "_")), Label: text, Filled: Count(filled), Empty: Tally{}}
			if rest := 147 - filled; rest > 0 {
				item.Empty = Tally{"no-resource": Count(rest - rest/2), "outside-window": Count(rest/2 - rest/3)}
				item.Empty.Add(demoReasons[k%len(demoReasons)], rest/3)
			}
			if text == "Date of death" {
				item.Filled, item.Empty = 0, Tally{"not-applicable": 147}
			}
			f.Items = append(f.Items, item)
		}
		forms = append(forms, f)
	}
	return forms
}
