package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
)

// pacsPrefix makes every PatientID of the PACS a token.
const pacsPrefix = canary + "P"

// spoiltPACS has the ImagingStudies of a folder of spoilt resources, and tokens in all that these do not tell.
func spoiltPACS(t *testing.T, folder string) *fakepacs.Server {
	t.Helper()
	server := fakepacs.New()
	pids := map[string]string{}
	var studies []fhirStudy
	for _, name := range files(t, folder) {
		text, err := os.ReadFile(filepath.Join(folder, name))
		must(t, err)
		for line := range bytes.Lines(text) {
			var v fhirStudy
			if json.Unmarshal(line, &v) != nil {
				continue
			}
			switch v.ResourceType {
			case "Patient":
				for _, id := range v.Identifier {
					if id.System == pidSystem {
						pids["Patient/"+v.ID] = id.Value
					}
				}
			case "ImagingStudy":
				studies = append(studies, v)
			}
		}
	}
	for i, v := range studies {
		server.Add(v.kept(i, pacsPrefix+pids[v.Subject.Reference]))
	}
	return server
}

// fhirStudy is what of a Patient or an ImagingStudy its PACS has.
type fhirStudy struct {
	ResourceType, ID, Started string
	Identifier                []struct{ System, Value string }
	Subject                   struct{ Reference string }
	Modality                  []struct{ Code string }
}

// kept is the study at the PACS. Every fifth is kept under another patient, too, every seventh is of a day long ago, and
// some have no number or another one.
func (v fhirStudy) kept(i int, patient string) fakepacs.Study {
	s := fakepacs.Study{
		UID: fmt.Sprintf("1.2.276.0.%s.9%05d", canaryDigits, i), Patients: []string{patient}, Name: canary + "^Name", Accession: canary[:8] + canaryDigits[:6], Date: strings.ReplaceAll(v.Started[:10], "-", ""), Time: "120000",
	}
	for _, id := range v.Identifier {
		switch uid, ok := imaging.ParseUID(id.Value); {
		case ok:
			s.UID = uid
		case i%3 == 0:
			s.Accession = id.Value
		}
	}
	switch {
	case i%5 == 4:
		s.Patients = append(s.Patients, canary+"other")
	case i%7 == 6:
		s.Date = "19700101"
	}
	for n, m := range v.Modality {
		s.Series = append(s.Series, fakepacs.Series{UID: fmt.Sprintf("%s.%d", s.UID, n+1), Modality: m.Code, Instances: 2, Attributes: map[string]any{
			"00081030": map[string]any{"vr": "LO", "Value": []string{canary + " description"}},
		}})
	}
	return s
}

// withPACS is a job on spoilt resources and their PACS.
func withPACS(t *testing.T, folder, url, dates string) *job {
	t.Helper()
	section := "imaging:\n  review: out/match_review.csv\n  window: {before: 30, after: 90}\n  pacs:\n    dicomweb: " + url + "\n    rate: 1000\n    patient: {systems: [\"" + pidSystem + "\"], prefix: " + pacsPrefix + "}"
	return newJob(t, "files: ["+folder+"]", "imaging:", section, "dates: none", "dates: "+dates).keyWithToken()
}

// TestNoTokenOfThePACSLeavesButInTheRestrictedMap links spoilt patients through a spoilt PACS. Originals are in the folder of
// crflink imaging uid-map, and nowhere else.
func TestNoTokenOfThePACSLeavesButInTheRestrictedMap(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "hospital")
	newSpoiler(t, pidSystem, numberSystem).spoil(t, hospital(t, 10, 60), folder)
	pacs := spoiltPACS(t, folder).Start()
	defer pacs.Close()
	for _, dates := range []string{"none", "shift"} {
		j := withPACS(t, folder, pacs.URL+"/dicom-web", dates)
		first := j.sync(t, "--json", "--html", "out/report.html")
		j.leaks(t, "sync --json", first)
		if run := jsonReport(t, first); run.Imaging.Links.Sum().String() == "0" {
			t.Error("nothing is linked: the canaries fly nowhere")
		}
		j.leaks(t, "second sync", j.sync(t))
		for _, args := range [][]string{
			{"lint", "study.yaml"}, {"plan", "study.yaml"}, {"imaging", "link", "study.yaml", "--sheet", "out/sheet.csv"}, {"imaging", "link", "study.yaml", "--json"}, {"imaging", "review", "study.yaml"},
			{"audit", "show", "study.yaml", "--json"}, {"audit", "verify", "study.yaml"},
		} {
			s := j.run(t, args...)
			if s.code != exitDone {
				t.Errorf("%v ends with %d: %s", args, s.code, s.err)
			}
			j.leaks(t, strings.Join(args, " "), s)
		}
		if text := j.read(t, "out/match_review.csv"); strings.Count(text, "\n") < 5 {
			t.Errorf("hardly anything is to be reviewed: the canaries fly nowhere\n%s", text)
		}
		j.mapped(t, "restricted", imaging.MapFile)
		j.mapped(t, "restricted-review", imaging.ReviewMapFile, "--review")
		j.leaks(t, "afterwards", j.run(t, "audit", "show", "study.yaml", "--json"))
	}
}

// mapped writes originals into a folder beside out, where tokens must be and must have nothing but the owner's rights.
func (j *job) mapped(t *testing.T, folder, table string, more ...string) {
	t.Helper()
	args := append([]string{"imaging", "uid-map", "study.yaml", "--as-of", asOf, "--out", folder, "--by", "Dr. Weber", "--reason", "images for the core laboratory"}, more...)
	s := j.run(t, args...)
	if s.code != exitDone && s.code != exitIncomplete {
		t.Fatalf("uid-map ends with %d: %s", s.code, s.err)
	}
	j.leaks(t, "uid-map", s)
	if trace([]byte(j.read(t, folder+"/"+table))) == "" {
		t.Error("the table holds no original: the canaries fly nowhere")
	}
	for _, name := range files(t, j.path(folder)) {
		info, err := os.Stat(j.path(folder + "/" + name))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	for _, place := range []string{"out/imaging/originals", "out", "out/tables", "out/state/x"} {
		args[6] = place
		if s := j.run(t, args...); s.code == exitDone || s.code == exitIncomplete {
			t.Errorf("originals were written to %s", place)
		}
	}
}

// TestAPACSThatFailsTellsNoToken lets the PACS fail with answers full of tokens.
func TestAPACSThatFailsTellsNoToken(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "hospital")
	newSpoiler(t, pidSystem, numberSystem).spoil(t, hospital(t, 12, 12), folder)
	ends, jobs := map[string]func() said{}, map[string]*job{}
	for name, answer := range map[string]http.HandlerFunc{
		"400":    func(w http.ResponseWriter, q *http.Request) { say(w, 400, canary+q.URL.String()) },
		"401":    func(w http.ResponseWriter, _ *http.Request) { say(w, 401, canary) },
		"HTML":   func(w http.ResponseWriter, _ *http.Request) { say(w, 200, "<html>"+canary) },
		"no tag": func(w http.ResponseWriter, _ *http.Request) { say(w, 200, `[{"`+canary+`":{"vr":"LO"}}]`) },
		"ignores": func(w http.ResponseWriter, _ *http.Request) {
			say(w, 200, `[{"00100020":{"vr":"LO","Value":["`+canary+`"]},"0020000D":{"vr":"UI","Value":["1.2.276.0.`+canaryDigits+`.1"]}}]`)
		},
		"gone": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://"+canary+".example", http.StatusFound)
		},
	} {
		server := httptest.NewServer(answer)
		defer server.Close()
		jobs[name] = withPACS(t, folder, server.URL+"/dicom-web", "none")
		ends[name] = jobs[name].start(t, jobs[name].syncArgs("--json", "--html", "out/report.html")...)
	}
	for name, end := range ends {
		s := end()
		if s.code != exitServer {
			t.Errorf("%s: exit code %d: %s", name, s.code, s.err)
		}
		jobs[name].leaks(t, name, s)
	}
}
