package main

import (
	"errors"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/schedule"
)

func TestANightInWhichASourceWasSilentIsTriedAgainAsOftenAsOneThatFailed(t *testing.T) {
	night := operation.Night{Retries: 1, RetryAfter: time.Minute}
	done := schedule.Result{State: schedule.Done, Exit: exitServer}
	whole := &pipeline.Outcome{Tally: pipeline.Tally{Sources: []fhir.PartState{{Alias: "north"}, {Alias: "south"}}}}
	if got := retried(night, schedule.Run{Attempt: 1}, whole, done); got.State != schedule.Done || got.Note != "" {
		t.Errorf("every source answered: %+v", got)
	}
	silent := &pipeline.Outcome{Tally: pipeline.Tally{Sources: []fhir.PartState{{Alias: "north"}, {Alias: "south", Silent: errors.New("away")}}}}
	if got := retried(night, schedule.Run{Attempt: 1}, silent, done); got.State != schedule.Waiting || got.Again != time.Minute || got.Note != "source south did not answer" {
		t.Errorf("the first attempt: %+v", got)
	}
	if got := retried(night, schedule.Run{Attempt: 2}, silent, done); got.State != schedule.Done || got.Exit != exitServer || got.Note == "" {
		t.Errorf("the last attempt: %+v", got)
	}
}
