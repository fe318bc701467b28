package ndjson_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
)

func TestFilesThatAreStillBeingWrittenAreNotReadAndTold(t *testing.T) {
	half := obs("half", "Patient/a")[:30]
	got, rejected := records(t, ndjson.Options{}, folder(t, map[string]string{
		"2026-09-01/Patient.ndjson": alice, "2026-09-01/Observation.ndjson.gz": zipped(obs("o1", "Patient/a") + "\n" + obs("o2", "Patient/a")),
		"2026-09-02/Observation.ndjson":       obs("o3", "Patient/a"),
		"2026-09-02/Consent.ndjson.part":      half,
		"2026-09-02/Condition.ndjson.gz.tmp":  half,
		"2026-09-02/Encounter.JSON.filepart":  half,
		"2026-09-02/.Procedure.ndjson.Xy12Za": half,
		"2026-09-02/.hidden":                  half, "2026-09-02/notes.txt": half, "2026-09-02/README.tmp": half,
	}))
	wantRecords(t, got, map[string]string{"a": "Patient/a Observation/o1 Observation/o2 Observation/o3"})
	if len(rejected) != 4 {
		t.Errorf("%d files are told of, want 4: %v", len(rejected), rejected)
	}
	for _, r := range rejected {
		if !strings.Contains(r.Reason, "still being written") || strings.Contains(r.Origin.Source, "2026-09-02") {
			t.Errorf("%v", r)
		}
	}
}

// TestAFileThatGrowsWhileItIsReadEndsTheRun has a hospital write behind the reader's back.
func TestAFileThatGrowsWhileItIsReadEndsTheRun(t *testing.T) {
	dir := folder(t, map[string]string{"a.ndjson": alice + "\n" + obs("o1", "Patient/a") + "\n"})
	path := filepath.Join(dir, "a.ndjson")
	grown := false
	err := ndjson.Each(t.Context(), []string{dir}, ndjson.Options{}, func(*fhir.Resource) error {
		if grown {
			return nil
		}
		grown = true
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = file.WriteString(obs("o2", "Patient/a") + "\n")
		return err
	}, func(r fhir.Rejected) { t.Error(r) })
	if err == nil || !strings.Contains(err.Error(), "still being written") || strings.Contains(err.Error(), "a.ndjson") {
		t.Errorf("%v", err)
	}
}
