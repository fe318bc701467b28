package pipeline_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicomweb"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// pacsOf is a PACS with every study of synthetic patients, permitted or not.
func pacsOf(t *testing.T, config synth.Config, changes ...func(*fakepacs.Study)) (*fakepacs.Server, string) {
	t.Helper()
	g, err := synth.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := fakepacs.New()
	for i := range config.Patients {
		if _, err := g.Patient(i, func(string, []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for _, s := range g.Studies() {
			k := s.Kept()
			for _, change := range changes {
				change(&k)
			}
			server.Add(k)
		}
	}
	web := server.Start()
	t.Cleanup(web.Close)
	return server, web.URL + "/dicom-web"
}

// withPACS is the example study with a PACS and a folder for sessions of its own.
func withPACS(t *testing.T, parts *pipeline.Parts, url string) {
	t.Helper()
	parts.Study.Imaging.PACS = &pipeline.PACSSpec{URL: url, Systems: []string{"https://hospital.example/fhir/sid/pid"}, Hashes: []string{synth.HashSystem}}
	parts.Study.Imaging.Window = imaging.Window{Before: 30, After: 90, Set: true}
	parts.Study.Imaging.Folder = filepath.Join(t.TempDir(), "imaging")
	client, err := dicomweb.New(dicomweb.Options{Wire: wire.Options{Base: url, Retries: -1, Every: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	parts.PACS = client
}

// A run that asks a PACS links every PET that consent covers, and asks for no patient without a decision for it.
func TestARunLinksWhatThePACSHasOfPermittedPatientsOnly(t *testing.T) {
	config := synth.Config{Seed: 3, Patients: 120}
	if testing.Short() { // the pass with the race detector
		config.Patients = 30
	}
	s := newSite(t, config.Seed, config.Patients)
	server, url := pacsOf(t, config)
	parts := openParts(t, exampleStudy(t), s.folder)
	withPACS(t, &parts, url)
	mustRun(t, parts)
	got := sessionsOf(t, parts.Study.Imaging.Folder)
	want, others := 0, map[string]bool{}
	for i := range s.truth {
		truth := &s.truth[i]
		if truth.Decision.Outcome != "permitted" {
			others[truth.PID] = true
			continue
		}
		subject := pseudonymOf(t, parts, truth.Subject)
		for _, m := range truth.Imaging {
			if !slices.Contains(m.Modalities, "PT") {
				continue
			}
			want++
			row, ok := got[truth.Subject+" "+subject.UID(m.UID)]
			if !ok {
				t.Errorf("%s: a study of %s with method %s is not linked", truth.Subject, m.Date, m.Method)
				continue
			}
			if row["method"] == "" || m.Indexed && row["window"] == "" {
				t.Errorf("%s: a study has no method or place: %v", truth.Subject, row)
			}
		}
	}
	if want < config.Patients/3 {
		t.Fatalf("only %d studies were to be found", want)
	}
	for _, query := range server.Queries() {
		_, pid, _ := strings.Cut(query, "00100020=")
		if pid, _, _ = strings.Cut(pid, "&"); others[pid] {
			t.Error("a patient without a decision was asked for")
		}
	}
	calls := len(server.Calls())
	if outcome := mustRun(t, parts); outcome.Tally.Computed != 0 || len(server.Calls()) != calls {
		t.Errorf("with nothing new %d subjects were computed, and the PACS was asked %d times", outcome.Tally.Computed, len(server.Calls())-calls)
	}
}

// sessionsOf reads sessions.csv, by subject and study UID.
func sessionsOf(t *testing.T, folder string) map[string]map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(folder, "sessions.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		all[m["subject"]+" "+m["study_uid"]] = m
	}
	return all
}

// A study that comes to the PACS later is linked although no resource changed, and one that is moved out of the days that
// consent covers is linked no more.
func TestWhatChangesAtThePACSAloneIsNoticed(t *testing.T) {
	config := synth.Config{Seed: 3, Patients: 25}
	s := newSite(t, config.Seed, config.Patients)
	server, url := pacsOf(t, config)
	study := exampleStudy(t)
	parts := openParts(t, study, s.folder)
	withPACS(t, &parts, url)
	mustRun(t, parts)
	truth, image := anyImage(t, s)
	uid := truth.Subject + " " + pseudonymOf(t, parts, truth.Subject).UID(image.UID)
	if _, ok := sessionsOf(t, study.Imaging.Folder)[uid]; !ok {
		t.Fatal("the study is not linked to begin with")
	}
	moved := fakepacs.Study{UID: image.UID, Patients: []string{truth.PID}, Accession: image.Accession, Date: "19700101", Series: []fakepacs.Series{{UID: image.Series[0], Modality: "PT", Instances: 1}}}
	server.Add(moved)
	withPACSAgain(t, &parts, url)
	if outcome := mustRun(t, parts); outcome.Tally.Computed != 1 {
		t.Errorf("%d subjects were computed, of one the PACS tells otherwise", outcome.Tally.Computed)
	}
	if _, ok := sessionsOf(t, study.Imaging.Folder)[uid]; ok {
		t.Error("a study of a day that consent does not cover is linked")
	}
}

// withPACSAgain is the next night: nothing is remembered of the last.
func withPACSAgain(t *testing.T, parts *pipeline.Parts, url string) {
	t.Helper()
	folder := parts.Study.Imaging.Folder
	withPACS(t, parts, url)
	parts.Study.Imaging.Folder = folder
}

// anyImage is a PET whose UID the resource states, of a patient with one number.
func anyImage(t *testing.T, s site) (*synth.Truth, synth.Image) {
	t.Helper()
	for i := range s.truth {
		truth := &s.truth[i]
		for _, m := range truth.Imaging {
			if truth.Decision.Outcome == "permitted" && len(truth.Patients) == 1 && m.Method == "dicom-uid" && slices.Contains(m.Modalities, "PT") {
				return truth, m
			}
		}
	}
	t.Fatal("no such study")
	return nil, synth.Image{}
}

// Without the PACS that the study names, nothing is computed: links would seem to have gone.
func TestAPACSThatWasNotOpenedStopsTheRun(t *testing.T) {
	s := newSite(t, 3, 20)
	parts := openParts(t, exampleStudy(t), s.folder)
	withPACS(t, &parts, "http://127.0.0.1:1/dicom-web")
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2}); err == nil {
		t.Error("the run went on without an answer of the PACS")
	}
	parts.PACS = nil
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2}); err == nil {
		t.Error("the run went on without the PACS")
	}
}
