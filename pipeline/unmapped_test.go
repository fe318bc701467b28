package pipeline_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
)

// withSexMap is the example study whose map of sexes is as given.
func withSexMap(t *testing.T, sexes string) *pipeline.Study {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../configs/psma-registry")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "mapping.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `  sex: {male: "1", female: "2", other: "3", unknown: "9"}`, "  sex: "+sexes, 1)
	if changed == string(text) {
		t.Fatal("the example study has another map of sexes")
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	study, findings, err := pipeline.LoadStudy(filepath.Join(dir, "study.yaml"))
	if err != nil {
		t.Fatal(findings)
	}
	study.State = t.TempDir()
	return study
}

func TestAnUnknownCodeIsAProblemOfEveryRunWhereTheMapSaysSo(t *testing.T) {
	s := newSite(t, 3, 60)
	sex := pipeline.Slot{Form: "demographics", Item: "sex"}
	for _, c := range []struct {
		unmapped string
		problem  bool
	}{{"missing", false}, {"error", true}} {
		parts := openParts(t, withSexMap(t, `{codes: {female: "2"}, unmapped: `+c.unmapped+`}`), s.folder)
		for range 2 { // the second run computes nothing, and has the problem still
			outcome := mustRun(t, parts)
			unknown := outcome.Tally.Matrix[sex].Missing[ecrf.Unmapped]
			if unknown == 0 {
				t.Fatal("no man in the data")
			}
			want := 0
			if c.problem {
				want = unknown
			}
			if got := outcome.Tally.Problems(); got != want || got > 0 && outcome.Complete() {
				t.Errorf("unmapped: %s: %d cells, %d problems, complete %v", c.unmapped, unknown, got, outcome.Complete())
			}
		}
	}
}
