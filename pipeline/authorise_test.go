package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

// changedStudy loads the example study with texts of its files replaced: pairs of old and new.
func changedStudy(t *testing.T, file string, pairs ...string) (*pipeline.Study, finding.List, error) {
	t.Helper()
	study, findings, err := pipeline.LoadStudy(changedExample(t, file, pairs...))
	if study != nil {
		study.State = t.TempDir()
	}
	return study, findings, err
}

// changedExample copies the example study into a temporary folder, with texts of one of its files replaced, and returns the path of its
// study file.
func changedExample(t *testing.T, file string, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../configs/psma-registry")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(text), pairs[i]) {
			t.Fatalf("the example's %s has no %q", file, pairs[i])
		}
	}
	if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "study.yaml")
}

func TestWhatAStudyIsNotAuthorisedToDoIsFoundAtItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		want  []string
	}{
		"a target without recipient":  {[]string{"outputs: [tables, odm, imaging]", "outputs: [tables, imaging]"}, []string{`error: nobody is authorised to receive the target "odm"`}},
		"sessions without recipient":  {[]string{"outputs: [tables, odm, imaging]", "outputs: [tables, odm]"}, []string{"error: nobody is authorised to receive the imaging sessions"}},
		"an output that is not there": {[]string{"outputs: [tables, odm, imaging]", "outputs: [tables, odm, imaging, tabels]"}, []string{`error: the study has no output "tabels"`, `did you mean "tables"?`}},
		"a type":                      {[]string{"[person, fall, ", "[person, "}, []string{"mapping.yaml:267:17: error: Encounter is beyond the study's authorisation"}},
		"an element": {[]string{"modules: [person,", "elements: [Patient.gender, Patient.address]\n  modules: ["}, []string{
			"error: Patient.birthDate is beyond the study's authorisation",
		}},
	} {
		study, findings, err := changedStudy(t, "study.yaml", c.pairs...)
		if study != nil || err == nil {
			t.Errorf("%s: the study can be used", name)
		}
		for _, want := range c.want {
			if !strings.Contains(findings.Error(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, findings.Error())
			}
		}
	}
}

func TestAStudyWithoutAuthorisationWarnsAndSaysSoInEveryOutput(t *testing.T) {
	text, err := os.ReadFile("../configs/psma-registry/study.yaml")
	if err != nil {
		t.Fatal(err)
	}
	from, to := strings.Index(string(text), "authorisation:\n"), strings.Index(string(text), "# A patient is named by")
	study, findings, err := changedStudy(t, "study.yaml", string(text)[from:to], "")
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0].Message, "names no authorisation") {
		t.Fatalf("%v %v", err, findings)
	}
	s := newSite(t, 1, 20)
	study.Imaging.Folder = filepath.Join(t.TempDir(), "imaging")
	mustRun(t, openParts(t, study, s.folder))
	notice, err := os.ReadFile(filepath.Join(study.Imaging.Folder, "NOTICE.txt"))
	if err != nil || !strings.Contains(string(notice), "No authorisation was checked") {
		t.Errorf("%q %v", notice, err)
	}
}

func TestNothingIsReadOutsideTheAuthorisation(t *testing.T) {
	tables, err := table.New("elsewhere", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		asOf   string
		change func(*pipeline.Study, *pipeline.Parts)
		want   string
	}{
		"over":              {"2036-01-01", nil, "it ended on 2035-12-31"},
		"to be erased":      {"2036-07-01", nil, "had to be erased by 2036-06-30"},
		"another recipient": {"2026-09-01", func(_ *pipeline.Study, p *pipeline.Parts) { p.Targets = []ecrf.Target{tables} }, "no recipient is named for the output elsewhere"},
		"live without any": {"2026-09-01", func(s *pipeline.Study, p *pipeline.Parts) {
			s.Authorisation = nil
			p.Targets = []ecrf.Target{&liveTarget{}}
		}, "the study names none"},
	} {
		server, base := serve(t, synth.Config{Seed: 4, Patients: 5})
		study := exampleStudy(t)
		parts := openParts(t, study, newSite(t, 4, 5).folder)
		source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: base}})
		if err != nil {
			t.Fatal(err)
		}
		parts.Source = source
		if c.change != nil {
			c.change(study, &parts)
		}
		day, err := time.ParseInLocation("2006-01-02", c.asOf, study.Zone)
		if err != nil {
			t.Fatal(err)
		}
		_, err = pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: day, Workers: 1})
		if !errors.Is(err, authorisation.ErrRefused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(server.Requests()); n != 0 {
			t.Errorf("%s: %d requests were sent", name, n)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWhatIsNotAuthorisedIsNotAskedFor narrows the study to fewer types than linkage would look into.
func TestWhatIsNotAuthorisedIsNotAskedFor(t *testing.T) {
	study, findings, err := changedStudy(t, "study.yaml", "modules: [person, fall, diagnose, prozedur, labor, medikation, onkologie, bildgebung]",
		"elements: [Patient, Encounter, Condition, Procedure, Observation, Medication, MedicationStatement, MedicationAdministration, MedicationRequest, ImagingStudy]")
	if err != nil {
		t.Fatal(findings)
	}
	config := synth.Config{Seed: 4, Patients: 30}
	server, base := serve(t, config)
	parts := openParts(t, study, newSite(t, config.Seed, config.Patients).folder)
	source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: base}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	parts.Source = source
	mustRun(t, parts)
	asked := map[string]bool{}
	for _, q := range server.Requests() {
		typ, _, _ := strings.Cut(q.Path, "/")
		asked[typ] = true
	}
	if !asked["ImagingStudy"] || asked["DiagnosticReport"] || asked["ServiceRequest"] {
		t.Errorf("asked for %v", asked)
	}
}

// TestAChoiceOfAnElementIsAllThatIsLeftOfIt permits two of the types that a value may have.
func TestAChoiceOfAnElementIsAllThatIsLeftOfIt(t *testing.T) {
	const all = "modules: [person, fall, diagnose, prozedur, labor, medikation, onkologie, bildgebung]"
	const types = `elements: [Patient, Encounter, Condition, Procedure, Medication, MedicationStatement, MedicationAdministration,
    MedicationRequest, ImagingStudy, DiagnosticReport, ServiceRequest, Observation.code, "Observation.effective[x]", Observation.identifier, `
	_, findings, err := changedStudy(t, "study.yaml", all, types+"Observation.valueQuantity]")
	if err == nil || !strings.Contains(findings.Error(), "Observation.value[x].coding.code is beyond") {
		t.Errorf("coded values are read without being authorised: %v", findings)
	}
	study, findings, err := changedStudy(t, "study.yaml", all, types+"Observation.valueQuantity, Observation.valueCodeableConcept]")
	if err != nil {
		t.Fatal(findings)
	}
	for path, stays := range map[string]bool{
		"Observation.valueInteger": false, "Observation.interpretation": false, "Observation.valueQuantity.value": true,
		"Observation.valueCodeableConcept.coding.code": true, "Observation.status": true, "Observation.issued": true,
	} {
		if (study.Profile.Action(path) != "drop") != stays {
			t.Errorf("%s stays: %t", path, !stays)
		}
	}
	o := mustRun(t, openParts(t, study, newSite(t, 1, 60).folder))
	for _, slot := range []pipeline.Slot{{Form: "labs", Item: "creatinine"}, {Form: "staging", Item: "t"}, {Form: "staging", Item: "tnm_date"}} {
		if f := o.Tally.Matrix[slot]; f == nil || f.Filled == 0 {
			t.Errorf("%v is empty", slot)
		}
	}
}

// receives names a recipient of further outputs.
func receives(study *pipeline.Study, outputs ...string) {
	study.Authorisation.Recipients = append(study.Authorisation.Recipients, authorisation.Recipient{Name: "a test", Outputs: outputs})
}
