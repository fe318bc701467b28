package pipeline_test

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/synth"
)

func where(t *testing.T, text string) pipeline.Cohort {
	t.Helper()
	x, err := fhirpath.Compile(text, fhirpath.Options{Type: "Patient"})
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Cohort{Where: x}
}

// subjectsIn returns the numbers that the ledger holds as permitted.
func permittedIn(t *testing.T, parts pipeline.Parts) []string {
	t.Helper()
	var numbers []string
	for f, err := range parts.Ledger.AllFacts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Outcome == "permitted" {
			numbers = append(numbers, f.Subject)
		}
	}
	return numbers
}

func TestACohortIsCombinedByAndAndOr(t *testing.T) {
	s := newSite(t, 1, 60)
	of := permittedOf(s)
	ids := func(truths ...*synth.Truth) pipeline.Cohort {
		c := pipeline.Cohort{IDs: map[string]bool{}, File: "ids.txt"}
		for _, truth := range truths {
			c.IDs[truth.PID] = true
		}
		return c
	}
	study := "ResearchStudy/" + studyOf(t, s)
	for name, c := range map[string]struct {
		cohort pipeline.Cohort
		want   []*synth.Truth
		why    string
	}{
		"ids":           {ids(of[0], of[1]), of[:2], "cohort-ids"},
		"and":           {pipeline.Cohort{All: []pipeline.Cohort{ids(of[0], of[1]), ids(of[1], of[2])}}, of[1:2], "cohort-ids"},
		"or":            {pipeline.Cohort{Any: []pipeline.Cohort{ids(of[0]), ids(of[2])}}, []*synth.Truth{of[0], of[2]}, "cohort-ids"},
		"nested":        {pipeline.Cohort{All: []pipeline.Cohort{{Any: []pipeline.Cohort{ids(of[0]), ids(of[2])}}, ids(of[2], of[3])}}, of[2:3], "cohort-ids"},
		"a condition":   {pipeline.Cohort{All: []pipeline.Cohort{ids(of[0], of[1]), where(t, "birthDate.exists() and gender = 'female'")}}, nil, "cohort-patient"},
		"another study": {pipeline.Cohort{Subject: &pipeline.SubjectCriterion{Study: "ResearchStudy/another"}}, nil, "cohort-research-subject"},
		"a policy":      {pipeline.Cohort{All: []pipeline.Cohort{ids(of[0]), {Policy: consent.BuiltIn()}}}, of[:1], "cohort-ids"},
		"the study, or": {pipeline.Cohort{Any: []pipeline.Cohort{ids(of[0]), {Subject: &pipeline.SubjectCriterion{Study: study, Statuses: []string{"withdrawn"}}}}}, of[:1], "cohort-ids"},
	} {
		t.Run(name, func(t *testing.T) {
			loaded := exampleStudy(t)
			loaded.Cohort = &c.cohort
			parts := openParts(t, loaded, s.folder)
			outcome := mustRun(t, parts)
			var want []string
			for _, truth := range c.want {
				want = append(want, truth.Subject)
			}
			slices.Sort(want)
			if got := permittedIn(t, parts); !slices.Equal(got, want) {
				t.Errorf("in the cohort are %v, want %v", got, want)
			}
			if outcome.Tally.Decisions["held"][c.why] == 0 {
				t.Errorf("nobody is out of the cohort because of %s: %v", c.why, outcome.Tally.Decisions)
			}
		})
	}
}

// studyOf returns the id of the study that the hospital's ResearchSubjects are in.
func studyOf(t *testing.T, s site) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.folder, "ResearchSubject.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), `"study":{"reference":"ResearchStudy/`)
	id, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		t.Fatal("no ResearchSubject names a study")
	}
	return id
}

func TestParticipationBoundsWhatIsCollected(t *testing.T) {
	s := newSite(t, 1, 60)
	fill := func(cohort *pipeline.Cohort) (values int, dropped int) {
		study := exampleStudy(t)
		study.Cohort = cohort
		parts := openParts(t, study, s.folder)
		o := mustRun(t, parts)
		for _, f := range o.Tally.Matrix {
			values += f.Filled
		}
		return values, o.Tally.Dropped[pipeline.TypeReason{Type: "Observation", Reason: "outside-window"}]
	}
	all, before := fill(nil)
	bounded, after := fill(&pipeline.Cohort{Subject: &pipeline.SubjectCriterion{Study: "ResearchStudy/" + studyOf(t, s)}})
	if bounded == 0 || bounded >= all || after <= before {
		t.Errorf("%d values and %d dropped Observations, within participation %d and %d", all, before, bounded, after)
	}
}

// TestACohortAsksTheServerOnlyAboutPermittedPatients searches and reads a Group, and reads the server's log.
func TestACohortAsksTheServerOnlyAboutPermittedPatients(t *testing.T) {
	config := synth.Config{Seed: 4, Patients: 80}
	server, base := serve(t, config)
	s := newSite(t, config.Seed, config.Patients)
	of := permittedOf(s)
	refused := ""
	for i := range s.truth {
		if s.truth[i].Decision.Outcome == "excluded" {
			refused = s.truth[i].Patients[0]
		}
	}
	member := func(id, more string) string { return fmt.Sprintf(`{"entity":{"reference":"Patient/%s"}%s}`, id, more) }
	group := `{"resourceType":"Group","id":"g1","type":"person","actual":true,"member":[` + strings.Join([]string{member(of[0].Patients[0], ""), member(of[1].Patients[0], ""),
		member(of[2].Patients[0], `,"inactive":true`), member(refused, "")}, ",") + `]}`
	if err := server.Put([]byte(group)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cohort pipeline.Cohort
		want   []string
	}{
		"a group":  {pipeline.Cohort{Member: fhir.Key{Type: "Group", ID: "g1"}}, []string{of[0].Subject, of[1].Subject}},
		"a search": {pipeline.Cohort{Search: &pipeline.SearchCriterion{Type: "Observation", Parameters: map[string]string{"code": "http://loinc.org|2857-1"}}}, nil},
		"nothing":  {pipeline.Cohort{Search: &pipeline.SearchCriterion{Type: "Observation", Parameters: map[string]string{"code": "http://loinc.org|none"}}}, []string{}},
	} {
		study := exampleStudy(t)
		study.Cohort = &c.cohort
		parts := openParts(t, study, s.folder)
		source, err := rest.New(rest.Options{Name: "hospital", Wire: wire.Options{Base: base}})
		if err != nil {
			t.Fatal(err)
		}
		parts.Source = source
		before := len(server.Requests())
		outcome := mustRun(t, parts)
		got := permittedIn(t, parts)
		slices.Sort(c.want)
		switch {
		case c.want != nil && !slices.Equal(got, c.want):
			t.Errorf("%s: %v, want %v (%v)", name, got, c.want, outcome.Tally.Decisions)
		case c.want == nil && (len(got) == 0 || outcome.Tally.Decisions["held"]["cohort-search"] == 0):
			t.Errorf("%s: %d are in the cohort, %v", name, len(got), outcome.Tally.Decisions)
		}
		onlyAboutPermitted(t, s, server.Requests()[before:])
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	}
}

// onlyAboutPermitted expects that no request names a patient without a positive decision, and that nothing clinical is asked
// of nobody in particular.
func onlyAboutPermitted(t *testing.T, s site, log []synth.Request) {
	t.Helper()
	for _, q := range log {
		values, err := url.ParseQuery(q.Query)
		if err != nil {
			t.Fatal(err)
		}
		switch typ, _, _ := strings.Cut(q.Path, "/"); typ {
		case "", "metadata", "Patient", "Consent", "Encounter", "ResearchSubject", "ResearchStudy", "Group":
		default:
			if values.Get("patient")+values.Get("subject")+values.Get("_id") == "" {
				t.Errorf("a search of %s names nobody", q.Path)
			}
		}
		for i := range s.truth {
			for _, id := range s.truth[i].Patients {
				outcome := s.truth[i].Decision.Outcome // not-enrolled is permitted by consent, without a number
				if outcome != "permitted" && outcome != "not-enrolled" && strings.Contains(q.Path+"?"+q.Query, id) {
					t.Errorf("a request for %s names a patient who was not permitted", q.Path)
				}
			}
		}
	}
}

func TestMistakesInACohortAreFoundAtTheirPlace(t *testing.T) {
	ids := filepath.Join(t.TempDir(), "ids.txt")
	if err := os.WriteFile(ids, []byte("# nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for cohort, want := range map[string]string{
		"{ids: " + ids + "}":            "the file of ids is empty",
		"{ids: nowhere.txt}":            "cannot be read",
		"{group: List/x}":               `"List/x" is no Group`,
		"{list: x}":                     `"x" is no List`,
		"{ids: a, group: Group/x}":      "is one criterion, this has 2",
		"[]":                            "the cohort has no part here",
		"{search: {type: Observation}}": "the search has no parameters",
		"{search: {type: Observatoin, parameters: {code: x}}}":         `"Observatoin" is no resource type`,
		"{search: {type: Medication, parameters: {code: x}}}":          `"Medication" is no resource type that belongs to patients`,
		"{search: {type: Observation, parameters: {patient: x}}}":      "patient names a patient",
		"{search: {type: Observation, parameters: {_include: x}}}":     `"_include" is no search parameter`,
		"{search: {type: FamilyMemberHistory, parameters: {code: x}}}": "FamilyMemberHistory is beyond the study's authorisation",
		"{patient: gender}":                                            "needs a yes or no",
		"{patient: \"gender = \"}":                                     "error",
		"{research-subject: {study: Study/x}}":                         "is no ResearchStudy",
		"{research-subject: {study: ResearchStudy/x, statuses: [on]}}": `"on" is not possible here`,
		"{any: [{consent: nowhere.yaml}]}":                             "read the consent policy",
		"{every: []}":                                                  `unknown key "every"`,
	} {
		_, findings, err := changedStudy(t, "study.yaml", "dates: none\n", "dates: none\ncohort: "+cohort+"\n")
		if err == nil || !strings.Contains(findings.Error(), want) {
			t.Errorf("%s: no %q in %v", cohort, want, findings)
		}
	}
	_, findings, err := changedStudy(t, "study.yaml", "dates: none\n", "dates: none\ncohort: {group: Group/x}\n", "fhir: http://127.0.0.1:18642/fhir", "files: patients")
	if err == nil || !strings.Contains(findings.Error(), "a FHIR server is needed to answer this") {
		t.Errorf("a Group and files: %v", findings)
	}
	study, findings, err := changedStudy(t, "study.yaml", "dates: none\n", "dates: none\ncohort: [{patient: \"gender = 'male'\"}, {any: [{group: Group/x}, {consent: consent.yaml}]}]\n")
	if err != nil || study.Cohort.String() != "(Patient where gender = 'male' and (member of Group/x or consent psma-registry))" {
		t.Errorf("%v %v", study, findings)
	}
}

// onStage calls a function once, when a stage begins.
type onStage struct {
	name string
	once *sync.Once
	do   func()
}

func (w onStage) Stage(name string, _ int) {
	if name == w.name {
		w.once.Do(w.do)
	}
}
func (onStage) Add(int) {}

// TestWhoWithdrawsWhileTheRunIsUnderWayIsNotDelivered lets a patient refuse in gICS after everybody was decided about.
func TestWhoWithdrawsWhileTheRunIsUnderWayIsNotDelivered(t *testing.T) {
	s := newSite(t, 3, 40)
	parts := openParts(t, exampleStudy(t), s.folder)
	c := behindTrust(t, &parts)
	pids := map[string]string{}
	for i := range s.truth {
		if pid := s.truth[i].PID; i%2 == 0 {
			pids["gpas-"+pid] = pid
			c.gics.Sign("MII", broad(pid, "2020-01-01", "permit"))
			c.gpas.Insert("PSMA", pid, "gpas-"+pid)
		}
	}
	numbers := slices.Sorted(maps.Keys(pids))
	gone := numbers[0]
	seen := &seenBooks{}
	parts.Targets = []ecrf.Target{seen}
	parts.Progress = onStage{"subjects", &sync.Once{}, func() { c.gics.Sign("MII", broad(pids[gone], "2021-01-01", "deny")) }}
	outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if seen.books[gone] != nil || len(seen.books) != len(numbers)-1 {
		t.Errorf("%d of %d are delivered, with who withdrew: %t", len(seen.books), len(numbers), seen.books[gone] != nil)
	}
	if len(outcome.Tally.Failed) != 1 || outcome.Tally.Failed[0].Subject != gone || !strings.Contains(outcome.Tally.Failed[0].Reason, "before delivery") {
		t.Errorf("failed: %+v", outcome.Tally.Failed)
	}
}
