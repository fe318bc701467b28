package pipeline_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bulk"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// offered serves the data of a folder.
func offered(t *testing.T, folder string) (*synth.Server, wire.Options) {
	t.Helper()
	server, err := synth.NewServer(synth.ServerConfig{PageSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Load(folder); err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return server, wire.Options{Base: listener.URL + "/fhir", Pause: time.Microsecond, MaxPause: time.Millisecond}
}

func searched(t *testing.T, o wire.Options) fhir.Source {
	t.Helper()
	s, err := rest.New(rest.Options{Name: "hospital", Wire: o})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func exported(t *testing.T, o wire.Options, change func(*bulk.Options)) fhir.Source {
	t.Helper()
	options := bulk.Options{Name: "hospital", Wire: o, Poll: time.Microsecond, Folder: t.TempDir()}
	if change != nil {
		change(&options)
	}
	s, err := bulk.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestFilesSearchAndExportGiveTheSameCasebook runs on each of them into a ledger of its own, over the same vault.
func TestFilesSearchAndExportGiveTheSameCasebook(t *testing.T) {
	longTest(t)
	for name, c := range map[string]struct {
		folder string
		study  func() *pipeline.Study
		least  int // subjects
	}{
		"synthetic patients": {newSite(t, 6, 300).folder, func() *pipeline.Study { return exampleStudy(t) }, 200},
		"MII test data": {shared.Dir(t, "data", "mii-kds-testdata", "resources"),
			func() *pipeline.Study { return loadStudy(t, "testdata/mii/study.yaml") }, 5},
	} {
		files := withTargets(t, openParts(t, c.study(), c.folder))
		mustRun(t, files)
		want := undigested(dumpOf(t, files))
		if n := len(subjectsOf(t, files)); n < c.least {
			t.Fatalf("%s: only %d subjects", name, n)
		}
		server, options := offered(t, c.folder)
		troubled := synth.Script{ExportPolls: 2, Faults: []synth.Fault{
			{Kind: synth.FaultStatus, Status: 503, RetryAfter: 1, Every: 5}, {Kind: synth.FaultTruncate, Match: "?generation", Every: 3},
			{Kind: synth.FaultExpire, Match: "?generation", Every: 7},
		}}
		for way, source := range map[string]fhir.Source{
			"search":             searched(t, options),
			"export":             exported(t, options, nil),
			"export on disk":     exported(t, options, func(o *bulk.Options) { o.Budget = 50_000 }),
			"export in troubles": exported(t, options, nil),
		} {
			if strings.Contains(way, "troubles") {
				if err := server.Script(&troubled); err != nil {
					t.Fatal(err)
				}
			}
			study := c.study()
			copyVault(t, files.Study.State, study.State)
			parts := openParts(t, study, c.folder)
			parts.Source = source
			mustRun(t, parts)
			if got := undigested(dumpOf(t, parts)); got != want {
				t.Errorf("%s by %s: the casebooks differ:\n%s", name, way, firstDifference(want, got))
			}
			if err := server.Script(nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAnExportAsksForFactsBeforeTheDecisions reads the server's own log.
func TestAnExportAsksForFactsBeforeTheDecisions(t *testing.T) {
	s := newSite(t, 4, 60)
	server, options := offered(t, s.folder)
	parts := openParts(t, exampleStudy(t), s.folder)
	parts.Source = exported(t, options, nil)
	decided := 0
	parts.Progress = stageWatch{func(name string) {
		if name == "subjects" {
			decided = len(server.Requests())
		}
	}}
	mustRun(t, parts)
	const facts = "_type=Patient%2CConsent%2CEncounter%2CResearchSubject%2CResearchStudy"
	kickOffs := 0
	for i, q := range server.Requests() {
		if q.Path != "$export" {
			continue
		}
		kickOffs++
		if isClinical := !strings.HasSuffix(q.Query, facts); isClinical != (kickOffs == 2) || isClinical && i < decided {
			t.Errorf("kick-off %d, at request %d of %d before the decisions: %s", kickOffs, i, decided, q.Query)
		}
	}
	if kickOffs != 3 || decided == 0 {
		t.Errorf("%d exports were begun, want 3: facts, what is wanted of those permitted, facts before delivery", kickOffs)
	}
}

// TestWhoRefusesDuringAnExportIsNotDelivered has a patient withdraw after everybody was decided about.
func TestWhoRefusesDuringAnExportIsNotDelivered(t *testing.T) {
	s := newSite(t, 4, 40)
	server, options := offered(t, s.folder)
	parts := openParts(t, exampleStudy(t), s.folder)
	parts.Source = exported(t, options, nil)
	seen := &seenBooks{}
	parts.Targets = append(parts.Targets, seen)
	victim := permittedOf(s)[0]
	refused := false
	parts.Progress = stageWatch{func(name string) {
		if name == "subjects" {
			refused = true
			text := consentOf(victim.Patients[0], "no", "2026-06-01", "2720", provision("deny", "2026-06-01", "3000-01-01", 6, 8))
			if err := server.Put([]byte(text)); err != nil {
				t.Error(err)
			}
		}
	}}
	outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2})
	if err != nil || !refused {
		t.Fatal(err)
	}
	if seen.books[victim.Subject] != nil || len(seen.books) < 10 {
		t.Errorf("%d are delivered, with who withdrew: %t", len(seen.books), seen.books[victim.Subject] != nil)
	}
	if outcome.Complete() {
		t.Error("the run says nothing of it")
	}
}

// longTest leaves a test out of the pass with the race detector.
func longTest(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long under the race detector, and runs nothing at once that shorter tests do not")
	}
}
