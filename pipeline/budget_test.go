package pipeline_test

import (
	"errors"
	"testing"
	"time"

	"github.com/crflink/crflink/pipeline"
)

// TestARunWhoseTimeIsUsedUpStopsAndIsGoneOnWith gives each run time for some shards only, some of which are computed in parts, by a clock that moves when it is looked at.
func TestARunWhoseTimeIsUsedUpStopsAndIsGoneOnWith(t *testing.T) {
	s := newSite(t, 5, 40)
	calm := openParts(t, exampleStudy(t), s.folder)
	mustRun(t, calm)
	study := exampleStudy(t)
	copyVault(t, calm.Study.State, study.State)
	parts := openParts(t, study, s.folder)
	now := time.Unix(0, 0)
	parts.Clock = func() time.Time { now = now.Add(time.Minute); return now }
	left, runs := 1000, 0
	for {
		runs++
		_, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone), Workers: 8, Budget: 15 * time.Minute})
		if err == nil {
			break
		}
		var budget *pipeline.BudgetError
		if !errors.As(err, &budget) || !budget.AsOf.Equal(asOfTruth(study.Zone)) || budget.Left >= left {
			t.Fatalf("the run stopped: %v, %d subjects were left before", err, left)
		}
		for when, want := range map[time.Duration]bool{0: true, time.Hour: true, 24 * time.Hour: false, -time.Minute: false} {
			asOf, ok, err := pipeline.Unfinished(t.Context(), parts.Ledger, study, asOfTruth(study.Zone).Add(when))
			if err != nil || ok != want || ok && !asOf.Equal(asOfTruth(study.Zone)) {
				t.Errorf("%s later the run is gone on with: %t, as of %s, %v", when, ok, asOf, err)
			}
		}
		left = budget.Left
	}
	if runs < 3 {
		t.Errorf("it took %d runs", runs)
	}
	if want, got := casebook(t, calm), casebook(t, parts); got != want {
		t.Error(firstDifference(want, got))
	}
	if _, ok, err := pipeline.Unfinished(t.Context(), parts.Ledger, study, asOfTruth(study.Zone)); ok || err != nil {
		t.Errorf("a run that came to its end is gone on with: %v", err)
	}
}
