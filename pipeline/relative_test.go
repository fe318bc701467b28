package pipeline_test

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/odm"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/pipeline"
)

// relativeRun runs the example study with dates: relative into files of a folder.
func relativeRun(t *testing.T) (parts pipeline.Parts, folder string) {
	t.Helper()
	s := newSite(t, 2, patientsOfSite)
	parts = openParts(t, variant(t, "dates: none", "dates: relative\nindex-event: index"), s.folder)
	folder = t.TempDir()
	parts.Study.Imaging.Folder = filepath.Join(folder, "imaging")
	tables, err := table.New("tables", filepath.Join(folder, "tables"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := odm.New("odm", filepath.Join(folder, "study.xml"), odm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	parts.Targets = []ecrf.Target{tables, document}
	mustRun(t, parts)
	return parts, folder
}

// TestRelativeDatesAreDaysFromTheIndexEventEverywhere holds each date item against the item that the mapping itself derives
// as days from the same event.
func TestRelativeDatesAreDaysFromTheIndexEventEverywhere(t *testing.T) {
	_, folder := relativeRun(t)
	file, err := os.Open(filepath.Join(folder, "tables", "cells.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	values := map[string]string{} // subject, repeat and item
	for _, row := range rows[1:] {
		values[strings.Join([]string{row[column("subject")], row[column("repeat")], row[column("item")]}, " ")] = row[column("value")]
	}
	compared := 0
	for key, value := range values {
		for item, days := range map[string]struct {
			item string
			sign int
		}{"psa_date": {"psa_days", 1}, "diagnosis_date": {"days_to_index", -1}} {
			prefix, isOne := strings.CutSuffix(key, " "+item)
			derived := values[prefix+" "+days.item]
			if !isOne || derived == "" {
				continue
			}
			want, err := strconv.Atoi(derived)
			if err != nil {
				t.Fatal(err)
			}
			if value != strconv.Itoa(days.sign*want) {
				t.Errorf("%s is %q, the mapping counts %s", key, value, derived)
			}
			compared++
		}
	}
	if compared < 50 {
		t.Errorf("only %d dates were compared", compared)
	}
}

func TestNoDateIsDeliveredWhereDatesAreRelative(t *testing.T) {
	_, folder := relativeRun(t)
	date := regexp.MustCompile(`(19|20)\d\d-[01]\d(-[0-3]\d)?`)
	files := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		asOf := strings.NewReplacer("2026-09-01T12:00:00+02:00", "", "2026-09-01T10:00:00Z", "", "2026-09-01", "")
		if found := date.FindAllString(asOf.Replace(string(text)), 3); found != nil {
			t.Errorf("%s holds %q", filepath.Base(path), found)
		}
		return nil
	})
	if err != nil || files < 10 {
		t.Fatal(files, err)
	}
}

func TestTheIndexEventBelongsToRelativeDates(t *testing.T) {
	for wrong, want := range map[string]string{
		"dates: relative":                        "needs the event from which days are counted",
		"dates: relative\nindex-event: nowhere":  `unknown event "nowhere"`,
		"dates: shift\nindex-event: index":       "is for dates: relative only",
		"dates: backwards\nindex-event: nowhere": "not a date mode",
	} {
		text, err := os.ReadFile("../configs/psma-registry/study.yaml")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("../configs/psma-registry")); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "study.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), "dates: none", wrong, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := pipeline.LoadStudy(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestMovedDaysAreRefusedWherePeopleEnterTrueOnes(t *testing.T) {
	s := newSite(t, 1, 3)
	for _, mode := range []string{"shift", "relative\nindex-event: index"} {
		parts := openParts(t, variant(t, "dates: none", "dates: "+mode), s.folder)
		target := &liveTarget{}
		receives(parts.Study, target.Name())
		parts.Targets = append(parts.Targets, target)
		outcome, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(parts.Study.Zone)})
		if !errors.Is(err, pipeline.ErrMovedDates) || target.asked || outcome.Tally.Patients != 0 {
			t.Errorf("%s: %v after %d patients", mode, err, outcome.Tally.Patients)
		}
	}
}
