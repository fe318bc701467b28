package dicomweb_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/internal/shared"
)

// attribute reads the first value of an attribute of a file.
func attribute(t *testing.T, file, tag string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dcmdump", "-q", "-Un", "+P", tag, file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`\[(.*)\]`).FindSubmatch(out); m != nil {
		return strings.TrimRight(string(m[1]), " \x00")
	}
	return ""
}

// exported gets the files of a study out of Orthanc.
func exported(t *testing.T, o *shared.Orthanc, uid string) (files []string) {
	t.Helper()
	var found []struct{ ID, Type string }
	_, answer := o.Ask(t, http.MethodPost, "/tools/lookup", []byte(uid), "")
	if err := json.Unmarshal(answer, &found); err != nil || len(found) != 1 {
		t.Fatalf("Orthanc knows %d of the study: %v", len(found), err)
	}
	var instances []struct{ ID string }
	_, answer = o.Ask(t, http.MethodGet, "/studies/"+found[0].ID+"/instances", nil, "")
	if err := json.Unmarshal(answer, &instances); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, i := range instances {
		status, text := o.Ask(t, http.MethodGet, "/instances/"+i.ID+"/file", nil, "")
		file := filepath.Join(dir, i.ID+".dcm")
		if err := os.WriteFile(file, text, 0o600); err != nil || status != http.StatusOK {
			t.Fatal(status, err)
		}
		files = append(files, file)
	}
	return files
}

// recipes links a patient's study and writes what anonymisers need of it; it returns the pseudonymous study UID and accession
// number that the clinical rows carry.
func recipes(t *testing.T, o *shared.Orthanc, dir, patient, number, started string, shift int) imaging.Link {
	t.Helper()
	c, subject := clientOf(t, o), subjectOf(t)
	rules := rulesOf()
	permitted := admit(t, ofYears, person(patient), image("i", "PT", started, withNumber(number)))
	dates := imaging.Dates{Zone: berlin(t)}
	candidates, err := imaging.Survey(t.Context(), c, permitted, rules, dates)
	if err != nil {
		t.Fatal(err)
	}
	found, err := imaging.Locate(permitted, subject, rules.Of(candidates), dates)
	if err != nil || len(found.Links) != 1 {
		t.Fatalf("%d links, %v", len(found.Links), err)
	}
	r, err := imaging.Originals(t.Context(), c, found.Examinations[0], subject, shift)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := imaging.WriteRestricted(dir, imaging.MapFile, []imaging.Restricted{r}); err != nil {
		t.Fatal(err)
	}
	if out, err := imaging.WriteRecipes(dir, []imaging.Restricted{r}); err != nil || out != 0 {
		t.Fatalf("%d left out, %v", out, err)
	}
	return found.Links[0]
}

func levels(t *testing.T, dir string) map[string]int {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, imaging.MapFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, row := range rows[1:] {
		n[row[1]]++
	}
	return n
}

// Files that come out of a real PACS and go through dcmodify have the UIDs that the clinical rows carry, the subject number, and
// dates that are moved as the subject's are.
func TestDcmodifyGivesImagesTheUIDsOfTheClinicalRows(t *testing.T) {
	o := orthanc(t, true)
	dir := filepath.Join(t.TempDir(), "restricted")
	link := recipes(t, o, dir, "P003", "A0103", "2023-03-04T10:15:00+01:00", -10)
	if got := levels(t, dir); got["study"] != 1 || got["series"] != 2 || got["instance"] != 2 || got["frame-of-reference"] != 1 || got["patient"] != 1 || got["accession"] != 1 {
		t.Errorf("the table holds %v", got)
	}
	files := exported(t, o, root+"103")
	if len(files) != 2 {
		t.Fatalf("%d files", len(files))
	}
	if out, err := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(dir, imaging.DcmodifyFile)}, files...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, file := range files {
		for tag, want := range map[string]string{"0020,000d": link.StudyUID, "0008,0050": link.Accession, "0010,0020": "S-1", "0010,0010": "S-1", "0008,0020": "20230222", "0010,1030": "71.5"} {
			if got := attribute(t, file, tag); got != want {
				t.Errorf("%s is %q, want %q", tag, got, want)
			}
		}
		if attribute(t, file, "0008,0060") == "PT" && attribute(t, file, "0018,1078") != "20230222090000" {
			t.Errorf("the injection is at %s", attribute(t, file, "0018,1078"))
		}
		if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), root) || strings.Contains(string(text), "P003") || strings.Contains(string(text), "A0103") {
			t.Errorf("an original is left in the file: %v", err)
		}
		if attribute(t, file, "0008,0018") != attribute(t, file, "0002,0003") {
			t.Error("the file's header names another instance")
		}
	}
}

func TestDcmodifyKeepsNoFileWithAnOriginalThatItDoesNotReplace(t *testing.T) {
	o := orthanc(t, false)
	dir := filepath.Join(t.TempDir(), "restricted")
	recipes(t, o, dir, "P003", "A0103", "2023-03-04T10:15:00+01:00", -10)
	own := made{n: 103, patient: "P003", accession: "A0103", date: "20230304", time: "101500", modalities: []string{"CT"}}
	other := own
	other.patient = "P004"
	unknown := own
	unknown.n = 104
	files := map[string][]string{
		"a UID in a sequence":  append(own.lines(0), "(0008,1140) SQ", "(fffe,e000) na", "(0008,1155) UI ["+root+"103.1.1]", "(fffe,e00d) na", "(fffe,e0dd) na"),
		"a date in a sequence": append(own.lines(0), "(0008,1111) SQ", "(fffe,e000) na", "(0040,0244) DA [20230304]", "(fffe,e00d) na", "(fffe,e0dd) na"),
		"another patient":      other.lines(0), "another study": unknown.lines(0),
	}
	for name, lines := range files {
		file := filepath.Join(t.TempDir(), "x.dcm")
		shared.DICOMFile(t, file, lines...)
		out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(dir, imaging.DcmodifyFile), file).CombinedOutput()
		if _, gone := os.Stat(file); err == nil || gone == nil {
			t.Errorf("%s: the file is kept: %s", name, out)
		}
		if strings.Contains(string(out), root) || strings.Contains(string(out), "P00") {
			t.Errorf("%s: the program tells an original", name)
		}
	}
}

// The program for Orthanc asks a real one.
func TestOrthancGivesImagesTheUIDsOfTheClinicalRows(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		shared.Absent(t, "curl is not on the PATH; make setup installs it")
	}
	o := orthanc(t, true)
	dir := filepath.Join(t.TempDir(), "restricted")
	link := recipes(t, o, dir, "P003", "A0103", "2023-03-04T10:15:00+01:00", -10)
	images := filepath.Join(t.TempDir(), "images")
	out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(dir, imaging.OrthancFile), o.URL, images, "-u", o.User+":"+o.Password).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(images, "*.dcm"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v\n%s", len(files), err, out)
	}
	for _, file := range files {
		if attribute(t, file, "0020,000d") != link.StudyUID || attribute(t, file, "0010,0020") != "S-1" || attribute(t, file, "0010,1030") != "71.5" {
			t.Errorf("study %s, patient %s, weight %s", attribute(t, file, "0020,000d"), attribute(t, file, "0010,0020"), attribute(t, file, "0010,1030"))
		}
		if attribute(t, file, "0008,0018")+".dcm" != filepath.Base(file) {
			t.Error("a file has another instance UID than its name")
		}
		if at := attribute(t, file, "0018,1078"); attribute(t, file, "0008,0060") == "PT" && at != "20230222090000" {
			t.Errorf("the injection is at %s", at)
		}
		if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "20230304") {
			t.Errorf("a true date is left in the file: %v", err)
		}
	}
}

// The program for pydicom replaces originals in sequences, too, and leaves out what it does not know.
func TestPydicomGivesImagesTheUIDsOfTheClinicalRows(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's own, for which the package is
	if err := exec.CommandContext(t.Context(), python, "-c", "import pydicom").Run(); err != nil {
		shared.Absent(t, "python3-pydicom is not installed; make setup installs it")
	}
	o := orthanc(t, false)
	dir := filepath.Join(t.TempDir(), "restricted")
	link := recipes(t, o, dir, "P003", "A0103", "2023-03-04T10:15:00+01:00", -10)
	all := exported(t, o, root+"103")
	own := made{n: 103, patient: "P003", accession: "A0103", date: "20230304", time: "101500", modalities: []string{"PT"}}
	nested := filepath.Join(t.TempDir(), "nested.dcm")
	shared.DICOMFile(t, nested, append(own.lines(0), "(0008,1140) SQ", "(fffe,e000) na", "(0008,1155) UI ["+root+"103.2.1]", "(fffe,e00d) na", "(fffe,e0dd) na")...)
	images := filepath.Join(t.TempDir(), "images")
	run := func(files ...string) error {
		out, err := exec.CommandContext(t.Context(), python, append([]string{filepath.Join(dir, imaging.PydicomFile), images}, files...)...).CombinedOutput()
		if strings.Contains(string(out), root) || strings.Contains(string(out), "P00") {
			t.Errorf("the program tells an original: %s", out)
		}
		return err
	}
	if err := run(append(all, nested)...); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(images, "*.dcm"))
	if err != nil || len(files) != 2 { // the nested one is the PET again
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if attribute(t, file, "0020,000d") != link.StudyUID || attribute(t, file, "0008,0020") != "20230222" || attribute(t, file, "0010,1030") != "71.5" {
			t.Errorf("study %s, date %s", attribute(t, file, "0020,000d"), attribute(t, file, "0008,0020"))
		}
		if attribute(t, file, "0008,0060") == "PT" && attribute(t, file, "0018,1078") != "20230222090000" {
			t.Errorf("the injection is at %s", attribute(t, file, "0018,1078"))
		}
		if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), root) {
			t.Errorf("an original is left: %v", err)
		}
	}
	other := own
	other.n = 104
	unknown := filepath.Join(t.TempDir(), "unknown.dcm")
	shared.DICOMFile(t, unknown, other.lines(0)...)
	if err := run(unknown); err == nil {
		t.Error("a file of another study was taken")
	}
}
