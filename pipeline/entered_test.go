package pipeline_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
)

// edc is a target in which people enter dates.
type edc struct {
	mu      sync.Mutex // it is asked by several workers
	entries map[string]ecrf.Entries
	asked   map[string]bool
	broken  error
}

func (*edc) Name() string { return "edc" }

func (e *edc) Entered(_ context.Context, subjects []string, cells []ecrf.CellKey) (map[string]ecrf.Entries, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string]ecrf.Entries{}
	for _, s := range subjects {
		e.asked[s] = true
		for _, c := range cells {
			if text, ok := e.entries[s][c]; ok {
				all[s] = ecrf.Entries{c: text}
			}
		}
	}
	return all, e.broken
}

// withEnrolment is the example study with a form in which people enter the day of enrolment.
func withEnrolment(t *testing.T) *pipeline.Study {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../configs/psma-registry")); err != nil {
		t.Fatal(err)
	}
	for name, changes := range map[string][]string{
		"study.yaml":      {"mapping: mapping.yaml\n", "mapping: mapping.yaml\nentered: {file: entered.csv}\n", "tests: tests/*.yaml\n", ""},
		"dictionary.yaml": {"forms:\n  - name:", "forms:\n  - {name: enrolment, items: [{name: enrolled, type: date}, {name: age_enrolled, type: integer}]}\n  - name:", "forms: [", "forms: [enrolment, "},
		"mapping.yaml":    {"\nevents:\n", "\nevents:\n  enrolment: {entered: enrolment.enrolled}\n", "\nforms:\n", "\nforms:\n  enrolment:\n    age_enrolled: {derive: {age: {at: enrolment}}}\n"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		changed := string(text)
		for i := 0; i < len(changes); i += 2 {
			if !strings.Contains(changed, changes[i]) {
				t.Fatalf("%s has no %q", name, changes[i])
			}
			changed = strings.Replace(changed, changes[i], changes[i+1], 1)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	study, findings, err := pipeline.LoadStudy(filepath.Join(dir, "study.yaml"))
	if err != nil {
		t.Fatal(findings)
	}
	study.State = t.TempDir()
	return study
}

func TestWhatAPersonEntersComputesItsSubjectAnewAndNoOther(t *testing.T) {
	study := withEnrolment(t)
	parts := openParts(t, study, newSite(t, 3, 60).folder)
	target := &edc{entries: map[string]ecrf.Entries{}, asked: map[string]bool{}}
	parts.Entered = target
	first := mustRun(t, parts)
	cell := pipeline.Slot{Form: "enrolment", Item: "age_enrolled"}
	if n := first.Tally.Matrix[cell].Missing[ecrf.NoEvent]; n == 0 || n != first.Tally.Computed || len(target.asked) != n {
		t.Fatalf("%d of %d subjects are not enrolled, %d were asked for", n, first.Tally.Computed, len(target.asked))
	}
	target.entries[withAge(t, parts.Ledger)] = ecrf.Entries{study.Mapping.Entered()[0]: "2024-03-01"}
	second := mustRun(t, parts)
	if second.Tally.Computed != 1 || second.Tally.Matrix[cell].Filled != 1 {
		t.Errorf("%d subjects were computed anew, %d ages are filled", second.Tally.Computed, second.Tally.Matrix[cell].Filled)
	}
	if third := mustRun(t, parts); third.Tally.Computed != 0 {
		t.Errorf("%d subjects were computed without a change", third.Tally.Computed)
	}
}

// withAge is a subject whose birth date is full enough to tell an age.
func withAge(t *testing.T, ledger ecrf.Ledger) string {
	t.Helper()
	for book, err := range ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range book.Cells {
			if cell.Item == "age_at_index" && cell.Value != "" {
				return book.Facts.Subject
			}
		}
	}
	t.Fatal("nobody has an age")
	return ""
}

func TestATargetThatCannotBeReadStopsTheRun(t *testing.T) {
	study := withEnrolment(t)
	parts := openParts(t, study, newSite(t, 3, 20).folder)
	broken := errors.New("the target is down")
	parts.Entered = &edc{asked: map[string]bool{}, broken: broken}
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone)}); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	parts.Entered = nil
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone)}); err == nil || !strings.Contains(err.Error(), "no target was opened") {
		t.Errorf("the error is %v", err)
	}
}

func TestAFileOfEnteredDatesThatNothingReadsIsSaid(t *testing.T) {
	_, findings, err := changedStudy(t, "study.yaml", "state: ../../out/demo/state\n", "state: ../../out/demo/state\nentered: {file: entered.csv}\n")
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0].Message, "nothing is read from here") {
		t.Errorf("%v, %v", findings, err)
	}
}
