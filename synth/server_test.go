package synth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
)

// bundle is as much of a Bundle as the tests look at.
type bundle struct {
	ResourceType string
	Type         string
	Total        *int
	Link         []struct{ Relation, URL string }
	Entry        []struct {
		Resource *struct{ ResourceType, ID string }
		Search   struct{ Mode string }
		Request  struct{ Method, URL string }
	}
}

func (b *bundle) link(relation string) string {
	for _, l := range b.Link {
		if l.Relation == relation {
			return l.URL
		}
	}
	return ""
}

func (b *bundle) keys(mode string) (list []string) {
	for _, e := range b.Entry {
		if e.Search.Mode == mode {
			list = append(list, e.Resource.ResourceType+"/"+e.Resource.ID)
		}
	}
	return list
}

// peer is a running server with 25 generated patients and a client for it.
type peer struct {
	*Server
	t    *testing.T
	base string
	data generated
}

func startPeer(t *testing.T, script *Script) *peer {
	t.Helper()
	clock := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	s, err := NewServer(ServerConfig{Faults: script, Now: func() time.Time { clock = clock.Add(time.Second); return clock }})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Seed: 11, Patients: 25}
	if err := s.Generate(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return &peer{s, t, h.URL + "/fhir", generate(t, config)}
}

func (p *peer) request(method, path, body string) (status int, header http.Header, text string, err error) {
	target := path
	if !strings.HasPrefix(path, "http") {
		target = p.base + path
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if strings.HasSuffix(path, "_search") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(b), err
}

func (p *peer) bundle(method, path, body string) *bundle {
	p.t.Helper()
	status, _, text, err := p.request(method, path, body)
	if err != nil || status != http.StatusOK {
		p.t.Fatalf("%s %s: %d %v %s", method, path, status, err, text)
	}
	var b bundle
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return &b
}

// all follows next links and returns the matches.
func (p *peer) all(path string) (keys []string) {
	p.t.Helper()
	for path != "" {
		b := p.bundle(http.MethodGet, path, "")
		keys = append(keys, b.keys("match")...)
		path = b.link("next")
	}
	return keys
}

// of returns the generated resources of a type for which keep is true, sorted.
func (p *peer) of(typ string, keep func(*fhir.Resource) bool) (keys []string) {
	for _, r := range p.data.resources {
		if r.Type == typ && (keep == nil || keep(r)) {
			keys = append(keys, r.Key().String())
		}
	}
	slices.Sort(keys)
	return keys
}

func (p *peer) expect(path string, want []string) {
	p.t.Helper()
	got := p.all(path)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		p.t.Errorf("GET %s: %d resources, want %d", path, len(got), len(want))
	}
}

func TestPagesTogetherAreEveryResourceOnce(t *testing.T) {
	p := startPeer(t, nil)
	for _, typ := range []string{"Patient", "Observation", "ImagingStudy", "Medication"} {
		p.expect("/"+typ+"?_count=7", p.of(typ, nil))
	}
	if n := *p.bundle(http.MethodGet, "/Observation?_summary=count", "").Total; n != len(p.of("Observation", nil)) {
		t.Errorf("_summary=count is %d", n)
	}
}

func TestSearchesFindWhatTheParametersSay(t *testing.T) {
	p := startPeer(t, nil)
	id := p.data.truths[3].Patients[0]
	of := func(element string) func(*fhir.Resource) bool {
		return func(r *fhir.Resource) bool { return r.Path(element, "reference").Text() == "Patient/"+id }
	}
	isPSA := func(r *fhir.Resource) bool {
		return slices.Contains(psa.codes, r.Path("code", "coding").First().Get("code").Text())
	}
	p.expect("/Observation?patient="+id, p.of("Observation", of("subject")))
	p.expect("/Encounter?subject=Patient/"+id, p.of("Encounter", of("subject")))
	p.expect("/ImagingStudy?patient=Patient/"+id, p.of("ImagingStudy", of("subject")))
	p.expect("/Consent?patient="+id, p.of("Consent", of("patient")))
	p.expect("/Observation?_count=9&code="+url.QueryEscape("http://loinc.org|"+strings.Join(psa.codes, ",http://loinc.org|")), p.of("Observation", isPSA))
	p.expect("/Patient?identifier="+url.QueryEscape(sysPID+"|"+p.data.truths[3].PID), []string{"Patient/" + id})
	p.expect("/Patient?_id="+id+","+p.data.truths[4].Patients[0]+",nobody", sorted("Patient/"+id, "Patient/"+p.data.truths[4].Patients[0]))
	p.expect("/Procedure?patient="+id+"&date=ge1900-01-01&date=lt1901-01-01", nil)
	before := func(r *fhir.Resource) bool { return r.Path("meta", "lastUpdated").Text() < "2025-01-01" }
	p.expect("/Condition?_lastUpdated=lt2025-01-01", p.of("Condition", before))
}

func sorted(list ...string) []string {
	slices.Sort(list)
	return list
}

func TestPostSearchIsTheSearchAndItsNextLinkIsAGet(t *testing.T) {
	p := startPeer(t, nil)
	b := p.bundle(http.MethodPost, "/Observation/_search", "_count=5&code=2857-1")
	if len(b.keys("match")) != 5 || b.link("next") == "" {
		t.Fatalf("page of %d", len(b.keys("match")))
	}
	got := append(b.keys("match"), p.all(b.link("next"))...)
	if len(got) != *b.Total {
		t.Errorf("%d of %d found", len(got), *b.Total)
	}
	if strings.Contains(b.link("next"), "2857") {
		t.Error("the next link is not opaque")
	}
}

func TestAnUnknownParameterIsIgnoredAndMissingInTheSelfLinkUnlessStrict(t *testing.T) {
	p := startPeer(t, nil)
	b := p.bundle(http.MethodGet, "/Encounter?patient=x&_count=1", "")
	if *b.Total != len(p.of("Encounter", nil)) || strings.Contains(b.link("self"), "patient") {
		t.Errorf("total %d, self %s", *b.Total, b.link("self"))
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/Encounter?patient=x", nil)
	r.Header.Set("Prefer", "handling=strict")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("strict handling gives %d", answer.StatusCode)
	}
}

func TestIncludedMedicationsComeWithTheirMode(t *testing.T) {
	p := startPeer(t, nil)
	b := p.bundle(http.MethodGet, "/MedicationStatement?_include=MedicationStatement:medication&_count=200", "")
	if len(b.keys("include")) == 0 || *b.Total != len(b.keys("match")) {
		t.Errorf("%d matches of %d, %d included", len(b.keys("match")), *b.Total, len(b.keys("include")))
	}
	if len(p.bundle(http.MethodGet, "/MedicationStatement?_count=200", "").keys("include")) != 0 {
		t.Error("included without being asked")
	}
}

func TestADeletedResourceIsGoneAndTheHistoryTells(t *testing.T) {
	p := startPeer(t, nil)
	key := p.data.resources[len(p.data.resources)-1].Key()
	if status, _, _, _ := p.request(http.MethodDelete, "/"+key.String(), ""); status != http.StatusNoContent {
		t.Fatalf("DELETE gives %d", status)
	}
	if status, _, _, _ := p.request(http.MethodGet, "/"+key.String(), ""); status != http.StatusGone {
		t.Errorf("GET gives %d", status)
	}
	if status, _, _, _ := p.request(http.MethodGet, "/Patient/nobody", ""); status != http.StatusNotFound {
		t.Errorf("GET of nobody gives %d", status)
	}
	p.expect("/"+key.Type+"?_id="+key.ID, nil)
	h := p.bundle(http.MethodGet, "/"+key.Type+"/_history?_since=2026-09-01T00:00:00Z", "")
	if len(h.Entry) != 1 || h.Entry[0].Request.Method != http.MethodDelete || h.Entry[0].Resource != nil || h.Entry[0].Request.URL != key.String() {
		t.Errorf("history: %+v", h.Entry)
	}
}

func TestAnUpdateIsANewVersionOfNow(t *testing.T) {
	p := startPeer(t, nil)
	old := p.data.resources[40]
	body := strings.Replace(old.String(), `{"resourceType"`, `{"language":"de","resourceType"`, 1)
	status, header, text, err := p.request(http.MethodPut, "/"+old.Key().String(), body)
	if err != nil || status != http.StatusOK || header.Get("ETag") != `W/"2"` || !strings.Contains(text, `"language":"de"`) {
		t.Fatalf("PUT: %d %s %v", status, header.Get("ETag"), err)
	}
	p.expect("/"+old.Type+"?_lastUpdated=ge2026-09-01T00:00:00Z", []string{old.Key().String()})
	if status, _, _, _ := p.request(http.MethodPut, "/"+old.Type+"/another", body); status != http.StatusBadRequest {
		t.Errorf("PUT of another id gives %d", status)
	}
}

func TestTheRequestLogShowsTheOrder(t *testing.T) {
	p := startPeer(t, nil)
	p.bundle(http.MethodGet, "/Consent?_count=1", "")
	p.bundle(http.MethodPost, "/Observation/_search", "code=718-7")
	got := p.Requests()
	want := []Request{{"GET", "Consent", "_count=1", 200}, {"POST", "Observation/_search", "code=718-7", 200}}
	if !slices.Equal(got, want) {
		t.Errorf("log: %+v", got)
	}
}

func TestScriptedFaultsHappen(t *testing.T) {
	for _, tc := range []struct {
		name   string
		script string
		check  func(*testing.T, *peer)
	}{
		{"every second request is refused", `{"faults":[{"kind":"status","status":503,"retryAfter":2,"every":2}]}`, func(t *testing.T, p *peer) {
			var got []int
			for range 4 {
				status, header, _, _ := p.request(http.MethodGet, "/Patient?_count=1", "")
				if got = append(got, status); status == 503 && header.Get("Retry-After") != "2" {
					t.Error("no Retry-After")
				}
			}
			if !slices.Equal(got, []int{200, 503, 200, 503}) {
				t.Error(got)
			}
		}},
		{"only so often", `{"faults":[{"kind":"status","status":429,"skip":1,"times":1,"match":"GET Patient"}]}`, func(t *testing.T, p *peer) {
			var got []int
			for _, path := range []string{"/Consent", "/Patient", "/Patient", "/Patient"} {
				status, _, _, _ := p.request(http.MethodGet, path, "")
				got = append(got, status)
			}
			if !slices.Equal(got, []int{200, 200, 429, 200}) {
				t.Error(got)
			}
		}},
		{"a body breaks off", `{"faults":[{"kind":"truncate"}]}`, func(t *testing.T, p *peer) {
			if _, _, text, err := p.request(http.MethodGet, "/Patient", ""); !errors.Is(err, io.ErrUnexpectedEOF) || text == "" {
				t.Errorf("%v after %d bytes", err, len(text))
			}
			if log := p.Requests(); log[0].Status != 0 {
				t.Errorf("status %d in the log", log[0].Status)
			}
		}},
		{"a connection breaks", `{"faults":[{"kind":"drop","times":1}]}`, func(t *testing.T, p *peer) {
			if _, _, _, err := p.request(http.MethodPost, "/Patient/_search", "_count=1"); err == nil {
				t.Error("answered")
			}
		}},
		{"links lead to another host", `{"faults":[{"kind":"link-host"}]}`, func(t *testing.T, p *peer) {
			next := p.bundle(http.MethodGet, "/Patient?_count=2", "").link("next")
			if u, err := url.Parse(next); err != nil || u.Host != "fhir.internal.invalid:8080" {
				t.Error(next)
			}
		}},
		{"pages expire", `{"faults":[{"kind":"expire","match":"__page","times":1}]}`, func(t *testing.T, p *peer) {
			next := p.bundle(http.MethodGet, "/Patient?_count=2", "").link("next")
			if status, _, _, _ := p.request(http.MethodGet, next, ""); status != http.StatusGone {
				t.Error(status)
			}
			if got := p.all(next); len(got) != len(p.of("Patient", nil))-2 {
				t.Errorf("after the fault the page has %d", len(got))
			}
		}},
		{"a proxy answers", `{"faults":[{"kind":"html"}]}`, func(t *testing.T, p *peer) {
			status, header, _, _ := p.request(http.MethodGet, "/Patient", "")
			if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
				t.Error(status, header)
			}
		}},
		{"pages overlap", `{"faults":[{"kind":"duplicate"}]}`, func(t *testing.T, p *peer) {
			got := p.all("/Patient?_count=5")
			slices.Sort(got)
			if n := len(got); len(slices.Compact(got)) != len(p.of("Patient", nil)) || n <= len(p.of("Patient", nil)) {
				t.Error(n)
			}
		}},
		{"an outcome is among the entries", `{"faults":[{"kind":"outcome"}]}`, func(t *testing.T, p *peer) {
			if got := p.bundle(http.MethodGet, "/Patient?_count=5", "").keys("outcome"); len(got) != 1 || !strings.HasPrefix(got[0], "OperationOutcome/") {
				t.Error(got)
			}
		}},
		{"the end is hidden", `{"pageCap":3,"noTotal":true,"historyOff":true,"faults":[{"kind":"cut-short"}]}`, func(t *testing.T, p *peer) {
			b := p.bundle(http.MethodGet, "/Patient?_count=500", "")
			if len(b.keys("match")) != 3 || b.link("next") != "" || b.Total != nil {
				t.Error(len(b.keys("match")), b.link("next"), b.Total)
			}
			if status, _, _, _ := p.request(http.MethodGet, "/Patient/_history", ""); status != http.StatusNotFound {
				t.Error("history is there")
			}
		}},
		{"a body comes slowly and whole", `{"faults":[{"kind":"slow","delayMs":1}]}`, func(t *testing.T, p *peer) {
			if got := p.bundle(http.MethodGet, "/Patient?_count=500", "").keys("match"); len(got) != len(p.of("Patient", nil)) {
				t.Error(len(got))
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script, err := ReadScript(strings.NewReader(tc.script))
			if err != nil {
				t.Fatal(err)
			}
			tc.check(t, startPeer(t, script))
		})
	}
}

func TestAScriptThatSaysNothingKnownIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"faults":[{"kind":"explode"}]}`, `{"faults":[{"kind":"status"}]}`, `{"fault":[]}`, `{"pageCap":-1}`, `{"faults":[{"kind":"html","every":-2}]}`, `[`,
	} {
		if _, err := ReadScript(strings.NewReader(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestATokenIsAskedFor(t *testing.T) {
	s, err := NewServer(ServerConfig{Token: "geheim"})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]int{"": 401, "Bearer falsch": 401, "Bearer geheim": 200} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/fhir/metadata", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
}

func TestTheCapabilityStatementListsWhatTheServerHas(t *testing.T) {
	p := startPeer(t, nil)
	_, _, text, _ := p.request(http.MethodGet, "/metadata", "")
	var table fhir.Table
	if err := table.Parse(text); err != nil {
		t.Fatal(err)
	}
	types := 0
	for r := range table.Root().Get("rest").First().Get("resource").Children() {
		types++
		if r.Get("type").Text() == "ImagingStudy" && strings.Contains(r.Get("searchParam").String(), `"subject"`) {
			t.Error("ImagingStudy has a parameter subject")
		}
	}
	if types < 14 {
		t.Errorf("%d types", types)
	}
}

func TestTheServerStaysOnThisMachine(t *testing.T) {
	s, err := NewServer(ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nonsense"} {
		if err := s.Serve(t.Context(), addr, false, nil); err == nil {
			t.Errorf("serves at %s", addr)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	base := make(chan string, 1)
	go func() { done <- s.Serve(ctx, "127.0.0.1:0", false, func(b string) { base <- b }) }()
	answer, err := http.Get(<-base + "/metadata")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWhatIsWrittenIsWhatIsServed(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "out")
	var told strings.Builder
	if err := Run(t.Context(), Options{Config: Config{Seed: 11, Patients: 25}, Out: folder}, &told); err != nil {
		t.Fatal(err)
	}
	loaded, err := NewServer(ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Load(folder); err != nil {
		t.Fatal(err)
	}
	p := startPeer(t, nil)
	for typ := range searchParams {
		if a, b := loaded.Total(typ), p.Total(typ); a != b || a == 0 {
			t.Errorf("%s: %d from files, %d generated", typ, a, b)
		}
		if !strings.Contains(told.String(), typ) {
			t.Errorf("the summary does not name %s", typ)
		}
	}
}

func TestRunWantsSomethingToDo(t *testing.T) {
	if err := Run(t.Context(), Options{}, io.Discard); err == nil {
		t.Error("nothing was asked and nothing complained")
	}
	if _, err := New(Config{Patients: -1}); err == nil {
		t.Error("a negative number of patients is accepted")
	}
}

func TestRunServesUntilItIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Options{Config: Config{Seed: 1, Patients: 2}, Serve: "127.0.0.1:0"}, w) }()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	base := strings.TrimSpace(strings.TrimPrefix(line, "FHIR server at "))
	answer, err := http.Get(base + "/Patient?_summary=count")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var b bundle
	if err := json.NewDecoder(answer.Body).Decode(&b); err != nil || b.Total == nil || *b.Total < 2 {
		t.Errorf("%v %+v", err, b)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMessinessIsReadByItsName(t *testing.T) {
	for text, want := range map[string]Messiness{"": Usual, "usual": Usual, "clean": Clean, "harsh": Harsh} {
		if got, err := ParseMessiness(text); got != want || err != nil {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	if _, err := ParseMessiness("tidy"); err == nil {
		t.Error("tidy is accepted")
	}
}
