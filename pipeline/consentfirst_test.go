package pipeline_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/synth"
)

// serve offers a synthetic hospital over HTTP and returns the server with its base.
func serve(t *testing.T, config synth.Config) (*synth.Server, string) {
	t.Helper()
	server, err := synth.NewServer(synth.ServerConfig{PageSize: 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Generate(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return server, listener.URL + "/fhir"
}

// stageWatch calls a function when a stage begins.
type stageWatch struct{ begins func(name string) }

func (w stageWatch) Stage(name string, _ int) { w.begins(name) }
func (stageWatch) Add(int)                    {}

// TestNoRequestNamesAPatientWhoWasNotPermitted reads the server's own log: before the decisions facts only, afterwards
// nothing about anybody else than permitted patients, whose Consents are asked for again before delivery.
func TestNoRequestNamesAPatientWhoWasNotPermitted(t *testing.T) {
	config := synth.Config{Seed: 4, Patients: 120}
	server, base := serve(t, config)
	s := newSite(t, config.Seed, config.Patients)
	parts := openParts(t, exampleStudy(t), s.folder)
	source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: base}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	decided := -1
	parts.Source = source
	parts.Progress = stageWatch{func(name string) {
		if name == "subjects" {
			decided = len(server.Requests())
		}
	}}
	mustRun(t, parts)
	log := server.Requests()
	if decided < 5 || len(log)-decided < 100 {
		t.Fatalf("%d requests before and %d after the decisions", decided, len(log)-decided)
	}
	before := map[string]int{}
	for _, q := range log[:decided] {
		typ, _, _ := strings.Cut(q.Path, "/")
		if isPage(q) {
			typ = "page"
		}
		before[typ]++
		switch typ {
		case "page", "metadata", "Patient", "Consent", "Encounter", "ResearchSubject":
		case "ResearchStudy": // the studies that ResearchSubjects name; they belong to nobody
		default:
			t.Errorf("%s was asked for before the decisions", typ)
		}
	}
	t.Logf("%d requests before the decisions: %v; %d afterwards", decided, before, len(log)-decided)
	onlyPermitted(t, s, log[decided:])
}

// isPage reports whether a request asks for a further page of an earlier search.
func isPage(q synth.Request) bool { return q.Path == "" && strings.HasPrefix(q.Query, "__page=") }

func onlyPermitted(t *testing.T, s site, log []synth.Request) {
	t.Helper()
	permitted := map[string]bool{}
	for i := range s.truth {
		for _, id := range s.truth[i].Patients {
			permitted[id] = s.truth[i].Decision.Outcome == "permitted"
		}
	}
	named := map[string]bool{}
	for _, q := range log {
		values, err := url.ParseQuery(q.Query)
		if err != nil {
			t.Fatal(err)
		}
		who := values.Get("patient") + values.Get("subject")
		if who == "" && values.Get("_id") == "" && !isPage(q) {
			t.Errorf("a search of %s names nobody", q.Path)
		}
		if typ, _, _ := strings.Cut(q.Path, "/"); typ == "Patient" {
			t.Errorf("%s was asked for after the decisions", typ)
		}
		for id := range strings.SplitSeq(strings.ReplaceAll(who, "Patient/", ""), ",") {
			named[id] = true
		}
		for id, ok := range permitted {
			if !ok && strings.Contains(q.Path+"?"+q.Query, id) {
				t.Error("a request names a patient who was not permitted")
			}
		}
	}
	n := 0
	for id, ok := range permitted {
		if ok && named[id] {
			n++
		}
	}
	if n < 60 {
		t.Errorf("only %d permitted patients were asked for", n)
	}
}

// TestAServerGivesTheCellsOfTheTruth runs the job over HTTP.
func TestAServerGivesTheCellsOfTheTruth(t *testing.T) {
	config := synth.Config{Seed: 5, Patients: 120}
	_, base := serve(t, config)
	s := newSite(t, config.Seed, config.Patients)
	parts := openParts(t, exampleStudy(t), s.folder)
	source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: base, MaxPause: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	parts.Source = source
	mustRun(t, parts)
	compare(t, parts, s, unchanged)
}
