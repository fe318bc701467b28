package imaging

import (
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// permittedOf passes resources of Patient/p1 through the real gate, under a policy.
func permittedOf(t *testing.T, policy string, all record) consent.Permitted {
	t.Helper()
	p, err := consent.Parse("policy.yaml", []byte(policy), nil)
	if err != nil {
		t.Fatal(err)
	}
	rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "p1"})
	for _, res := range all {
		rec.Add(res)
	}
	permitted, _ := consent.Admit(rec, consent.Evaluate(consent.FactsOf(rec), p, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)), p)
	return permitted
}

// What a link says must be what mapping sees of the same resource: the same UID, accession number, id and day.
func TestALinkMeetsTheRecordThatMappingSees(t *testing.T) {
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	subject := subjectOf(t, "S-1")
	for _, value := range []string{uidA, "urn:oid:" + uidA, "URN:OID:" + uidA} {
		for _, mode := range []pseudonym.DateMode{pseudonym.None, pseudonym.Shift} {
			study := imaging("i1", `,@identifier@:[{@system@:@urn:dicom:uid@,@value@:@`+value+`@},{`+acsn+`,@value@:@A100@}]`)
			permitted := permittedOf(t, "kind: none\n", resources(t, patient, strings.Replace(study, "T09:00:00+01:00", "T23:30:00Z", 1)))
			veil, err := pseudonym.NewVeil(profile, pseudonym.Dates{Mode: mode, Zone: berlin})
			if err != nil {
				t.Fatal(err)
			}
			seen, _, err := veil.Apply(permitted, subject)
			if err != nil {
				t.Fatal(err)
			}
			found, err := Locate(permitted, subject, &Rules{}, Dates{Mode: mode, Zone: berlin, Move: seen.Day})
			if err != nil || len(found.Links) != 1 {
				t.Fatalf("got %d links, %v", len(found.Links), err)
			}
			link := found.Links[0]
			other := seen.Find(fhir.Key{Type: "ImagingStudy", ID: link.Resources[0]})
			if other == nil {
				t.Fatal("the link names no resource of the record")
			}
			uid, ok := ParseUID(other.Get("identifier").First().Get("value").Text())
			if !ok || uid != link.StudyUID {
				t.Errorf("mapping sees another study UID than the link has")
			}
			if got := other.Get("identifier").First().Next().Get("value").Text(); got != link.Accession {
				t.Errorf("mapping sees another accession number than the link has")
			}
			if got := other.Get("started").Text(); !strings.HasPrefix(got, link.Date) || link.Date == "" {
				t.Errorf("mapping sees %s, the link says %s", got, link.Date)
			}
		}
	}
}

func TestWithoutConsentNothingIsLocated(t *testing.T) {
	permitted := permittedOf(t, "kind: broad-consent\n", resources(t, patient, imaging("i1", identifier("urn:dicom:uid", uidA))))
	if _, err := Locate(permitted, subjectOf(t, "S-1"), &Rules{}, Dates{}); err == nil {
		t.Error("studies of a patient without consent were located")
	}
}
