package dicomweb_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/imaging/dicomweb"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/internal/fake"
	"github.com/crflink/crflink/internal/wire"
)

const root = "1.2.826.0.1.3680043.8.498.9999."

func uids(a imaging.Answer) (all []string) {
	for _, e := range a.Examinations {
		all = append(all, strings.TrimPrefix(e.UID(), root))
	}
	slices.Sort(all)
	return all
}

func TestStudiesOfDaysThatConsentDoesNotCoverAreNotAdmitted(t *testing.T) {
	for _, habits := range [][]fakepacs.Habit{nil, {fakepacs.IgnoresDates}} {
		s, c := pacs(t, habits,
			study(root+"1", "P1", "A1", "20211231", "PT"), study(root+"2", "P1", "A2", "20220101", "PT"), study(root+"3", "P1", "A3", "20241231", "PT"),
			study(root+"4", "P1", "A4", "20250101", "PT"), study(root+"5", "P1", "A5", "", "PT"), study(root+"6", "P2", "A6", "20230101", "PT"))
		q := ask(t, "P1")
		a, err := c.Patient(t.Context(), q, "P1")
		if err != nil || !slices.Equal(uids(a), []string{"2", "3"}) {
			t.Errorf("%v: admitted %v, %v", habits, uids(a), err)
		}
		for _, uid := range []string{"1", "4", "5"} { // asked for by their UIDs, as a resource may state them
			a, err := c.Study(t.Context(), q, root+uid)
			if err != nil || len(a.Examinations) != 0 || len(a.Outside) != 1 {
				t.Errorf("%v: study %s was admitted, %v", habits, uid, err)
			}
		}
		if !strings.Contains(s.Queries()[0], "00080020=20220101-20241231") {
			t.Errorf("the PACS was asked for all days: %s", s.Queries()[0])
		}
	}
}

func TestWithoutAPermittedPatientNothingIsAsked(t *testing.T) {
	s, c := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	if _, err := imaging.Inquire(consent.Permitted{}, rulesOf()); err == nil {
		t.Error("an inquiry was made of nothing")
	}
	withdrawn := admit(t, "kind: broad-consent\n", person("P1"))
	if _, err := imaging.Inquire(withdrawn, rulesOf()); err == nil {
		t.Error("an inquiry was made without consent")
	}
	_, err1 := c.Patient(t.Context(), imaging.Inquiry{}, "P1")
	_, err2 := c.Study(t.Context(), imaging.Inquiry{}, root+"1")
	_, err3 := c.StudyOf(t.Context(), imaging.Inquiry{}, root+"1.1")
	_, err4 := c.Series(t.Context(), imaging.Examination{})
	_, err5 := c.Metadata(t.Context(), imaging.Examination{}, root+"1.1")
	_, err6 := c.Patient(t.Context(), ask(t, "P1"), "P2") // another patient than the permitted one
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if err == nil {
			t.Errorf("question %d was asked", i+1)
		}
	}
	if len(s.Calls()) != 0 {
		t.Errorf("the PACS was asked: %v", s.Calls())
	}
}

func TestAValueThatMatchesMoreThanItselfIsNeverAskedFor(t *testing.T) {
	s, c := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	q := ask(t, "", "*", "P?", "P1,P2", `P1\P2`, "P1\n")
	if got := q.Patients(); !slices.Equal(got, []string{"P1"}) { // the line break is padding
		t.Errorf("may be asked for: %q", got)
	}
	for _, uid := range []string{"", "*", "1.2.*", root + "1," + root + "2", `1.2\1.3`} {
		if _, err := c.Study(t.Context(), q, uid); err == nil {
			t.Errorf("study %q was asked for", uid)
		}
		if _, err := c.StudyOf(t.Context(), q, uid); err == nil {
			t.Errorf("series %q was asked for", uid)
		}
	}
	if len(s.Calls()) != 0 {
		t.Errorf("the PACS was asked: %v", s.Calls())
	}
}

func TestAPACSThatIgnoresItsKeysIsNotUsed(t *testing.T) {
	_, c := pacs(t, []fakepacs.Habit{fakepacs.IgnoresKeys}, study(root+"1", "P1", "A1", "20220101", "PT"), study(root+"2", "P2", "A2", "20220101", "PT"))
	q := ask(t, "P1")
	_, err1 := c.Patient(t.Context(), q, "P1")
	_, err2 := c.Study(t.Context(), q, root+"1")
	_, err3 := c.StudyOf(t.Context(), q, root+"1.1")
	for i, err := range []error{err1, err2, err3} {
		if !errors.Is(err, dicomweb.ErrIgnored) || strings.Contains(err.Error(), "P2") || strings.Contains(err.Error(), root) {
			t.Errorf("question %d: %v", i+1, err)
		}
	}
}

func TestAPatientIDThatDiffersInCaseIsAnotherPatient(t *testing.T) {
	_, c := pacs(t, nil, study(root+"1", "p1", "A1", "20220101", "PT"), study(root+"2", "P1", "A2", "20220101", "PT"))
	a, err := c.Patient(t.Context(), ask(t, "P1"), "P1")
	if err != nil || !slices.Equal(uids(a), []string{"2"}) {
		t.Errorf("admitted %v, %v", uids(a), err)
	}
}

func TestPagesAreReadToTheEndWithoutATotal(t *testing.T) {
	var all []fakepacs.Study
	for i := range 35 {
		all = append(all, study(fmt.Sprintf("%s%d", root, i+1), "P1", "", "20220101", "PT"))
	}
	for _, habits := range [][]fakepacs.Habit{nil, {fakepacs.CutsPages}, {fakepacs.NumbersAsText}} {
		s, _ := pacs(t, habits, all...)
		for _, page := range []int{7, 10, 35, 100} {
			server := s.Start()
			defer server.Close()
			c := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Page = page })
			a, err := c.Patient(t.Context(), ask(t, "P1"), "P1")
			if err != nil || len(a.Examinations) != 35 {
				t.Errorf("%v, pages of %d: %d studies, %v", habits, page, len(a.Examinations), err)
			}
		}
	}
}

func TestAPACSThatGivesTheSamePageAgainIsNotUsed(t *testing.T) {
	var all []fakepacs.Study
	for i := range 12 {
		all = append(all, study(fmt.Sprintf("%s%d", root, i+1), "P1", "", "20220101", "PT"))
	}
	s, _ := pacs(t, []fakepacs.Habit{fakepacs.IgnoresOffset}, all...)
	server := s.Start()
	defer server.Close()
	for _, page := range []int{5, 10} {
		c := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Page = page })
		if _, err := c.Patient(t.Context(), ask(t, "P1"), "P1"); !errors.Is(err, dicomweb.ErrPages) {
			t.Errorf("pages of %d: %v", page, err)
		}
	}
}

func TestAStudyUnderTwoPatientsIsOneStudyWithBoth(t *testing.T) {
	s := study(root+"1", "P1", "A1", "20220101", "PT")
	s.Patients = append(s.Patients, "P9")
	_, c := pacs(t, nil, s)
	q := ask(t, "P1")
	a, err := c.Study(t.Context(), q, root+"1")
	if err != nil || len(a.Examinations) != 1 || !slices.Equal(a.Examinations[0].Patients(), []string{"P1", "P9"}) {
		t.Fatalf("got %d studies, %v", len(a.Examinations), err)
	}
	series, err := c.Series(t.Context(), a.Examinations[0])
	if err != nil || len(series) != 2 { // one row for each patient
		t.Errorf("got %d rows of series, %v", len(series), err)
	}
	instances, err := c.Metadata(t.Context(), a.Examinations[0], root+"1.1")
	if err != nil || instances != nil { // the PACS answers 404
		t.Errorf("got %d instances, %v", len(instances), err)
	}
}

func TestMetadataAreOfTheSeriesThatWasAsked(t *testing.T) {
	for _, habits := range [][]fakepacs.Habit{nil, {fakepacs.NumbersAsText}} {
		s := study(root+"1", "P1", "A1", "20220101", "PT", "CT")
		s.Series[0].Attributes = map[string]any{"00101030": map[string]any{"vr": "DS", "Value": []any{70.5}}}
		_, c := pacs(t, habits, s)
		a, err := c.Patient(t.Context(), ask(t, "P1"), "P1")
		if err != nil || len(a.Examinations) != 1 {
			t.Fatal(err)
		}
		instances, err := c.Metadata(t.Context(), a.Examinations[0], root+"1.1")
		if err != nil || len(instances) != 2 {
			t.Fatalf("%d instances, %v", len(instances), err)
		}
		if w, ok := instances[0].Number(0x00101030); !ok || w != 70.5 || instances[1].Text(dicom.SOPInstanceUID) != root+"1.1.2" {
			t.Errorf("weight %v, %v", w, ok)
		}
		if none, err := c.Metadata(t.Context(), a.Examinations[0], root+"7.1"); err != nil || none != nil {
			t.Errorf("a series of another study: %d, %v", len(none), err)
		}
	}
}

func TestASeriesLeadsToItsStudyWhereThePACSAllowsIt(t *testing.T) {
	for _, habits := range [][]fakepacs.Habit{nil, {fakepacs.NoSeriesSearch}} {
		_, c := pacs(t, habits, study(root+"1", "P1", "A1", "20220101", "PT"))
		found, err := c.StudyOf(t.Context(), ask(t, "P1"), root+"1.1")
		want := []string{root + "1"}
		if habits != nil {
			want = nil
		}
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("%v: %v, %v", habits, found, err)
		}
	}
}

func TestAnAnswerIsAskedForOnce(t *testing.T) {
	s, c := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	for range 3 {
		if _, err := c.Study(t.Context(), ask(t, "P1"), root+"1"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Calls()); n != 1 {
		t.Errorf("asked %d times", n)
	}
	server := s.Start()
	defer server.Close()
	none := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Cache = -1 })
	for range 2 {
		if _, err := none.Study(t.Context(), ask(t, "P1"), root+"1"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Calls()); n != 3 {
		t.Errorf("asked %d times without a cache", n-1)
	}
}

func TestCredentialsAreDemandedAndGiven(t *testing.T) {
	s, wrong := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	server := s.Start()
	defer server.Close()
	basic := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) {
		o.Wire.Auth = wire.Auth{User: "etl", Password: wire.NewSecret("s3cret")}
	})
	bearer := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Wire.Auth = wire.Auth{Bearer: wire.NewSecret("token")} })
	s.User, s.Password = "etl", "s3cret"
	var status *wire.StatusError
	if _, err := wrong.Study(t.Context(), ask(t, "P1"), root+"1"); !errors.As(err, &status) || status.Status != http.StatusUnauthorized || strings.Contains(err.Error(), root) {
		t.Errorf("without credentials: %v", err)
	}
	if _, err := basic.Study(t.Context(), ask(t, "P1"), root+"1"); err != nil {
		t.Error(err)
	}
	s.User, s.Token = "", "token"
	if _, err := bearer.Study(t.Context(), ask(t, "P1"), root+"1"); err != nil {
		t.Error(err)
	}
}

func TestABrokenAnswerIsAskedForAgainAndTooLongOnesAreRefused(t *testing.T) {
	s, _ := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	server := s.Start()
	defer server.Close()
	s.Break(fake.Truncated, fake.HTML, fake.Cut)
	again := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Wire.Retries, o.Wire.Pause, o.Wire.MaxPause = 3, 1, 1 })
	if a, err := again.Study(t.Context(), ask(t, "P1"), root+"1"); err != nil || len(a.Examinations) != 1 {
		t.Errorf("%d studies, %v", len(a.Examinations), err)
	}
	short := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Wire.MaxBody = 100 })
	if _, err := short.Study(t.Context(), ask(t, "P1"), root+"1"); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("an answer of any length is read: %v", err)
	}
	few := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Limits.Elements = 2 })
	if _, err := few.Study(t.Context(), ask(t, "P1"), root+"1"); !errors.Is(err, dicom.ErrLimit) {
		t.Errorf("any number of attributes is read: %v", err)
	}
}

// Whatever is done with a client, nothing but GET reaches the PACS, and no log of requests names a patient or a study.
func TestOnlyGETIsSentAndNoLogNamesAnybody(t *testing.T) {
	s, _ := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	server := s.Start()
	defer server.Close()
	var log []string
	c := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) {
		o.Wire.Log = func(a wire.Attempt) { log = append(log, fmt.Sprintf("%+v", a)) }
	})
	rules := rulesOf()
	rules.HashSystems = []string{"urn:hash"}
	image := `{"resourceType":"ImagingStudy","id":"i1","status":"available","subject":{"reference":"Patient/p1"},"started":"2022-01-01","series":[{"uid":"` + root + `1.1"},{"uid":"` + root + `7.1"}]}`
	permitted := admit(t, ofYears, person("P1"), image)
	if _, err := imaging.Survey(t.Context(), c, permitted, rules, imaging.Dates{}); err != nil {
		t.Fatal(err)
	}
	a, err := c.Study(t.Context(), ask(t, "P1"), root+"1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Metadata(t.Context(), a.Examinations[0], root+"1.1"); err != nil {
		t.Fatal(err)
	}
	for _, call := range s.Calls() {
		if !strings.HasPrefix(call, "GET ") {
			t.Errorf("sent: %s", strings.Fields(call)[0])
		}
	}
	if len(log) != len(s.Calls()) || len(log) < 4 {
		t.Errorf("%d requests in the log, %d sent", len(log), len(s.Calls()))
	}
	for _, line := range log {
		if strings.Contains(line, root) || strings.Contains(line, "P1") {
			t.Errorf("the log names somebody: %s", line)
		}
	}
}

// A PACS may let in who shows a certificate, and be vouched for by the hospital's own authority.
func TestAClientCertificateIsShown(t *testing.T) {
	s, _ := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	server := httptest.NewUnstartedServer(http.StripPrefix("/dicom-web", s))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), "x.pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificate := write("CERTIFICATE", server.Certificate().Raw)
	shown := wire.TLS{CA: certificate, Certificate: certificate, Key: write("PRIVATE KEY", key)}
	for name, c := range map[string]struct {
		tls wire.TLS
		in  bool
	}{
		"with its certificate": {shown, true}, "without one": {wire.TLS{CA: certificate}, false}, "of an unknown authority": {wire.TLS{Certificate: shown.Certificate, Key: shown.Key}, false},
	} {
		a, err := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Wire.TLS = c.tls }).Study(t.Context(), ask(t, "P1"), root+"1")
		if (err == nil && len(a.Examinations) == 1) != c.in || err != nil && strings.Contains(err.Error(), root) {
			t.Errorf("%s: %d studies, %v", name, len(a.Examinations), err)
		}
	}
	if _, err := dicomweb.New(dicomweb.Options{Wire: wire.Options{Base: server.URL, TLS: wire.TLS{Certificate: "client.pem"}}}); err == nil {
		t.Error("a certificate without its key was taken")
	}
}

func TestABoundlessWindowAsksForAllDays(t *testing.T) {
	s, c := pacs(t, nil, study(root+"1", "P1", "A1", "19990101", "PT"))
	q, err := imaging.Inquire(admit(t, "kind: none\n", person("P1")), rulesOf())
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Patient(t.Context(), q, "P1")
	if err != nil || len(a.Examinations) != 1 || strings.Contains(s.Queries()[0], "00080020") {
		t.Errorf("%d studies, %v, asked %s", len(a.Examinations), err, s.Queries()[0])
	}
	if got := q.Windows(); len(got) != 1 || got[0].Start != fhir.FirstDay {
		t.Errorf("window %v", got)
	}
}
