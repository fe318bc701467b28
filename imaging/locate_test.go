package imaging

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	uidA = "1.2.826.0.1.3680043.8.498.9999.1000"
	uidB = "1.2.826.0.1.3680043.8.498.9999.2000"
	serA = "1.2.826.0.1.3680043.8.498.9999.1000.1"
	serB = "1.2.826.0.1.3680043.8.498.9999.1000.2"

	acsn    = `@type@:{@coding@:[{@system@:@http://terminology.hl7.org/CodeSystem/v2-0203@,@code@:@ACSN@}]}`
	miracum = "https://fhir.diz.uk-erlangen.de/identifiers/imagingstudy-id"
	pid     = "https://hospital.example/pid"
	patient = `{@resourceType@:@Patient@,@id@:@p1@,@identifier@:[{@system@:@` + pid + `@,@value@:@4711@}]}`
)

func hashed(uid string) string {
	sum := sha256.Sum256([]byte(miracum + "|" + uid))
	return hex.EncodeToString(sum[:])
}

func identifier(system, value string) string {
	return `,@identifier@:[{@system@:@` + system + `@,@value@:@` + value + `@}]`
}

func accessionOf(value string) string {
	return `,@identifier@:[{` + acsn + `,@value@:@` + value + `@}]`
}

var order = `{@resourceType@:@ServiceRequest@,@id@:@sr1@,@status@:@completed@,@identifier@:[{@type@:{@coding@:[{@code@:@PLAC@}]},@value@:@PLACER1@},{` +
	acsn + `,@system@:@urn:ris@,@value@:@A100@}]}`

// Every form in which servers name a study: which method finds it, which UID and accession number come out.
var forms = []struct {
	name      string
	resources []string
	rules     func(t *testing.T) Rules
	method    Method // "" where it is not linked
	uid, acc  string
	reason    Reason
}{
	{name: "urn:dicom:uid with urn:oid:", resources: []string{imaging("i1", identifier("urn:dicom:uid", "urn:oid:"+uidA))}, method: ByDICOMUID, uid: uidA},
	{name: "urn:dicom:uid with a bare UID", resources: []string{imaging("i1", identifier("urn:dicom:uid", uidA))}, method: ByDICOMUID, uid: uidA},
	{name: "urn:DICOM:uid in capitals", resources: []string{imaging("i1", identifier("urn:DICOM:uid", "URN:OID:"+uidA))}, method: ByDICOMUID, uid: uidA},
	{name: "a UID with padding", resources: []string{imaging("i1", identifier("urn:dicom:uid", " urn:oid:"+uidA+` \u0000`))}, method: ByDICOMUID, uid: uidA},
	{name: "urn:ietf:rfc:3986 with urn:oid:", resources: []string{imaging("i1", identifier("urn:ietf:rfc:3986", "urn:oid:"+uidA))}, method: ByURI, uid: uidA},
	{name: "urn:ietf:rfc:3986 with a urn:uuid: is no study UID", resources: []string{imaging("i1", identifier("urn:ietf:rfc:3986", "urn:uuid:6f1c2b1e-0000-4000-8000-000000000000"))}, reason: NoKey},
	{name: "a configured system", resources: []string{imaging("i1", identifier("urn:site:suid", uidA))},
		rules: func(*testing.T) Rules { return Rules{Systems: []string{"urn:site:suid"}} }, method: BySystem, uid: uidA},
	{name: "a system that is not configured", resources: []string{imaging("i1", identifier("urn:site:suid", uidA))}, reason: NoKey},
	{name: "STU3 uid and accession", resources: []string{imaging("i1", `,@uid@:@urn:oid:`+uidA+`@,@accession@:{@value@:@A100@}`)}, method: BySTU3, uid: uidA, acc: "A100"},
	{name: "not the first identifier", resources: []string{imaging("i1", `,@identifier@:[{@system@:@urn:local@,@value@:@`+uidB+`@},{`+acsn+`,@value@:@A100@},{@system@:@urn:dicom:uid@,@value@:@urn:oid:`+uidA+`@}]`)},
		method: ByDICOMUID, uid: uidA, acc: "A100"},
	{name: "an old identifier does not count", resources: []string{imaging("i1", `,@identifier@:[{@use@:@old@,@system@:@urn:dicom:uid@,@value@:@`+uidB+`@},{@system@:@urn:dicom:uid@,@value@:@`+uidA+`@}]`)},
		method: ByDICOMUID, uid: uidA},
	{name: "the same UID in two forms is no contradiction", resources: []string{imaging("i1", `,@identifier@:[{@system@:@urn:ietf:rfc:3986@,@value@:@urn:oid:`+uidA+`@},{@system@:@urn:dicom:uid@,@value@:@`+uidA+`@}]`)},
		method: ByDICOMUID, uid: uidA},
	{name: "two UIDs in one resource", resources: []string{imaging("i1", `,@identifier@:[{@system@:@urn:dicom:uid@,@value@:@`+uidA+`@},{@system@:@urn:dicom:uid@,@value@:@`+uidB+`@}]`)}, reason: SeveralUIDs},
	{name: "leading zero", resources: []string{imaging("i1", identifier("urn:dicom:uid", "1.02.3"))}, reason: InvalidUID},
	{name: "65 characters", resources: []string{imaging("i1", identifier("urn:dicom:uid", "1."+strings.Repeat("9", 63)))}, reason: InvalidUID},
	{name: "a word", resources: []string{imaging("i1", identifier("urn:dicom:uid", "study-uid"))}, reason: InvalidUID},
	{name: "an invalid UID beside an accession number", resources: []string{imaging("i1", `,@identifier@:[{@system@:@urn:dicom:uid@,@value@:@1..2@},{`+acsn+`,@value@:@A100@}]`)}, method: ByNumber, acc: "A100"},
	{name: "accession number only", resources: []string{imaging("i1", accessionOf("A100"))}, method: ByNumber, acc: "A100"},
	{name: "accession type of FHIR before R4", resources: []string{imaging("i1", `,@identifier@:[{@type@:{@coding@:[{@system@:@http://hl7.org/fhir/v2/0203@,@code@:@ACSN@}]},@value@:@A100@}]`)}, method: ByNumber, acc: "A100"},
	{name: "accession number by a configured system", resources: []string{imaging("i1", identifier("urn:ris", "A100"))},
		rules: func(*testing.T) Rules { return Rules{AccessionSystems: []string{"urn:ris"}} }, method: ByNumber, acc: "A100"},
	{name: "accession number of the order", resources: []string{imaging("i1", `,@basedOn@:[{@reference@:@ServiceRequest/sr1@}]`), order}, method: ByNumber, acc: "A100"},
	{name: "accession number in basedOn.identifier (R5)", resources: []string{imaging("i1", `,@basedOn@:[{@identifier@:{`+acsn+`,@value@:@A100@}}]`)}, method: ByNumber, acc: "A100"},
	{name: "accession number of a contained order", resources: []string{imaging("i1", `,@contained@:[{@resourceType@:@ServiceRequest@,@id@:@o@,@identifier@:[{`+acsn+`,@value@:@A100@}]}],@basedOn@:[{@reference@:@#o@}]`)}, method: ByNumber, acc: "A100"},
	{name: "accession number of the report", resources: []string{imaging("i1", ""), `{@resourceType@:@DiagnosticReport@,@id@:@d1@,@identifier@:[{` + acsn + `,@value@:@A100@}],@imagingStudy@:[{@reference@:@ImagingStudy/i1@}]}`}, method: ByNumber, acc: "A100"},
	{name: "accession number of the report's order", resources: []string{imaging("i1", ""), order, `{@resourceType@:@DiagnosticReport@,@id@:@d1@,@basedOn@:[{@reference@:@ServiceRequest/sr1@}],@imagingStudy@:[{@reference@:@ImagingStudy/i1@}]}`}, method: ByNumber, acc: "A100"},
	{name: "a placer's number is no accession number", resources: []string{imaging("i1", `,@basedOn@:[{@reference@:@ServiceRequest/sr1@}]`), `{@resourceType@:@ServiceRequest@,@id@:@sr1@,@identifier@:[{@type@:{@coding@:[{@code@:@PLAC@}]},@value@:@P1@}]}`}, reason: NoKey},
	{name: "two accession numbers and no UID", resources: []string{imaging("i1", `,@identifier@:[{`+acsn+`,@value@:@A100@},{`+acsn+`,@value@:@A200@}]`)}, reason: SeveralNumbers},
	{name: "series only", resources: []string{imaging("i1", `,@series@:[{@uid@:@`+serA+`@,@modality@:{@code@:@PT@}}]`)}, reason: SeriesOnly},
	{name: "series that the PACS knows", resources: []string{imaging("i1", `,@series@:[{@uid@:@urn:oid:`+serA+`@,@modality@:{@code@:@PT@}}]`)},
		rules: func(t *testing.T) Rules {
			return Rules{Candidates: list(t, "study_uid,series_uid\n"+uidA+","+serA+"\n")}
		}, method: BySeries, uid: uidA},
	{name: "series of two studies", resources: []string{imaging("i1", `,@series@:[{@uid@:@`+serA+`@},{@uid@:@`+serB+`@}]`)},
		rules: func(t *testing.T) Rules {
			return Rules{Candidates: list(t, "study_uid,series_uid\n"+uidA+","+serA+"\n"+uidB+","+serB+"\n")}
		},
		reason: SeveralCandidates},
	{name: "an id that is the hash of the UID", resources: []string{imaging(hashed(uidA), accessionOf("A100"))},
		rules: func(t *testing.T) Rules {
			return Rules{Candidates: list(t, "study_uid\n"+uidB+"\n"+uidA+"\n", miracum)}
		}, method: ByHash, uid: uidA, acc: "A100"},
	{name: "id and identifier name different studies", resources: []string{imaging(hashed(uidA), identifier("urn:dicom:uid", uidB))},
		rules: func(t *testing.T) Rules {
			return Rules{Candidates: list(t, "study_uid\n"+uidB+"\n"+uidA+"\n", miracum)}
		}, reason: SeveralUIDs},
	{name: "accession number and patient", resources: []string{patient, imaging("i1", accessionOf("A100"))},
		rules:  func(t *testing.T) Rules { return pacs(t, uidA+",A100,4711,20230210\n"+uidB+",A100,9999,20230210\n") },
		method: ByAccession, uid: uidA, acc: "A100"},
	{name: "accession number of another patient only", resources: []string{patient, imaging("i1", accessionOf("A100"))},
		rules: func(t *testing.T) Rules { return pacs(t, uidB+",A100,9999,20230210\n") }, reason: NoSuchStudy},
	{name: "accession number of two studies", resources: []string{patient, imaging("i1", accessionOf("A100"))},
		rules: func(t *testing.T) Rules { return pacs(t, uidA+",A100,4711,20230210\n"+uidB+",A100,4711,20230210\n") }, reason: SeveralCandidates},
	{name: "the PACS has another day", resources: []string{patient, imaging("i1", accessionOf("A100"))},
		rules: func(t *testing.T) Rules { return pacs(t, uidA+",A100,4711,20230213\n") }, reason: OtherDate},
	{name: "a day apart is the same day", resources: []string{patient, imaging("i1", accessionOf("A100"))},
		rules: func(t *testing.T) Rules { return pacs(t, uidA+",A100,4711,2023-02-11\n") }, method: ByAccession, uid: uidA, acc: "A100"},
	{name: "the PACS has the stated study under another patient", resources: []string{patient, imaging("i1", identifier("urn:dicom:uid", uidA))},
		rules: func(t *testing.T) Rules { return pacs(t, uidA+",,9999,20230210\n") }, reason: OtherPatient},
	{name: "the PACS has the stated study under two patients", resources: []string{patient, imaging("i1", identifier("urn:dicom:uid", uidA))},
		rules: func(t *testing.T) Rules { return pacs(t, uidA+",,4711,20230210\n"+uidA+",,9999,20230210\n") }, reason: OtherPatient},
	{name: "entered in error", resources: []string{strings.Replace(imaging("i1", identifier("urn:dicom:uid", uidA)), "available", "entered-in-error", 1)}, reason: NotDone},
	{name: "nothing at all", resources: []string{imaging("i1", "")}, reason: NoKey},
}

func pacs(t *testing.T, rows string) Rules {
	return Rules{PatientSystems: []string{pid}, Candidates: list(t, "study_uid,accession,patient,date\n"+rows)}
}

func TestEveryFormOfNamingAStudyIsKnown(t *testing.T) {
	s := subjectOf(t, "S-1")
	for _, c := range forms {
		t.Run(c.name, func(t *testing.T) {
			var rules Rules
			if c.rules != nil {
				rules = c.rules(t)
			}
			found, err := locate(resources(t, c.resources...), s, &rules, shiftBy(-7, "2023-02-08"))
			if err != nil {
				t.Fatal(err)
			}
			if c.method == "" {
				if len(found.Links) != 0 || len(found.Unlinked) != 1 || found.Unlinked[0].Reason != c.reason {
					t.Fatalf("want it unlinked because of %s, got %+v and %+v", c.reason, found.Links, found.Unlinked)
				}
				return
			}
			if len(found.Links) != 1 || len(found.Unlinked) != 0 {
				t.Fatalf("want one link by %s, got %+v and %+v", c.method, found.Links, found.Unlinked)
			}
			want := Link{
				Subject: "S-1", Session: 1, Resources: found.Links[0].Resources, Date: "2023-02-03", Days: 2, HasDays: true, Modality: []string{"PT"},
				Series: found.Links[0].Series, Contents: found.Links[0].Contents, Method: c.method, Quality: c.method.quality(), Type: Whole, Candidates: 1,
			}
			if c.uid != "" {
				want.StudyUID = s.UID(c.uid)
			}
			if c.acc != "" {
				want.Accession = s.Accession(c.acc)
			}
			if diff := cmp.Diff(want, found.Links[0]); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestOneStudyInSeveralResourcesIsOneLink(t *testing.T) {
	found := run(t, resources(t,
		imaging("i1", identifier("urn:dicom:uid", uidA)+`,@series@:[{@uid@:@`+serA+`@},{@uid@:@`+serB+`@}]`),
		imaging("i2", identifier("urn:ietf:rfc:3986", "urn:oid:"+uidA)+`,@series@:[{@uid@:@`+serA+`@}]`)), Rules{})
	if len(found.Links) != 1 || len(found.Links[0].Resources) != 2 || found.Links[0].Series != 2 || found.Links[0].Method != ByDICOMUID {
		t.Errorf("want one link of two sources and two series, got %+v", found.Links)
	}
}

func both(uid, number string) string {
	return `,@identifier@:[{@system@:@urn:dicom:uid@,@value@:@` + uid + `@},{` + acsn + `,@value@:@` + number + `@}]`
}

func TestASplitStudyIsLinkedWholeAsParts(t *testing.T) {
	ct := strings.Replace(imaging("i2", both(uidB, "A100")), "@PT@", "@CT@", 1)
	found := run(t, resources(t, imaging("i1", both(uidA, "A100")), ct), Rules{Modalities: []string{"PT"}})
	if len(found.Links) != 2 || found.Links[0].Type != Part || found.Links[1].Type != Part || found.Links[0].Ambiguous {
		t.Errorf("want two parts, got %+v", found.Links)
	}
}

func TestAnAccessionNumberOnTwoDaysIsAmbiguous(t *testing.T) {
	later := strings.Replace(imaging("i2", both(uidB, "A100")), "2023-02-10", "2023-03-10", 1)
	found := run(t, resources(t, imaging("i1", both(uidA, "A100")), later), Rules{})
	if len(found.Links) != 2 || !found.Links[0].Ambiguous || !found.Links[1].Ambiguous || found.Links[0].Type != Whole {
		t.Errorf("want two ambiguous studies, got %+v", found.Links)
	}
}

// The two may be one study, or PET and CT of a split one: an accession number alone does not tell, a common series does.
func TestAResourceWithoutUIDJoinsAStudyOfItsAccessionNumberByACommonSeriesOnly(t *testing.T) {
	series := func(id, more string) string { return imaging(id, more+`,@series@:[{@uid@:@`+uidA+`.7@}]`) }
	found := run(t, resources(t, series("i1", accessionOf("A100")), series("i2", both(uidA, "A100"))), Rules{})
	if len(found.Links) != 1 || len(found.Links[0].Resources) != 2 || found.Links[0].Method != ByDICOMUID {
		t.Errorf("want one link of two sources, got %+v", found.Links)
	}
	found = run(t, resources(t, imaging("i1", accessionOf("A100")), imaging("i2", both(uidA, "A100"))), Rules{})
	if len(found.Links) != 1 || len(found.Links[0].Resources) != 1 || len(found.Unlinked) != 1 || found.Unlinked[0].Reason != SameNumber {
		t.Errorf("want the one without UID to go to review, got %+v and %+v", found.Links, found.Unlinked)
	}
	found = run(t, resources(t, imaging("i1", accessionOf("A100")), imaging("i2", both(uidA, "A100")), imaging("i3", both(uidB, "A100"))), Rules{})
	if len(found.Links) != 2 || len(found.Unlinked) != 1 || found.Unlinked[0].Reason != SeveralCandidates || found.Unlinked[0].Candidates != 2 {
		t.Errorf("want the one without UID to go to review, got %+v and %+v", found.Links, found.Unlinked)
	}
}

func TestOtherModalitiesAreCountedAndUnknownOnesReviewed(t *testing.T) {
	ct := strings.Replace(imaging("i2", identifier("urn:dicom:uid", uidB)), "@PT@", "@CT@", 1)
	none := strings.Replace(imaging("i3", identifier("urn:dicom:uid", uidB+".3")), "@PT@", "@Herr Mustermann@", 1)
	found := run(t, resources(t, imaging("i1", identifier("urn:dicom:uid", uidA)), ct, none), Rules{Modalities: []string{"PT"}})
	if len(found.Links) != 1 || found.Counts.OutOfScope != 1 || found.Counts.Unlinked[UnknownModality] != 1 || found.Counts.Refused.Modalities != 1 {
		t.Errorf("got %+v", found.Counts)
	}
}

func TestTheDayIsTheLocalOne(t *testing.T) {
	late := strings.Replace(imaging("i1", identifier("urn:dicom:uid", uidA)), "2023-02-10T09:00:00+01:00", "2023-02-10T23:30:00Z", 1)
	found := run(t, resources(t, late), Rules{})
	if l := found.Links[0]; l.Date != "2023-02-04" || l.Days != 3 {
		t.Errorf("want the day after midnight, got %s, %d days", l.Date, l.Days)
	}
}
