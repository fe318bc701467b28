package dicomweb_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/imaging/dicomweb"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
)

// made is a study that is made for Orthanc. Each series has one instance.
type made struct {
	n                  int // last part of its UID
	patient, accession string
	date, time, zone   string
	modalities         []string
	name, issuer       string
}

func (m made) uid() string { return fmt.Sprintf("%s%d", root, m.n) }

var classOf = map[string]string{"PT": "1.2.840.10008.5.1.4.1.1.128", "CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4", "NM": "1.2.840.10008.5.1.4.1.1.20"}

// lines are one instance as dump2dcm reads it.
func (m made) lines(series int) []string {
	modality := m.modalities[series]
	name := m.name
	if name == "" {
		name = "Muster^Test"
	}
	all := []string{
		"(0008,0005) CS [ISO_IR 192]", "(0008,0016) UI [" + classOf[modality] + "]", fmt.Sprintf("(0008,0018) UI [%s.%d.1]", m.uid(), series+1),
		"(0008,0030) TM [" + m.time + "]", "(0008,0060) CS [" + modality + "]", "(0010,0010) PN [" + name + "]", "(0010,0020) LO [" + m.patient + "]",
		"(0010,1030) DS [71.5]", "(0020,000d) UI [" + m.uid() + "]", fmt.Sprintf("(0020,000e) UI [%s.%d]", m.uid(), series+1), "(0020,0052) UI [" + m.uid() + ".99]",
	}
	optional := func(tag, value string) {
		if value != "" {
			all = append(all, tag+" ["+value+"]")
		}
	}
	optional("(0008,0020) DA", m.date)
	optional("(0008,0050) SH", m.accession)
	optional("(0008,0201) SH", m.zone)
	optional("(0010,0021) LO", m.issuer)
	slices.Sort(all)
	if modality == "PT" {
		all = append(all, "(0054,0016) SQ", "(fffe,e000) na", "(0018,1074) DS [250000000]", "(0018,1078) DT ["+m.date+"090000]", "(fffe,e00d) na", "(fffe,e0dd) na")
	}
	return all
}

// The studies: 26 with what goes wrong in real ones, and one that is kept under two patients.
func hospital() (all []made) {
	for i := range 14 { // nothing wrong
		all = append(all, made{n: 100 + i, patient: fmt.Sprintf("P%03d", i), accession: fmt.Sprintf("A%04d", 100+i), date: fmt.Sprintf("202303%02d", i+1), time: "101500", modalities: []string{"PT", "CT"}})
	}
	return append(all,
		made{n: 201, patient: "P020", date: "20230501", time: "090000", modalities: []string{"PT", "CT"}},              // no accession number
		made{n: 202, patient: "P021", accession: "DUP1", date: "20230502", time: "090000", modalities: []string{"PT"}}, // a number that two patients have
		made{n: 203, patient: "P022", accession: "DUP1", date: "20230502", time: "093000", modalities: []string{"PT"}},
		made{n: 204, patient: "P023", accession: "SPLIT1", date: "20230503", time: "090000", modalities: []string{"PT"}}, // split
		made{n: 205, patient: "P023", accession: "SPLIT1", date: "20230503", time: "090000", modalities: []string{"CT"}},
		made{n: 206, patient: "P024", accession: "A0206", date: "20230505", time: "000500", modalities: []string{"PT", "CT"}},          // ordered before midnight
		made{n: 207, patient: "P025", accession: "A0207", date: "20230506", time: "233000", zone: "+0200", modalities: []string{"PT"}}, // begun late, told in UTC
		made{n: 208, patient: "P026", accession: "A0208", date: "20230507", time: "090000", modalities: []string{"PT"}, name: "Müßig^Jürgen"},
		made{n: 209, patient: "P027", accession: "A0209", date: "20230401", time: "090000", modalities: []string{"PT", "CT"}}, // prior
		made{n: 210, patient: "P027", accession: "A0210", date: "20230801", time: "090000", modalities: []string{"PT", "CT"}}, // follow-up
		made{n: 211, patient: "P028", accession: "A0211", date: "20200101", time: "090000", modalities: []string{"PT"}},       // before the days of consent
		made{n: 212, patient: "P028", accession: "A0212", time: "090000", modalities: []string{"PT"}},                         // without a date
		made{n: 213, patient: "p021", accession: "A0213", date: "20230509", time: "090000", modalities: []string{"NM"}},       // another patient but for case
		made{n: 214, patient: "P029", accession: "A0214", date: "20230510", time: "090000", modalities: []string{"MR"}, issuer: "ELSEWHERE"},
		made{n: 216, patient: "P/040", accession: "A0216", date: "20230512", time: "090000", modalities: []string{"PT"}},
		made{n: 215, patient: "P030", accession: "A0215", date: "20230511", time: "090000", modalities: []string{"PT"}},
		made{n: 215, patient: "P031", accession: "A0215", date: "20230511", time: "090000", modalities: []string{"PT"}}, // the same study under the number after a merge
	)
}

// files are those of the hospital, made once.
var files struct {
	once sync.Once
	made [][]byte
}

func orthanc(t *testing.T, withAuth bool) *shared.Orthanc {
	t.Helper()
	o := shared.NewOrthanc(t, withAuth)
	files.once.Do(func() {
		dir := t.TempDir()
		for _, m := range hospital() {
			for s := range m.modalities {
				file := filepath.Join(dir, "x.dcm")
				shared.DICOMFile(t, file, m.lines(s)...)
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				files.made = append(files.made, text)
			}
		}
	})
	o.Store(t, files.made...)
	return o
}

func clientOf(t *testing.T, o *shared.Orthanc, change ...func(*dicomweb.Options)) *dicomweb.Client {
	t.Helper()
	with := func(w *dicomweb.Options) { w.Wire.Auth = wire.Auth{User: o.User, Password: wire.NewSecret(o.Password)} }
	return client(t, o.DICOMweb, append([]func(*dicomweb.Options){with}, change...)...)
}

// Each test of Orthanc's own behaviour says why the client does what it does; one that fails says that a new release behaves
// otherwise.
func TestARealPACSBehavesAsTheClientExpects(t *testing.T) {
	o := orthanc(t, false)
	count := func(t *testing.T, query string) int {
		t.Helper()
		status, answer := o.Ask(t, http.MethodGet, "/dicom-web/studies?"+query, nil, "x/y")
		if status != http.StatusOK {
			t.Fatalf("%s: %d", query, status)
		}
		rows, err := dicom.ReadAll(strings.NewReader(string(answer)), dicom.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	all := count(t, "")
	for name, c := range map[string]struct {
		query string
		rows  int
	}{
		"an unknown key is ignored":             {"Foo=1", all},
		"a key in the wrong case is ignored":    {"patientid=P001", all},
		"an empty value matches everything":     {"AccessionNumber=", all},
		"PatientID matches without case":        {"PatientID=P021", 2},
		"PatientID matches by wildcards":        {"PatientID=P00*", 10},
		"an encoded value is not decoded":       {"PatientID=P%2F040", 0},
		"a slash may stand as it is":            {"PatientID=P/040", 1},
		"a comma makes a list":                  {"PatientID=P001,P002", 2},
		"of a repeated key the last counts":     {"PatientID=P001&PatientID=P002&StudyDate=20230303", 1},
		"a backslash makes no list":             {"ModalitiesInStudy=NM%5CMR", 0},
		"a name beyond ASCII matches nothing":   {"PatientName=M%C3%BC%C3%9Fig%5EJ%C3%BCrgen", 0},
		"an ISO date matches nothing":           {"StudyDate=2023-03-01", 0},
		"a range may have no end":               {"StudyDate=20230801-", 1},
		"a range may have no beginning":         {"StudyDate=-20200101", 1},
		"a range of days matches":               {"StudyDate=20230301-20230303", 3},
		"modalities match by a list":            {"ModalitiesInStudy=NM,MR", 2},
		"a merged study has two rows":           {"StudyInstanceUID=" + root + "215", 2},
		"pages end with the last row":           {"limit=100&offset=" + fmt.Sprint(all-3), 3},
		"a limit of nothing is none":            {"limit=0", all},
		"a study without an accession has none": {"StudyInstanceUID=" + root + "201", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := count(t, c.query); got != c.rows {
				t.Errorf("%d rows, want %d", got, c.rows)
			}
		})
	}
	if all < 25 {
		t.Errorf("%d studies", all)
	}
	if status, _ := o.Ask(t, http.MethodGet, "/dicom-web/studies/"+root+"215/metadata", nil, "x/y"); status != http.StatusNotFound {
		t.Errorf("metadata of a study under two patients: %d", status)
	}
}

// What DICOMweb of a real PACS answers to requests of other kinds, and what its rows are like.
func TestARealPACSAnswersAsTheClientExpects(t *testing.T) {
	o := orthanc(t, true)
	ask := func(t *testing.T, method, path, accept string, withPassword bool) (*http.Response, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, o.DICOMweb+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Accept", accept)
		if withPassword {
			q.SetBasicAuth(o.User, o.Password)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, string(text)
	}
	const json = "application/dicom+json"
	for name, c := range map[string]struct {
		method, path, accept string
		withPassword         bool
		status               int
	}{
		"searches give JSON":                     {http.MethodGet, "/studies?limit=1", json, true, http.StatusOK},
		"without a password nothing is answered": {http.MethodGet, "/studies?limit=1", json, false, http.StatusUnauthorized},
		"a study itself is no JSON":              {http.MethodGet, "/studies/" + root + "101", json, true, http.StatusBadRequest},
		"HEAD is not known":                      {http.MethodHead, "/studies", json, true, http.StatusNotFound},
	} {
		r, _ := ask(t, c.method, c.path, c.accept, c.withPassword)
		if r.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, r.StatusCode, c.status)
		}
		if c.status == http.StatusUnauthorized && !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: asked by %q", name, r.Header.Get("WWW-Authenticate"))
		}
	}
	rows := func(query string) []dicom.Dataset {
		r, text := ask(t, http.MethodGet, "/studies?"+query, json, true)
		if r.Header.Get("Warning") != "" {
			t.Error("there is a warning, as of more rows")
		}
		all, err := dicom.ReadAll(strings.NewReader(text), dicom.Limits{})
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: %d rows, %v", query, len(all), err)
		}
		return all
	}
	if _, told := rows("PatientID=P020")[0].Get(dicom.AccessionNumber); told {
		t.Error("a study without an accession number has the attribute")
	}
	if zone := rows("PatientID=P025")[0].Text(dicom.TimezoneOffset); zone != "+0200" {
		t.Errorf("the offset from UTC is %q", zone)
	}
	if name := rows("PatientID=P026")[0].Text(dicom.PatientName); name != "Müßig^Jürgen" {
		t.Error("a name beyond ASCII is broken")
	}
}

func TestTheClientIsNotMisledByARealPACS(t *testing.T) {
	for _, withAuth := range []bool{false, true} {
		t.Run(fmt.Sprintf("credentials %v", withAuth), func(t *testing.T) {
			o := orthanc(t, withAuth)
			c := clientOf(t, o, func(w *dicomweb.Options) { w.Page = 3 })
			if withAuth {
				if _, err := client(t, o.DICOMweb).Study(t.Context(), ask(t, "P001"), root+"101"); err == nil {
					t.Error("Orthanc answered without credentials")
				}
			}
			for patient, want := range map[string][]string{
				"P001": {"101"}, "P021": {"202"}, "P023": {"204", "205"}, "P027": {"209", "210"}, "P028": nil, "P999": nil, "P/040": {"216"}, "P030": {"215"}, "P031": {"215"},
			} {
				a, err := c.Patient(t.Context(), ask(t, patient), patient)
				if err != nil || !slices.Equal(uids(a), want) {
					t.Errorf("%s: %v, %v", patient, uids(a), err)
				}
			}
			q := ask(t, "P030")
			twice, err := c.Study(t.Context(), q, root+"215")
			if err != nil || len(twice.Examinations) != 1 || len(twice.Examinations[0].Patients()) != 2 {
				t.Errorf("a study under two patients: %v", err)
			}
			if found, err := c.StudyOf(t.Context(), q, root+"206.1"); err != nil || !slices.Equal(found, []string{root + "206"}) {
				t.Errorf("the study of a series: %d, %v", len(found), err)
			}
			a, err := c.Study(t.Context(), ask(t, "P001"), root+"101")
			if err != nil || len(a.Examinations) != 1 {
				t.Fatal(err)
			}
			instances, err := c.Metadata(t.Context(), a.Examinations[0], root+"101.1")
			if err != nil || len(instances) != 1 {
				t.Fatalf("%d instances, %v", len(instances), err)
			}
			weight, _ := instances[0].Number(0x00101030)
			if weight != 71.5 || instances[0].Text(dicom.FrameOfReferenceUID) != root+"101.99" {
				t.Errorf("weight %v", weight)
			}
		})
	}
}

// image is an ImagingStudy of a patient; started and further members are given.
func image(id, modality, started, members string) string {
	return `{"resourceType":"ImagingStudy","id":"` + id + `","status":"available","subject":{"reference":"Patient/p1"},"started":"` + started +
		`","modality":[{"code":"` + modality + `"}]` + members + `}`
}

func withNumber(number string) string {
	return `,"identifier":[{"type":{"coding":[{"code":"ACSN"}]},"value":"` + number + `"}]`
}

// What the defects of real studies come to: a link by the method, or a case for a person with the reason.
func TestTheDefectsOfARealPACSAreLinkedOrReviewed(t *testing.T) {
	o := orthanc(t, true)
	c := clientOf(t, o)
	subject := subjectOf(t)
	for name, e := range map[string]struct {
		patient string
		image   string
		method  imaging.Method
		uid     string
		reason  imaging.Reason
		offers  int
	}{
		"nothing wrong":                   {"P003", image("i", "PT", "2023-03-04T10:15:00+01:00", withNumber("A0103")), imaging.ByAccession, "103", "", 0},
		"only a series":                   {"P004", image("i", "PT", "2023-03-05T10:15:00+01:00", `,"series":[{"uid":"`+root+`104.1"}]`), imaging.BySeries, "104", "", 0},
		"no accession number at the PACS": {"P020", image("i", "PT", "2023-05-01", withNumber("ORDERED1")), imaging.ByDate, "201", "", 0},
		"a number of two patients":        {"P021", image("i", "PT", "2023-05-02", withNumber("DUP1")), imaging.ByAccession, "202", "", 0},
		"split, of one modality":          {"P023", image("i", "CT", "2023-05-03", withNumber("SPLIT1")), imaging.ByAccession, "205", "", 0},
		"split, of both modalities":       {"P023", strings.Replace(image("i", "CT", "2023-05-03", withNumber("SPLIT1")), `"modality":[`, `"modality":[{"code":"PT"},`, 1), "", "", imaging.SeveralCandidates, 2},
		"ordered before midnight":         {"P024", image("i", "PT", "2023-05-04T23:50:00+02:00", withNumber("A0206")), imaging.ByAccession, "206", "", 0},
		"told in UTC":                     {"P025", image("i", "PT", "2023-05-06T21:30:00Z", ""), imaging.ByDate, "207", "", 0},
		"the prior":                       {"P027", image("i", "PT", "2023-04-01", ""), imaging.ByDate, "209", "", 0},
		"before the days of consent":      {"P028", image("i", "PT", "2023-05-08", `,"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:`+root+`211"}]`), "", "", imaging.OutsideConsent, 0},
		"without a date at the PACS":      {"P028", image("i", "PT", "2023-05-08", `,"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:`+root+`212"}]`), "", "", imaging.OutsideConsent, 0},
		"of another patient":              {"P001", image("i", "PT", "2023-03-03", `,"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:`+root+`102"}]`), "", "", imaging.OtherPatient, 2},
		"kept under two patients":         {"P030", image("i", "PT", "2023-05-11", withNumber("A0215")), "", "", imaging.OtherPatient, 1},
		"not at the PACS":                 {"P005", image("i", "PT", "2023-09-09", withNumber("GONE1")), "", "", imaging.NoSuchStudy, 0},
		"of another issuer":               {"P029", image("i", "MR", "2023-05-10", withNumber("A0214")), "", "", imaging.NoSuchStudy, 0},
	} {
		t.Run(name, func(t *testing.T) {
			rules := rulesOf()
			rules.Issuer = "HERE"
			permitted := admit(t, ofYears, person(e.patient), e.image)
			dates := imaging.Dates{Zone: berlin(t)}
			candidates, err := imaging.Survey(t.Context(), c, permitted, rules, dates)
			if err != nil {
				t.Fatal(err)
			}
			found, err := imaging.Locate(permitted, subject, rules.Of(candidates), dates)
			if err != nil {
				t.Fatal(err)
			}
			if e.method != "" {
				if len(found.Links) != 1 || found.Links[0].Method != e.method || found.Links[0].StudyUID != subject.UID(root+e.uid) {
					t.Errorf("linked %+v, unlinked %+v", found.Links, found.Unlinked)
				}
				return
			}
			if len(found.Links) != 0 || len(found.Unlinked) != 1 || found.Unlinked[0].Reason != e.reason || len(found.Unlinked[0].Offers) != e.offers {
				t.Errorf("linked %+v, unlinked %+v", found.Links, found.Unlinked)
			}
		})
	}
}
