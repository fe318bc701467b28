package pipeline_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pipeline"
)

// variant copies the example study into a temporary folder, with lines of its study file replaced, and loads it.
func variant(t *testing.T, oldnew ...string) *pipeline.Study {
	t.Helper()
	return loadStudy(t, changedExample(t, "study.yaml", oldnew...))
}

// loadStudy loads a study without findings, and sends all that it writes into a temporary folder.
func loadStudy(t *testing.T, file string) *pipeline.Study {
	t.Helper()
	study, findings, err := pipeline.LoadStudy(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if strings.Contains(f.Message, "names no authorisation") {
			continue // studies of test data have none
		}
		t.Errorf("%s has a finding: %s", file, f)
	}
	study.State = t.TempDir()
	out := t.TempDir()
	if study.Imaging.Folder != "" {
		study.Imaging.Folder = filepath.Join(out, "imaging")
	}
	for i := range study.Targets {
		study.Targets[i].Path = filepath.Join(out, filepath.Base(study.Targets[i].Path))
	}
	return study
}

// TestEveryDateMovesByTheSubjectsShiftAndNothingElseChanges derives each subject's shift from one date and holds all
// other cells against the truth moved by it.
func TestEveryDateMovesByTheSubjectsShiftAndNothingElseChanges(t *testing.T) {
	for seed := uint64(1); seed <= seeds(); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			s := newSite(t, seed, patientsOfSite)
			parts := openParts(t, variant(t, "dates: none", "dates: shift\nshift-limit: 300"), s.folder)
			mustRun(t, parts)
			shifts := deriveShifts(t, parts, s)
			compare(t, parts, s, func(subject, value string, item *ecrf.Item) string {
				if item.Type != ecrf.Date && item.Type != ecrf.PartialDate {
					return value
				}
				return movedText(t, value, shifts[subject])
			})
			different := map[int]bool{}
			for subject, days := range shifts {
				different[days] = true
				if days < -300 || days > 300 {
					t.Errorf("subject %s is shifted by %d days", subject, days)
				}
			}
			if len(different) < 10 {
				t.Errorf("%d subjects have only %d different shifts", len(shifts), len(different))
			}
			t.Logf("%d subjects, shifts %v", len(shifts), slices.Sorted(maps.Keys(different)))
		})
	}
}

// deriveShifts takes the first full date that a subject has in the truth and in the ledger.
func deriveShifts(t *testing.T, parts pipeline.Parts, s site) map[string]int {
	t.Helper()
	truth := map[string]map[string]string{}
	for i := range s.truth {
		dates := map[string]string{}
		for _, c := range s.truth[i].Cells {
			if parts.Study.Dictionary.Item(c.Item).Type == ecrf.Date && c.Value != "" {
				dates[fmt.Sprint(c.Event, c.Form, max(c.Repeat, 1), c.Item)] = c.Value
			}
		}
		truth[s.truth[i].Subject] = dates
	}
	shifts := map[string]int{}
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range book.Cells {
			is := truth[book.Facts.Subject][fmt.Sprint(c.Event, c.Form, max(c.Repeat, 1), c.Item)]
			if is == "" || c.Value == "" {
				continue
			}
			shifts[book.Facts.Subject] = int(dayOf(t, c.Value) - dayOf(t, is))
			break
		}
	}
	return shifts
}

func dayOf(t *testing.T, text string) fhir.Day {
	t.Helper()
	d, err := fhir.ParseDay(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// movedText moves a date; one with a month or year only moves with its middle day (docs/privacy.md).
func movedText(t *testing.T, text string, days int) string {
	t.Helper()
	if text == "" {
		return ""
	}
	whole := map[int]string{4: text + "-07-02", 7: text + "-15", 10: text}[len(text)]
	if whole == "" {
		t.Fatalf("a date of %d characters", len(text))
	}
	return (dayOf(t, whole) + fhir.Day(days)).String()[:len(text)] // #nosec G115 -- a few days
}
