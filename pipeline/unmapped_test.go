package pipeline_test

import (
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
)

// withSexMap is the example study whose map of sexes is as given.
func withSexMap(t *testing.T, sexes string) *pipeline.Study {
	t.Helper()
	study, findings, err := changedStudy(t, "mapping.yaml", `  sex: {male: "1", female: "2", other: "3", unknown: "9"}`, "  sex: "+sexes)
	if err != nil {
		t.Fatal(findings)
	}
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
