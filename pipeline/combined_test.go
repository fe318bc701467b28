package pipeline_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

const trialPolicy = `kind: study-consent
name: trial
codes: none
recognise: {policyUris: ["https://trial.example/consent"], withdrawalUris: ["https://trial.example/withdrawal"]}
`

// combinedStudy is the example study whose forms psa and labs are under a trial's own consent.
func combinedStudy(t *testing.T, consent string) *pipeline.Study {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../configs/psma-registry")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "study.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "consent: consent.yaml", "consent: "+consent, 1)
	for name, content := range map[string]string{"study.yaml": changed, "trial.yaml": trialPolicy} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	study, findings, err := pipeline.LoadStudy(filepath.Join(dir, "study.yaml"))
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	study.State = t.TempDir()
	return study
}

// trialConsent is a Consent of the trial's form.
func trialConsent(patient, typ, date string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":"t-%s-%s","status":"active","scope":{"coding":[{"code":"research"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"57016-8"}]}],"patient":{"reference":"Patient/%s"},"dateTime":%q,"policy":[{"uri":"https://trial.example/consent"}],"provision":{"type":%q,"period":{"start":"2001-01-01","end":"2050-12-31"}}}`, patient, typ[:2], patient, date, typ)
}

// broadRefusal is a complete withdrawal of the MII broad consent.
func broadRefusal(patient string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":"b-%s","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"57016-8"}]}],"patient":{"reference":"Patient/%s"},"dateTime":"2026-08-01","policy":[{"uri":"urn:oid:2.16.840.1.113883.3.1937.777.24.2.2722"}],"provision":{"type":"deny","period":{"start":"2026-08-01","end":"3000-01-01"}}}`, patient, patient)
}

// held counts the values and the missing reasons of a subject's forms in the ledger.
func inLedger(t *testing.T, parts pipeline.Parts, subject string, forms ...string) (values int, missing map[ecrf.MissingReason]int) {
	t.Helper()
	book, err := parts.Ledger.Subject(t.Context(), subject)
	if err != nil || book == nil {
		t.Fatal(subject, err)
	}
	return ofForms(book, forms...)
}

func ofForms(book *ecrf.StoredCasebook, forms ...string) (values int, missing map[ecrf.MissingReason]int) {
	missing = map[ecrf.MissingReason]int{}
	for _, c := range book.Cells {
		for _, f := range forms {
			if c.Form != f {
				continue
			}
			if c.Value != "" {
				values++
			} else {
				missing[c.Missing]++
			}
		}
	}
	return values, missing
}

// seenBooks keeps what it is given.
type seenBooks struct {
	books map[string]*ecrf.StoredCasebook
}

func (*seenBooks) Name() string { return "tables" }
func (*seenBooks) Kind() string { return "csv" }
func (s *seenBooks) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	s.books = map[string]*ecrf.StoredCasebook{}
	for book, err := range d.Casebooks(ctx) {
		if err != nil {
			return ecrf.DeliveryReport{}, err
		}
		s.books[book.Facts.Subject] = book
	}
	return ecrf.DeliveryReport{}, nil
}

func TestEachFormIsFilledUnderItsOwnPolicy(t *testing.T) {
	s := newSite(t, 1, 60)
	of := permittedOf(s)
	both, broadOnly, trialOnly := of[0], of[1], of[2]
	trial := []string{trialConsent(both.Patients[0], "permit", "2024-01-01"), trialConsent(trialOnly.Patients[0], "permit", "2024-01-01"), broadRefusal(trialOnly.Patients[0])}
	s.addFile(t, "trial.ndjson", trial...)
	study := combinedStudy(t, "{default: consent.yaml, forms: {psa: trial.yaml, labs: trial.yaml}}")
	parts := openParts(t, study, s.folder)
	seen := &seenBooks{}
	parts.Targets = []ecrf.Target{seen}
	mustRun(t, parts)

	core := []string{"demographics", "diagnosis", "staging"}
	if n, m := inLedger(t, parts, both.Subject, core...); n == 0 || m[ecrf.NoConsent] > 0 {
		t.Errorf("under both policies the core forms have %d values, missing %v", n, m)
	}
	if n, m := inLedger(t, parts, both.Subject, "labs", "psa"); n == 0 || m[ecrf.NoConsent] > 0 {
		t.Errorf("under both policies the trial's forms have %d values, missing %v", n, m)
	}
	if n, m := inLedger(t, parts, broadOnly.Subject, "labs", "psa"); n != 0 || m[ecrf.NoConsent] == 0 {
		t.Errorf("without the trial's consent its forms have %d values, missing %v", n, m)
	}
	if n, _ := inLedger(t, parts, broadOnly.Subject, core...); n == 0 {
		t.Error("the core forms of whom the trial has no consent are empty")
	}
	if n, m := inLedger(t, parts, trialOnly.Subject, core...); n != 0 || m[ecrf.NoConsent] == 0 {
		t.Errorf("after the broad consent was withdrawn the core forms have %d values, missing %v", n, m)
	}
	if n, _ := inLedger(t, parts, trialOnly.Subject, "labs", "psa"); n == 0 {
		t.Error("withdrawing the broad consent ended the trial")
	}
	for _, subject := range []string{both.Subject, broadOnly.Subject, trialOnly.Subject} {
		if seen.books[subject] == nil {
			t.Errorf("%s is not delivered", subject)
		}
	}
	again(t, parts)

	// Now the trial's consent of the first is gone: nothing is erased, and nothing of the trial delivered. The second withdraws
	// the broad consent and has no other: excluded.
	stored, _ := inLedger(t, parts, both.Subject, "labs", "psa")
	s.addFile(t, "trial.ndjson", trial[1], trial[2], broadRefusal(broadOnly.Patients[0]))
	next := openParts(t, study, s.folder)
	next.Targets = []ecrf.Target{seen}
	outcome := mustRun(t, next)
	if n, _ := inLedger(t, next, both.Subject, "labs", "psa"); n != stored || stored == 0 {
		t.Errorf("%d of %d values of a form whose policy holds stay in the ledger", n, stored)
	}
	if n, _ := ofForms(seen.books[both.Subject], "labs", "psa"); n != 0 {
		t.Errorf("%d values of a form whose policy holds are delivered", n)
	}
	if n, _ := ofForms(seen.books[both.Subject], core...); n == 0 {
		t.Error("the core forms are not delivered any more")
	}
	if seen.books[broadOnly.Subject] != nil || outcome.Tally.Decisions["held"]["partly-refused"] == 0 {
		t.Errorf("whom one policy refuses and the other does not know is %v", outcome.Tally.Decisions)
	}

	// The trial is withdrawn, too: its values go, the broad consent stays.
	s.addFile(t, "trial.ndjson", trial[1], trial[2], trialConsent(both.Patients[0], "permit", "2024-01-01"), trialConsent(both.Patients[0], "deny", "2026-08-01"))
	last := openParts(t, study, s.folder)
	last.Targets = []ecrf.Target{seen}
	mustRun(t, last)
	if n, m := inLedger(t, last, both.Subject, "labs", "psa"); n != 0 || m[ecrf.NoConsent] == 0 {
		t.Errorf("after the trial was withdrawn its forms have %d values, missing %v", n, m)
	}
	if n, _ := inLedger(t, last, both.Subject, core...); n == 0 {
		t.Error("withdrawing from the trial ended the broad consent")
	}
}

// again runs once more and expects that nothing is written.
func again(t *testing.T, parts pipeline.Parts) {
	t.Helper()
	o := mustRun(t, parts)
	if o.Tally.Computed != 0 || o.Tally.Cells.Writes() != 0 {
		t.Errorf("the second run computed %d subjects and wrote %d cells", o.Tally.Computed, o.Tally.Cells.Writes())
	}
}

// TestNothingIsAskedForThatOnlyARefusedFormNeeds reads the server's log: nobody has the trial's consent, and only the form labs
// is under the broad consent.
func TestNothingIsAskedForThatOnlyARefusedFormNeeds(t *testing.T) {
	config := synth.Config{Seed: 4, Patients: 60}
	server, base := serve(t, config)
	s := newSite(t, config.Seed, config.Patients)
	for consent, want := range map[string]bool{"{default: trial.yaml, forms: {labs: consent.yaml}}": true, "{default: trial.yaml, forms: {labs: trial.yaml}}": false} {
		study := combinedStudy(t, consent)
		parts := openParts(t, study, s.folder)
		source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: base}})
		if err != nil {
			t.Fatal(err)
		}
		parts.Source = source
		before := len(server.Requests())
		mustRun(t, parts)
		asked := map[string]bool{}
		for _, q := range server.Requests()[before:] {
			typ, _, _ := strings.Cut(q.Path, "/")
			asked[typ] = true
			switch typ {
			case "", "metadata", "Patient", "Consent", "Encounter", "ResearchSubject", "ResearchStudy":
			case "Observation", "ImagingStudy": // ImagingStudy is that of the index event
				if !want {
					t.Errorf("%s was asked for, and nobody has the trial's consent", typ)
				}
			default:
				t.Errorf("%s was asked for, and only forms that nobody permits need it", typ)
			}
		}
		if asked["Observation"] != want {
			t.Errorf("asked for %v", asked)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAPolicyOfAFormThatIsNotThereIsFound(t *testing.T) {
	for consent, want := range map[string]string{
		"{default: consent.yaml, forms: {lbas: consent.yaml}}": `the dictionary has no form "lbas"`,
		"{forms: {labs: consent.yaml}}":                        "default is missing",
		"{default: consent.yaml, form: {labs: consent.yaml}}":  `unknown key "form"`,
	} {
		_, findings, err := changedStudy(t, "study.yaml", "consent: consent.yaml", "consent: "+consent)
		if err == nil || !strings.Contains(findings.Error(), want) {
			t.Errorf("%s: %v", consent, findings)
		}
	}
}
