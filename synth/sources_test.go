package synth_test

import (
	"maps"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/synth"
)

// clinical are the types that are fetched beside the facts.
var clinical = []string{
	"Observation", "Condition", "Procedure", "MedicationStatement", "MedicationRequest", "MedicationAdministration", "ImagingStudy",
	"DiagnosticReport", "ServiceRequest",
}

// recordsOf lists the resources of every patient of a source.
func recordsOf(t *testing.T, source fhir.Source) map[fhir.Key][]string {
	t.Helper()
	defer func() {
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	}()
	rejected := func(fhir.Rejected) {} // resources without subject
	var patients []fhir.Key
	for rec, err := range source.Subjects(t.Context(), rejected) {
		if err != nil {
			t.Fatal(err)
		}
		patients = append(patients, rec.Key())
	}
	records := map[fhir.Key][]string{}
	for _, key := range patients {
		rec, err := source.Fetch(t.Context(), key, fhir.WantTypes(clinical...), rejected)
		if err != nil {
			t.Fatal(err)
		}
		for res := range rec.Resources() {
			records[key] = append(records[key], res.Key().String())
		}
	}
	return records
}

func TestFilesAndServerHoldTheSamePatientsWhateverGoesWrong(t *testing.T) {
	config := synth.Config{Seed: 3, Patients: 60}
	folder := t.TempDir()
	if _, err := synth.Write(t.Context(), config, folder); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(folder, "[A-Z]*.ndjson")) // all but the truth
	if err != nil {
		t.Fatal(err)
	}
	files, err := ndjson.Open(names, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := recordsOf(t, files)
	if len(want) != config.Patients {
		t.Fatalf("%d patients in the files, want %d: merged ones count once", len(want), config.Patients)
	}
	for name, script := range map[string]*synth.Script{
		"a healthy server": nil,
		"a poor server": {PageCap: 17, Faults: []synth.Fault{
			{Kind: synth.FaultStatus, Status: 503, Every: 7, Times: 3}, {Kind: synth.FaultTruncate, Every: 11, Times: 3},
			{Kind: synth.FaultLinkHost, Every: 2, Match: "Observation"}, {Kind: synth.FaultOutcome, Every: 5}, {Kind: synth.FaultDuplicate, Every: 3},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := synth.NewServer(synth.ServerConfig{Faults: script})
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Generate(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			h := httptest.NewServer(server)
			defer h.Close()
			source, err := rest.New(rest.Options{Wire: wire.Options{Base: h.URL + "/fhir", Pause: time.Millisecond}})
			if err != nil {
				t.Fatal(err)
			}
			if got := recordsOf(t, source); !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("%d patients from the server differ from %d of the files", len(got), len(want))
			}
		})
	}
}
