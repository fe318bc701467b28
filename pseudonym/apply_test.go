package pseudonym_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// TestWhatConsentPermitsBecomesARecord goes the whole way from resources to what a mapping sees.
func TestWhatConsentPermitsBecomesARecord(t *testing.T) {
	policy, err := consent.Parse("p.yaml", []byte("kind: none\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "p"})
	rec.Add(patient(t, `{"resourceType":"Patient","id":"p","identifier":[{"system":"s","value":"4711"}],"name":[{"family":"Muster"}],"birthDate":"1957-03-12"}`))
	rec.Add(patient(t, `{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/p"},"effectiveDateTime":"2024-05-01","valueInteger":3,"note":[{"text":"Muster"}]}`))
	permitted, _ := consent.Admit(rec, consent.Evaluate(consent.FactsOf(rec), policy, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), policy)
	vault, _ := newVault(t)
	subject, err := vault.Find(ctx, permitted, pseudonym.IdentityRule{System: "s"}, pseudonym.Issued{})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	veil, err := pseudonym.NewVeil(profile, pseudonym.Dates{Mode: pseudonym.None, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	seen, report, err := veil.Apply(permitted, subject)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := pseudonym.WriteNDJSON(&out, seen); err != nil {
		t.Fatal(err)
	}
	id := func(typ, id string) string { return subject.ResourceID(fhir.Key{Type: typ, ID: id}) }
	want := `{"resourceType":"Patient","id":"` + id("Patient", "p") + `","birthDate":"1957"}` + "\n" +
		`{"resourceType":"Observation","id":"` + id("Observation", "o") + `","status":"final","subject":{"reference":"Patient/` + id("Patient", "p") + `"},"effectiveDateTime":"2024-05-01","valueInteger":3}` + "\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if report.Kept != 2 || len(report.Dropped) != 3 || seen.Subject().Number() != subject.Number() {
		t.Error(report)
	}
	changes, err := veil.Diff(permitted, subject)
	if err != nil || len(changes) != 7 || strings.Contains(changes[0].Path, "4711") {
		t.Error(changes, err)
	}
}
