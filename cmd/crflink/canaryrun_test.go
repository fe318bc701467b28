package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/synth"
)

const (
	pidSystem    = "https://hospital.example/fhir/sid/pid"
	numberSystem = "https://psma-registry.example/fhir/sid/subject"
)

// issuedByPatientID are the replacements for a study whose patients have no number and are known by their id.
var issuedByPatientID = []string{
	"identifier: " + pidSystem, "patient-id: true",
	"from: research-subject\n    system: " + numberSystem, "from: issued",
}

// errorsWithTokens are resources that cannot be used, each in its own way, with tokens at the broken place.
func errorsWithTokens(patient string) []string {
	subject := `"subject":{"reference":"Patient/` + patient + `"}`
	code := `"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2857-1"}]}`
	q := canary + "900001"
	return []string{
		`{"resourceType":"Observation","id":"` + q + `a","effectiveDateTime":"2024-13-45 ` + q + `",` + code + `,` + subject + `}`,
		`{"resourceType":"Observation","id":"` + q + `b","effectiveDateTime":"` + q + `",` + code + `,` + subject + `,"valueQuantity":{"value":5,"unit":"` + q + `"}}`,
		`{"resourceType":"Observation","id":"` + q + `c",` + code + `,"subject":{"reference":"Patient/` + q + `nobody"}}`,
		`{"resourceType":"Observation","id":"` + q + `d",` + code + `,"subject":{"reference":"urn:uuid:` + q + `"}}`,
		`{"resourceType":"Observation","id":"` + q + `e",` + code + `,"subject":{"reference":"Patient?identifier=` + q + `"}}`,
		`{"resourceType":"Observation","id":"` + q + `f",` + code + `,"subject":{"identifier":{"system":"` + q + `","value":"` + q + `"}}}`,
		`{"resourceType":"Observation","id":"` + q + `/g!",` + code + `,` + subject + `}`,
		`{"resourceType":"Observation","id":"` + q + `h","` + q + `":1,"` + q + `":2}`,
		`{"resourceType":"Observation","id":"` + q + `i","note":[{"text":"` + q,
		`{"resourceType":"Observation","id":"` + q + "j\",\"note\":\"" + q + "\xff\"}",
		`{"resourceType":"Observation","id":"` + q + `k","valueQuantity":{"value":` + q + `}}`,
		`{"resourceType":"` + canary + `","id":"` + q + `l"}`,
		`{"resourceType":"` + canary + `","id":"` + q + `/l"}`,
		`{"resourceType":"` + canary + ` Meier","id":"` + q + `m"}`,
		`{"resourceType":"Consent","id":"` + q + `n","status":"` + q + `","status":"x","patient":{"reference":"Patient/` + q + `"}}`,
		`{"resourceType":"Consent","id":"` + q + `o","status":"active","dateTime":"` + q + `","patient":{"reference":"Patient/` + patient + `x"}}`,
		`{"resourceType":"Patient","id":"` + q + `p","birthDate":"` + q + `","identifier":[{"system":"` + pidSystem + `","value":"` + q + `"},{"system":"` + pidSystem + `","value":"` + q + `2"}],"link":[{"type":"replaced-by","other":{"reference":"Patient/` + q + `nowhere"}}]}`,
		`{"resourceType":"ResearchSubject","id":"` + q + `q","status":"on-study","individual":{"reference":"Patient/` + q + `p"},"identifier":[{"system":"` + numberSystem + `","value":"` + q + ` Meier"}]}`,
		q + ` is no JSON at all`,
	}
}

// leaks looks for tokens in what a command said and in every file that it left, the vault among them.
func (j *job) leaks(t *testing.T, what string, s said) {
	t.Helper()
	for name, content := range map[string]string{"standard output": s.out, "standard error": s.err} {
		if found := trace([]byte(content)); found != "" {
			t.Errorf("%s: a token is in %s: %s", what, name, found)
		}
	}
	for _, dir := range []string{"out", "tmp"} {
		if _, err := os.Stat(j.path(dir)); err != nil {
			continue
		}
		for _, name := range files(t, j.path(dir)) {
			if found := trace([]byte(name + "\n" + j.read(t, filepath.Join(dir, name)))); found != "" {
				t.Errorf("%s: a token is in %s/%s: %s", what, dir, name, found)
			}
		}
	}
}

// commands runs everything that works with patients' data and looks for tokens after each.
func (j *job) commands(t *testing.T, inputs ...string) {
	t.Helper()
	first := j.sync(t, "--json", "--html", "out/report.html")
	j.leaks(t, "sync --json", first)
	run := jsonReport(t, first)
	if run.Cells.Filled < 40 || run.Patients.Delivered == 0 {
		t.Errorf("%d cells of %d patients are filled: the canaries fly nowhere", run.Cells.Filled, run.Patients.Delivered)
	}
	t.Logf("%d patients delivered, %d cells filled, %d sessions, %d rejected", run.Patients.Delivered, run.Cells.Filled, run.Imaging.Linked, len(run.Rejected))
	j.leaks(t, "second sync", j.sync(t, "--html", "out/report2.html"))
	j.leaks(t, "sync --full", j.sync(t, "--full"))
	for _, args := range [][]string{{"lint", "study.yaml"}, {"plan", "study.yaml"}, {"test", "study.yaml"}} {
		j.leaks(t, args[0], j.run(t, args...))
	}
	j.explained(t)
	j.packaged(t, "out/package")
	if len(inputs) > 0 {
		s := j.run(t, append([]string{"deidentify", "study.yaml", "--as-of", asOf}, inputs...)...)
		if len(s.out) < 10_000 {
			t.Errorf("deidentify prints only %d bytes and ends with %d: %.500s", len(s.out), s.code, s.err)
		}
		j.leaks(t, "deidentify", s)
	}
	j.leaks(t, "audit verify", j.run(t, "audit", "verify", "study.yaml"))
	j.leaks(t, "audit show", j.run(t, "audit", "show", "study.yaml", "--json"))
	j.env = append(j.env, "CRFLINK_VAULT_KEY=another key with a token "+canary+"777777")
	s := j.run(t, j.syncArgs()...)
	if s.code != exitUsage {
		t.Errorf("another key ends with %d", s.code)
	}
	j.leaks(t, "another key", s)
}

// explained explains an item of every form for a subject, for people and as JSON.
func (j *job) explained(t *testing.T) {
	t.Helper()
	rows := strings.SplitN(j.read(t, "out/tables/demographics.csv"), "\n", 3)
	subject, _, _ := strings.Cut(rows[1], ",")
	explained := 0
	for _, item := range []string{
		"demographics.sex", "diagnosis.diagnosis_date", "staging.t", "labs.creatinine", "medication.adt", "imaging.dose", "psa.psa", "follow_up.psa_nadir",
	} {
		for _, form := range [][]string{nil, {"--json"}} {
			s := j.run(t, append([]string{"explain", "study.yaml", "--as-of", asOf, "--subject", subject, "--item", item}, form...)...)
			if s.code == exitDone && strings.Contains(s.out, subject) {
				explained++
			}
			j.leaks(t, "explain "+item, s)
		}
	}
	if explained < 8 {
		t.Errorf("only %d explanations were given: the canaries fly nowhere", explained)
	}
}

// keyWithToken makes the vault's key a token, too.
func (j *job) keyWithToken() *job {
	j.env = append(j.env, "CRFLINK_VAULT_KEY=a key for tests only, with a token "+canary+"888888")
	return j
}

// spoiltHospital writes synthetic patients full of tokens into a folder, and the resources that cannot be used beside.
func spoiltHospital(t *testing.T, s *spoiler, from string) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "hospital")
	s.spoil(t, from, folder)
	patient := ""
	for key, token := range s.names {
		if strings.HasPrefix(key, "id ") && patient < token {
			patient = token
		}
	}
	must(t, os.WriteFile(filepath.Join(folder, canary+"-errors.ndjson"), []byte(strings.Join(errorsWithTokens(patient), "\n")+"\n"), 0o600))
	return folder
}

// TestNoTokenLeavesTheJob runs the whole job on data whose every text that must not leave is a token, from files and
// from a server, with errors on the way.
func TestNoTokenLeavesTheJob(t *testing.T) {
	t.Parallel()
	for _, dates := range []string{"none", "shift"} {
		t.Run("dates "+dates, func(t *testing.T) {
			s := newSpoiler(t, pidSystem, numberSystem)
			folder := spoiltHospital(t, s, hospital(t, 10, 60))
			if s.tokens < 10_000 {
				t.Errorf("only %d tokens", s.tokens)
			}
			t.Logf("%d tokens", s.tokens)
			newJob(t, "files: ["+folder+"]", "dates: none", "dates: "+dates).keyWithToken().commands(t, folder)
		})
	}
	t.Run("the MII test data", func(t *testing.T) {
		s := newSpoiler(t)
		folder := spoiltHospital(t, s, shared.Dir(t, "data", "mii-kds-testdata", "resources"))
		t.Logf("%d tokens", s.tokens)
		newJob(t, "files: ["+folder+"]", issuedByPatientID...).keyWithToken().commands(t, folder)
	})
	t.Run("server", func(t *testing.T) {
		s := newSpoiler(t, pidSystem, numberSystem)
		folder := filepath.Join(t.TempDir(), "hospital")
		s.spoil(t, hospital(t, 11, 60), folder)
		var mu sync.Mutex
		n := 0
		base := loaded(t, folder, func(w http.ResponseWriter, q *http.Request, h http.Handler) {
			mu.Lock()
			n++
			fail := n%9 == 0 && n < 150
			mu.Unlock()
			if fail { // passing trouble: the client tries again
				w.Header().Set("Retry-After", "0")
				w.Header().Set("X-Debug", canary)
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = fmt.Fprintf(w, "<html>%s %s</html>", canary, q.URL)
				return
			}
			h.ServeHTTP(w, q)
		})
		newJob(t, "fhir: "+base).keyWithToken().commands(t)
	})
}

// TestWhatIsDroppedOrReplacedChangesNoCell compares the forms of plain and of spoilt patients: all that the tokens stand
// in the place of must be without influence.
func TestWhatIsDroppedOrReplacedChangesNoCell(t *testing.T) {
	t.Parallel()
	plain := hospital(t, 10, 60)
	spoilt := filepath.Join(t.TempDir(), "hospital")
	newSpoiler(t, pidSystem, numberSystem).spoil(t, plain, spoilt)
	want := jsonReport(t, newJob(t, "files: ["+plain+"]").sync(t, "--json"))
	got := jsonReport(t, newJob(t, "files: ["+spoilt+"]").sync(t, "--json"))
	if diff := cmp.Diff(want.Forms, got.Forms); diff != "" || want.Cells.Filled < 1000 {
		t.Errorf("%d cells; the forms differ:\n%s", want.Cells.Filled, diff)
	}
	if diff := cmp.Diff(want.Patients, got.Patients); diff != "" {
		t.Errorf("the patients differ:\n%s", diff)
	}
}

// loaded serves the resources of a folder through a function that may interfere.
func loaded(t *testing.T, folder string, serve func(http.ResponseWriter, *http.Request, http.Handler)) string {
	t.Helper()
	server, err := synth.NewServer(synth.ServerConfig{})
	must(t, err)
	must(t, server.Load(folder))
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { serve(w, q, server) }))
	t.Cleanup(listener.Close)
	return listener.URL + "/fhir"
}

// TestAServerThatFailsForGoodTellsNoToken lets every search of a type fail with an answer full of tokens, before and
// after the decisions.
func TestAServerThatFailsForGoodTellsNoToken(t *testing.T) {
	t.Parallel()
	outcome := `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"` + canary + `","diagnostics":"Patient/` + canary + ` unknown","details":{"text":"` + canary + `"}}]}`
	s := newSpoiler(t, pidSystem, numberSystem)
	folder := filepath.Join(t.TempDir(), "hospital")
	s.spoil(t, hospital(t, 12, 12), folder)
	ends := map[string]func() said{}
	jobs := map[string]*job{}
	for name, answer := range map[string]func(w http.ResponseWriter, q *http.Request){
		"500 HTML": func(w http.ResponseWriter, q *http.Request) { say(w, 500, "<html>"+canary+q.URL.String()+"</html>") },
		"400":      func(w http.ResponseWriter, _ *http.Request) { say(w, 400, outcome) },
		"401": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Bearer "+canary)
			say(w, 401, outcome)
		},
		"404": func(w http.ResponseWriter, _ *http.Request) { say(w, 404, outcome) },
		"redirect": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://"+canary+".example/"+canary, http.StatusFound)
		},
		"200 HTML": func(w http.ResponseWriter, _ *http.Request) { say(w, 200, "<html>"+canary) },
		"200 outcome": func(w http.ResponseWriter, _ *http.Request) {
			say(w, 200, `{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":`+outcome+`,"search":{"mode":"outcome"}}]}`)
		},
		"a page elsewhere": func(w http.ResponseWriter, _ *http.Request) {
			say(w, 200, `{"resourceType":"Bundle","type":"searchset","total":9,"link":[{"relation":"next","url":"http://`+canary+`.example/`+canary+`?`+canary+`=1"}],"entry":[]}`)
		},
		"broken resources": func(w http.ResponseWriter, _ *http.Request) {
			say(w, 200, `{"resourceType":"Bundle","type":"searchset","total":1,"`+canary+`":1,"`+canary+`":2,"entry":[{"fullUrl":"`+canary+`","resource":{"resourceType":"`+canary+`","id":"`+canary+`!"}}]}`)
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for _, typ := range []string{"Consent", "Observation"} {
			base := loaded(t, folder, func(w http.ResponseWriter, q *http.Request, h http.Handler) {
				if strings.Contains(q.URL.Path, typ) {
					answer(w, q)
					return
				}
				h.ServeHTTP(w, q)
			})
			name := name + " to " + typ
			jobs[name] = newJob(t, "fhir: "+base).keyWithToken()
			ends[name] = jobs[name].start(t, jobs[name].syncArgs("--json", "--html", "out/report.html")...)
		}
	}
	for name, end := range ends { // they wait side by side between their attempts
		ended := end()
		if ended.code != exitServer {
			t.Errorf("%s: exit code %d: %s", name, ended.code, ended.err)
		}
		jobs[name].leaks(t, name, ended)
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
