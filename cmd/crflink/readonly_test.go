package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/synth"
)

// sent is what was sent to a server: method, path, and what a POST is of.
type sent struct{ method, path, typ string }

// permitted are all requests that a hospital's systems may ever get of crflink: reading, searches by POST, the beginning of $export
// and the end of one.
var permitted = []struct{ method, path *regexp.Regexp }{
	{regexp.MustCompile(`^GET$`), regexp.MustCompile(`^/(fhir|dicom-web)(/|$)`)},
	{regexp.MustCompile(`^POST$`), regexp.MustCompile(`^/fhir/[A-Z][A-Za-z]+/_search$`)},
	{regexp.MustCompile(`^DELETE$`), regexp.MustCompile(`^/fhir/__export/[^/]+$`)},
}

// TestHospitalSystemsAreOnlyRead runs all that works with a FHIR server and a PACS, by search and by $export, and looks at every
// request.
func TestHospitalSystemsAreOnlyRead(t *testing.T) {
	t.Parallel()
	for name, export := range map[string]string{"search": "", "export": "\n    export: {level: patient}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := synth.Config{Seed: 13, Patients: 25}
			pacs, err := synth.NewPACS(t.Context(), config)
			must(t, err)
			server, err := synth.NewServer(synth.ServerConfig{PACS: pacs})
			must(t, err)
			must(t, server.Generate(t.Context(), config))
			var mu sync.Mutex
			var log []sent
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				mu.Lock()
				log = append(log, sent{q.Method, q.URL.Path, q.Header.Get("Content-Type")})
				mu.Unlock()
				server.ServeHTTP(w, q)
			}))
			t.Cleanup(web.Close)
			section := "imaging:\n  review: match_review.csv\n  pacs:\n    dicomweb: " + web.URL + "/dicom-web\n    rate: 1000\n    patient: {systems: [\"" + pidSystem + "\"]}\n    hashes: [\"" + synth.HashSystem + "\"]"
			j := newJob(t, "fhir: "+web.URL+"/fhir"+export, "imaging:", section)
			j.sync(t)
			j.sync(t, "--full")
			for _, args := range [][]string{
				{"doctor", "study.yaml"}, {"preview", "study.yaml", "--as-of", asOf}, {"imaging", "review", "study.yaml"},
				{"imaging", "uid-map", "study.yaml", "--as-of", asOf, "--out", "restricted", "--by", "Dr. Weber", "--reason", "images for the core laboratory"},
				{"plan", "study.yaml"}, {"export", "study.yaml", "--out", "out/package"}, {"explain", "study.yaml", "--as-of", asOf, "--subject", j.subjects(t)[0], "--item", "demographics.sex"},
			} {
				if s := j.run(t, args...); s.code != exitDone && s.code != exitIncomplete {
					t.Errorf("%v ends with %d: %s", args, s.code, s.err)
				}
			}
			if j.read(t, "restricted/"+imaging.MapFile) == "" {
				t.Error("no original was asked for")
			}
			mu.Lock()
			defer mu.Unlock()
			of := map[string]int{}
			for _, s := range log {
				if !s.mayBe() {
					t.Errorf("%s %s was sent (%s)", s.method, s.path, s.typ)
				}
				of[s.method+" "+strings.SplitN(s.path, "/", 3)[1]]++
			}
			if of["GET fhir"] < 20 || of["GET dicom-web"] < 100 || len(export) > 0 && of["DELETE fhir"] == 0 {
				t.Errorf("hardly anything was sent: %v", of)
			}
			t.Logf("%v", of)
		})
	}
}

func (s sent) mayBe() bool {
	for _, p := range permitted {
		if p.method.MatchString(s.method) && p.path.MatchString(s.path) {
			return s.method != http.MethodPost || strings.HasPrefix(s.typ, "application/x-www-form-urlencoded")
		}
	}
	return false
}
