package dicomweb_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/imaging/dicomweb"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
)

// everyQuestion asks all that a client can ask about a patient.
func everyQuestion(t *testing.T, c imaging.PACS) {
	t.Helper()
	q := ask(t, "P1")
	a, err := c.Patient(t.Context(), q, "P1")
	if err != nil || len(a.Examinations) == 0 {
		t.Fatal(err)
	}
	e := a.Examinations[0]
	_, err1 := c.Study(t.Context(), q, e.UID())
	_, err2 := c.StudyOf(t.Context(), q, e.UID()+".1")
	_, err3 := c.Series(t.Context(), e)
	_, err4 := c.Metadata(t.Context(), e, e.UID()+".1")
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Of a key that is repeated the last counts, an empty value and a misspelt key match everything: each is sent once, by its tag, with a
// value.
func TestEveryKeyIsSentOnceByItsTagWithAValue(t *testing.T) {
	s, c := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	everyQuestion(t, c)
	tag := regexp.MustCompile(`^[0-9A-F]{8}$`)
	for _, query := range s.Queries() {
		_, raw, _ := strings.Cut(query, "?")
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		for key, all := range values {
			switch {
			case key == "limit" || key == "offset" || key == "includefield":
			case !tag.MatchString(key) || len(all) != 1 || all[0] == "":
				t.Errorf("%s is sent as %q", key, all)
			}
		}
	}
}

// An address that an answer holds may be wrong (the port is lost behind a proxy): none is followed.
func TestNoAddressOfAnAnswerIsFollowed(t *testing.T) {
	s, c := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	everyQuestion(t, c)
	if n := len(s.Calls()); n != 5 {
		t.Errorf("%d of 5 requests reached the PACS", n)
	}
}

// A PACS may give a row once for each number of a patient.
func TestARowThatComesTwiceCountsOnce(t *testing.T) {
	var all []fakepacs.Study
	for _, n := range []string{"1", "2", "3"} {
		all = append(all, study(root+n, "P1", "", "20220101", "PT", "CT"))
	}
	_, c := pacs(t, []fakepacs.Habit{fakepacs.Repeats}, all...)
	a, err := c.Patient(t.Context(), ask(t, "P1"), "P1")
	if err != nil || !slices.Equal(uids(a), []string{"1", "2", "3"}) {
		t.Fatalf("%v, %v", uids(a), err)
	}
	if series, err := c.Series(t.Context(), a.Examinations[0]); err != nil || len(series) != 2 {
		t.Errorf("%d series, %v", len(series), err)
	}
}

// An accession number may be absent or empty: it never matches another absent one.
func TestAMissingAccessionNumberIsNone(t *testing.T) {
	_, c := pacs(t, nil, study(root+"1", "P1", "", "20220101", "PT"), study(root+"2", "P1", "  ", "20220102", "PT"))
	a, err := c.Patient(t.Context(), ask(t, "P1"), "P1")
	if err != nil || len(a.Examinations) != 2 {
		t.Fatal(err)
	}
	for _, e := range a.Examinations {
		if len(e.Accessions()) != 0 {
			t.Error("a study without an accession number has one")
		}
	}
}

// JSON is UTF-8, whatever character set the attributes name.
func TestTheCharacterSetThatIsNamedDoesNotCount(t *testing.T) {
	k := study(root+"1", "P1", "A1", "20220101", "PT")
	k.Name = "Müßig^Jürgen"
	_, c := pacs(t, nil, k)
	a, err := c.Patient(t.Context(), ask(t, "P1"), "P1")
	if err != nil || len(a.Examinations) != 1 {
		t.Fatal(err)
	}
	images, err := c.Metadata(t.Context(), a.Examinations[0], root+"1.1")
	if err != nil || images[0].Text(dicom.SpecificCharacterSet) != "ISO_IR 100" || images[0].Text(dicom.PatientName) != "Müßig^Jürgen" {
		t.Errorf("the name is broken: %v", err)
	}
}

// Every test that docs/gotchas.md names for a trap is there.
func TestTheTrapsOfTheDocumentHaveTheirTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/gotchas.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## DICOMweb\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(section, -1)
	if !ok || len(named) < 15 {
		t.Fatalf("docs/gotchas.md names %d tests", len(named))
	}
	var code strings.Builder
	for _, pattern := range []string{"*_test.go", "../*_test.go", "../dicom/*_test.go", "../pet/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file) // #nosec G304 -- of this repository
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	for _, name := range named {
		if !strings.Contains(code.String(), "func "+name[1]+"(") {
			t.Errorf("there is no %s", name[1])
		}
	}
}

// A PACS gets no more requests than it was said to bear: one that would have to wait longer than the caller can is not sent.
func TestAPACSGetsNoMoreRequestsThanItBears(t *testing.T) {
	s, _ := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	server := s.Start()
	defer server.Close()
	c := client(t, server.URL+"/dicom-web", func(o *dicomweb.Options) { o.Wire.Every = 24 * time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := c.Patient(ctx, ask(t, "P1"), "P1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Study(ctx, ask(t, "P1"), root+"1"); err == nil || len(s.Calls()) != 1 {
		t.Errorf("%d requests were sent in a day that bears one, %v", len(s.Calls()), err)
	}
	if _, err := c.Patient(ctx, ask(t, "P1"), "P1"); err != nil { // it is remembered
		t.Error(err)
	}
}
