package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
)

func auditOf(t *testing.T, parts pipeline.Parts) audit.Log {
	t.Helper()
	ledger, ok := parts.Ledger.(*store.Ledger)
	if !ok {
		t.Fatal("the ledger is not SQLite's")
	}
	return ledger.Audit()
}

// sound verifies the audit and returns how many entries of each kind there are.
func sound(t *testing.T, parts pipeline.Parts) map[audit.Kind]int {
	t.Helper()
	r, err := audit.Verify(t.Context(), auditOf(t, parts), parts.Vault)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Errorf("entry %d: %s: %s", f.Number, f.Fault, f.Says)
	}
	return r.Kinds
}

func told(t *testing.T, parts pipeline.Parts, kind audit.Kind) (all []audit.Told) {
	t.Helper()
	for e, err := range audit.Read(t.Context(), auditOf(t, parts), parts.Vault, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Entry.Kind == kind {
			all = append(all, e)
		}
	}
	return all
}

func TestARunSaysOnceWhatItDecidedAndComputedAndEveryTimeWhatItDelivered(t *testing.T) {
	study := exampleStudy(t)
	study.Imaging.Folder = filepath.Join(t.TempDir(), "imaging")
	parts := openParts(t, study, newSite(t, 3, 80).folder)
	target := &counting{}
	receives(study, target.Name())
	parts.Targets = []ecrf.Target{target}
	outcome := mustRun(t, parts)
	first := sound(t, parts)
	subjects := outcome.Tally.Computed
	if first[audit.Computed] != subjects || subjects < 20 || first[audit.Decided] < subjects || first[audit.RunBegun] != 1 || first[audit.RunFinished] != 1 {
		t.Errorf("%d subjects: %v", subjects, first)
	}
	for _, e := range told(t, parts, audit.Decided) {
		var d audit.Decision
		if err := json.Unmarshal(e.Detail, &d); err != nil || e.Subject.IsZero() || d.Policy != study.Policy.Hash() || len(d.Facts) != 64 || d.Reason == "" || d.AsOf == "" {
			t.Errorf("a decision is told as %s", e.Detail)
		}
	}
	var d audit.Delivery
	if err := json.Unmarshal(told(t, parts, audit.DeliveryMade)[0].Detail, &d); err != nil || d.Subjects != target.books || d.Target != "counting" || d.Cells != 7 {
		t.Errorf("%d subjects were delivered, and it is told as %+v", target.books, d)
	}
	mustRun(t, parts)
	second := sound(t, parts)
	for kind, want := range map[audit.Kind]int{
		audit.Decided: first[audit.Decided], audit.Computed: subjects, audit.RunBegun: 2, audit.RunFinished: 2,
		audit.DeliveryMade: first[audit.DeliveryMade] + 1, // the sessions are as they were left
	} {
		if second[kind] != want {
			t.Errorf("after two runs: %d of %s, want %d", second[kind], kind, want)
		}
	}
	if first[audit.DeliveryMade] != 2 {
		t.Errorf("%d deliveries, of the target and of the imaging sessions are 2", first[audit.DeliveryMade])
	}
}

// counting is a target that counts the casebooks that it is given.
type counting struct{ books int }

func (*counting) Name() string { return "counting" }
func (*counting) Kind() string { return "csv" }

func (c *counting) Deliver(ctx context.Context, d ecrf.Delivery) (ecrf.DeliveryReport, error) {
	for range 2 { // a target may begin anew
		c.books = 0
		for _, err := range d.Casebooks(ctx) {
			if err != nil {
				return ecrf.DeliveryReport{}, err
			}
			c.books++
		}
	}
	return ecrf.DeliveryReport{Cells: 7, Written: 1}, nil
}

// failing is a target that takes nothing.
type failing struct{ counting }

var errTarget = errors.New("the target's server is down")

func (*failing) Deliver(context.Context, ecrf.Delivery) (ecrf.DeliveryReport, error) {
	return ecrf.DeliveryReport{}, errTarget
}

func TestAChangedDecisionIsToldAndTheRestIsNot(t *testing.T) {
	study := exampleStudy(t)
	study.Authorisation = nil // which ends before the consents do
	everybody := 60
	study.MaxLost = &everybody
	site := newSite(t, 4, 60)
	parts := openParts(t, study, site.folder)
	mustRun(t, parts)
	before := sound(t, parts)
	later := pipeline.Options{AsOf: asOfTruth(study.Zone).AddDate(50, 0, 0), Workers: 2}
	outcome, err := pipeline.Run(t.Context(), parts, later) // every consent has expired by then
	if err != nil {
		t.Fatal(err)
	}
	after := sound(t, parts)
	if n := after[audit.Decided] - before[audit.Decided]; n < 20 || outcome.Tally.Computed > 0 {
		t.Errorf("%d decisions are told, %d subjects computed", n, outcome.Tally.Computed)
	}
	if _, err := pipeline.Run(t.Context(), parts, later); err != nil {
		t.Fatal(err)
	}
	if again := sound(t, parts); again[audit.Decided] != after[audit.Decided] {
		t.Errorf("the same decisions are told again: %d", again[audit.Decided]-after[audit.Decided])
	}
}

func TestWhoVanishesFromTheSourceIsToldOnce(t *testing.T) {
	study := exampleStudy(t)
	everybody := 40
	study.MaxLost = &everybody
	parts := openParts(t, study, newSite(t, 5, 40).folder)
	mustRun(t, parts)
	before := sound(t, parts)
	gone := openParts(t, study, newSite(t, 6, 1).folder)
	for round := range 2 {
		mustRun(t, gone)
		if n := sound(t, gone)[audit.Decided] - before[audit.Decided]; n < 20 || n > before[audit.Decided]+1 {
			t.Errorf("round %d: %d decisions are told of the %d before", round, n, before[audit.Decided])
		}
	}
}

func TestARunThatFailsSaysWhyAndARefusedOneThatItWas(t *testing.T) {
	study := exampleStudy(t)
	parts := openParts(t, study, newSite(t, 7, 10).folder)
	study.Imaging.Folder = ""
	parts.Targets = []ecrf.Target{&failing{}}
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone)}); !errors.Is(err, authorisation.ErrRefused) {
		t.Fatal(err)
	}
	if kinds := sound(t, parts); kinds[audit.RunBegun] != 1 || kinds[audit.RunStopped] != 1 || len(kinds) != 2 {
		t.Errorf("a refused run is told as %v", kinds)
	}
	receives(study, "counting")
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone), Workers: 1}); !errors.Is(err, errTarget) {
		t.Fatal(err)
	}
	sound(t, parts)
	stopped, deliveries := told(t, parts, audit.RunStopped), told(t, parts, audit.DeliveryMade)
	if len(stopped) != 2 || len(deliveries) != 1 || len(told(t, parts, audit.RunFinished)) != 0 {
		t.Fatalf("%d stops, %d deliveries", len(stopped), len(deliveries))
	}
	var d audit.Delivery
	var s audit.Stopped
	if err := errors.Join(json.Unmarshal(deliveries[0].Detail, &d), json.Unmarshal(stopped[1].Detail, &s)); err != nil || d.Failed == "" || s.Reason == "" || s.Run == 0 {
		t.Errorf("%v: %s, %s", err, deliveries[0].Detail, stopped[1].Detail)
	}
}

func TestWithoutAnAuditNothingRuns(t *testing.T) {
	study := exampleStudy(t)
	parts := openParts(t, study, newSite(t, 8, 2).folder)
	parts.Audit = nil
	for _, options := range []pipeline.Options{{}, {DryRun: true}} {
		if _, err := pipeline.Run(t.Context(), parts, options); !errors.Is(err, audit.ErrNoActor) {
			t.Errorf("%+v: %v", options, err)
		}
	}
}

func TestADryRunSaysThatItLooked(t *testing.T) {
	study := exampleStudy(t)
	parts := openParts(t, study, newSite(t, 9, 5).folder)
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: time.Date(2026, 9, 1, 0, 0, 0, 0, study.Zone), Workers: 1, DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if kinds := sound(t, parts); len(kinds) != 1 || kinds[audit.Inspected] != 1 {
		t.Errorf("%v", kinds)
	}
}

func TestDecisionsComeOutTheSameAgainAndWhatChangedSinceIsTold(t *testing.T) {
	study := exampleStudy(t)
	site := newSite(t, 10, 60)
	parts := openParts(t, study, site.folder)
	mustRun(t, parts)
	decisions := sound(t, parts)[audit.Decided]
	again, err := pipeline.Replay(t.Context(), openParts(t, study, site.folder), auditOf(t, parts))
	if err != nil || again.Same != decisions || decisions < 20 || len(again.Different) > 0 || again.Changed+again.Moved+again.Absent+again.Policy > 0 {
		t.Errorf("%d decisions: %+v, %v", decisions, again, err)
	}
	changePatients(t, site.folder)
	again, err = pipeline.Replay(t.Context(), openParts(t, study, site.folder), auditOf(t, parts))
	if err != nil || again.Changed != decisions || len(again.Different) > 0 {
		t.Errorf("other facts: %+v, %v", again, err)
	}
	elsewhere, err := pipeline.Replay(t.Context(), openParts(t, study, newSite(t, 11, 1).folder), auditOf(t, parts))
	if err != nil || elsewhere.Absent < decisions-1 {
		t.Errorf("another source: %+v, %v", elsewhere, err)
	}
	study.Policy, err = consent.Load(consent.BuiltInName)
	if err != nil {
		t.Fatal(err)
	}
	other, err := pipeline.Replay(t.Context(), openParts(t, study, site.folder), auditOf(t, parts))
	if err != nil || other.Policy != decisions {
		t.Errorf("another policy: %+v, %v", other, err)
	}
}

func TestWhatACohortMadeOfADecisionComesOutTheSameAgain(t *testing.T) {
	study := exampleStudy(t)
	folder := newSite(t, 10, 60).folder
	parts := openParts(t, study, folder)
	mustRun(t, parts)
	permitted := sound(t, parts)[audit.Decided]
	all := 1000
	study.MaxLost = &all
	study.Cohort = &pipeline.Cohort{Subject: &pipeline.SubjectCriterion{Study: "ResearchStudy/none"}}
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone).AddDate(0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	if n := sound(t, parts)[audit.Decided]; n <= permitted {
		t.Fatalf("nobody is in the cohort, and %d decisions are told after %d", n, permitted)
	}
	again, err := pipeline.Replay(t.Context(), openParts(t, study, folder), auditOf(t, parts))
	if err != nil || len(again.Different) > 0 || again.Changed+again.Moved+again.Absent > 0 || again.Same == 0 {
		t.Errorf("%+v, %v", again, err)
	}
	study.Cohort = nil
	again, err = pipeline.Replay(t.Context(), openParts(t, study, folder), auditOf(t, parts))
	if err != nil || len(again.Different) > 0 || again.Moved == 0 {
		t.Errorf("without the cohort: %+v, %v", again, err)
	}
}

// changePatients alters each Patient where it does not matter for consent.
func changePatients(t *testing.T, folder string) {
	t.Helper()
	name := filepath.Join(folder, "Patient.ndjson")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.ReplaceAll(text, []byte(`{"resourceType":"Patient"`), []byte(`{"resourceType":"Patient","language":"de"`)), 0o600); err != nil {
		t.Fatal(err)
	}
}
