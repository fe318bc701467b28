package pipeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/synth"
)

// permittedOf returns the truths of permitted patients with a number, which are one Patient resource each.
func permittedOf(s site) []*synth.Truth {
	var list []*synth.Truth
	for i := range s.truth {
		if t := &s.truth[i]; t.Decision.Outcome == "permitted" && t.Subject != "" && len(t.Patients) == 1 {
			list = append(list, t)
		}
	}
	return list
}

// mergedOf returns the truth of a permitted patient into whom another one was merged.
func mergedOf(t *testing.T, s site) *synth.Truth {
	t.Helper()
	for i := range s.truth {
		if truth := &s.truth[i]; truth.Decision.Outcome == "permitted" && truth.Subject != "" && len(truth.Patients) == 2 {
			return truth
		}
	}
	t.Fatal("the hospital has no merged patient who is permitted")
	return nil
}

// addFile puts lines beside the hospital's files.
func (s site) addFile(t *testing.T, name string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// link adds a Patient.link of type seealso to a patient of the hospital.
func (s site) link(t *testing.T, patient, other string) {
	t.Helper()
	path := filepath.Join(s.folder, "Patient.ndjson")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf(`"id":%q,`, patient)
	if strings.Count(string(text), id) != 1 {
		t.Fatalf("%d resources have the id", strings.Count(string(text), id))
	}
	linked := fmt.Sprintf(`%s"link":[{"type":"seealso","other":{"reference":"Patient/%s"}}],`, id, other)
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), id, linked, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAFactThatCannotBeReadHoldsItsPatient adds Consents and Patients that cannot be read, and links to records with a
// refusal. Exactly their patients must be missing, and everybody else's cells equal the truth.
func TestAFactThatCannotBeReadHoldsItsPatient(t *testing.T) {
	s := newSite(t, 6, 120)
	of, merged := permittedOf(s), mergedOf(t, s)
	refusal := func(patient string) string {
		return fmt.Sprintf(`{"resourceType":"Consent","id":"no-%s","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"57016-8"}]}],"patient":{"reference":"Patient/%s"},"dateTime":"2026-06-01","policy":[{"uri":"urn:oid:2.16.840.1.113883.3.1937.777.24.2.1791"}],"provision":{"type":"deny","period":{"start":"2026-06-01","end":"2050-08-31"}}}`, patient, patient)
	}
	s.addFile(t, "broken.ndjson",
		strings.Replace(refusal(of[0].Patients[0]), `"status":"active"`, `"status":"active","status":"active"`, 1), // a member twice
		refusal(of[1].Patients[0])[:len(refusal(of[1].Patients[0]))-20],                                            // cut off
		strings.Replace(refusal(of[2].Patients[0]), `"id":"no-`, `"id":"no/`, 1),                                   // no FHIR id
		strings.Replace(refusal(merged.Patients[1]), `"status":"active"`, "\"status\":\"a\x01\"", 1),               // of the record that was merged
		fmt.Sprintf(`{"resourceType":"Patient","id":"%s","active":true,"active":true}`, of[3].Patients[0]),
		strings.Replace(refusal(of[4].Patients[0]), `"resourceType":"Consent"`, `"resourceTYPE":"Consent"`, 1), // not even a type
		// A further record of the same person, whose refusal counts.
		`{"resourceType":"Patient","id":"zz-other"}`, refusal("zz-other"),
		// The same behind a merge: the link names the record that was replaced.
		`{"resourceType":"Patient","id":"zz-old","link":[{"type":"replaced-by","other":{"reference":"Patient/zz-new"}}]}`,
		`{"resourceType":"Patient","id":"zz-new"}`, refusal("zz-new"),
		// A further record whose link is written there only.
		fmt.Sprintf(`{"resourceType":"Patient","id":"zz-back","link":[{"type":"seealso","other":{"reference":"Patient/%s"}}]}`, of[7].Patients[0]), refusal("zz-back"),
		// A refusal of one of two patients, who knows of which.
		strings.Replace(refusal(of[8].Patients[0]), fmt.Sprintf(`"patient":{"reference":"Patient/%s"}`, of[8].Patients[0]),
			fmt.Sprintf(`"patient":[{"reference":"Patient/%s"},{"reference":"Patient/%s"}]`, of[8].Patients[0], of[9].Patients[0]), 1),
	)
	s.link(t, of[5].Patients[0], "zz-other")
	s.link(t, of[6].Patients[0], "zz-old")
	held := map[string]bool{merged.Subject: true}
	for _, truth := range of[:10] {
		held[truth.Subject] = true
	}
	parts := openParts(t, exampleStudy(t), s.folder)
	outcome := mustRun(t, parts)
	for i := range s.truth {
		if held[s.truth[i].Subject] {
			s.truth[i].Decision.Outcome = "held"
		}
	}
	compare(t, parts, s, unchanged)
	if n := outcome.Tally.Decisions["held"]["review"]; n < len(held)-2 {
		t.Errorf("%d patients are held for review, want at least %d: %v", n, len(held)-2, outcome.Tally.Decisions)
	}
	if outcome.Complete() {
		t.Error("the run calls itself complete")
	}
}
