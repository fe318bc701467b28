package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/cmd/crflink/collector"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/report"
	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/telemetry"
)

// load reads the configuration and all its studies, and makes a plan of them.
func (d *daemon) load(file string) (config *operation.Config, plan schedule.Plan, err error) {
	if config, err = operation.Load(file); err != nil {
		return nil, plan, invalid(err)
	}
	plan = schedule.Plan{Zone: config.Zone, Blackouts: config.Blackouts, AtOnce: config.AtOnce}
	names, states := map[string]bool{}, map[string]bool{}
	for _, n := range config.Nights {
		study, _, err := pipeline.LoadStudy(n.Study)
		if err != nil {
			return nil, plan, invalid(err)
		}
		if names[study.ID] || states[study.State] {
			return nil, plan, fmt.Errorf("%s: another study of the configuration has the same id or state folder", n.Study)
		}
		names[study.ID], states[study.State] = true, true
		job, err := d.job(config, n, study)
		if err != nil {
			return nil, plan, err
		}
		plan.Jobs = append(plan.Jobs, job)
	}
	return config, plan, nil
}

// invalid gives findings in configuration their exit code.
func invalid(err error) error {
	var list finding.List
	if errors.As(err, &list) {
		return coded{exitInvalid, list}
	}
	return err
}

func (d *daemon) job(config *operation.Config, n operation.Night, study *pipeline.Study) (schedule.Job, error) {
	spec, zone := n.Schedule, config.Zone
	if spec == "" {
		spec, zone = study.Schedule, study.Zone
	}
	if spec == "" {
		return schedule.Job{}, fmt.Errorf("%s says no schedule, and neither does the configuration: when is it due?", n.Study)
	}
	times, err := schedule.Parse(spec, zone)
	if err != nil {
		return schedule.Job{}, coded{exitInvalid, fmt.Errorf("%s: %w", n.Study, err)}
	}
	return schedule.Job{
		Name: study.ID, Schedule: times, Priority: n.Priority, Jitter: n.Jitter, Each: n.Each, Keep: config.Keep,
		Run: func(ctx context.Context, r schedule.Run) schedule.Result { return d.night(ctx, n, study.ID, r) },
	}, nil
}

// watched is the progress of a run that nobody but monitoring watches.
type watched struct{ *telemetry.Watch }

func (w watched) done() { w.Done() }

// night does a run of a study. Its files are read anew each time: enrolment lists change by the day.
func (d *daemon) night(ctx context.Context, n operation.Night, id string, r schedule.Run) (result schedule.Result) {
	ctx, watch := d.traces.Run(ctx, r, func(o wire.Observed) { d.requested(id, o) })
	defer func() { watch.End(result) }()
	defer collector.Release()
	study, findings, err := pipeline.LoadStudy(n.Study)
	if err == nil && study.ID != id {
		err = fmt.Errorf("%s is now study %q, not %q: read the configuration again", n.Study, study.ID, id)
	}
	if err != nil {
		return failed(invalid(err))
	}
	d.expiries(study)
	for _, f := range findings {
		d.log.Warn("the study's files", "study", id, "finding", f.String())
	}
	asOf := r.Due.In(study.Zone) // the same for each attempt, so that one goes on where the last one stopped
	if past(asOf, study.Zone) {
		asOf = time.Now().In(study.Zone)
	}
	f := syncFlags{station: d.stations[study.ID]}
	outcome, err := runStudy(ctx, study, asOf, &f, watched{watch})
	if err != nil {
		return judge(ctx, n, r, err)
	}
	_, handed := reports(study, outcome, asOf, f)
	result = schedule.Result{State: schedule.Done, Exit: handed.Verdict.Exit}
	d.metrics.Report(handed)
	d.metrics.Waits(id, waitsOf(outcome))
	d.compare(id, handed, outcome)
	var text bytes.Buffer
	if err := report.WriteJSON(&text, handed); err != nil {
		result.Note = "its report could not be written: " + err.Error()
		return result
	}
	result.Report = text.Bytes()
	return retried(n, r, outcome, result)
}

// retried lets a night be tried again in which a source among several did not answer.
func retried(n operation.Night, r schedule.Run, outcome *pipeline.Outcome, result schedule.Result) schedule.Result {
	for _, s := range outcome.Tally.Silent() {
		result.Note = "source " + s.Alias + " did not answer"
		if r.Attempt <= n.Retries {
			result.State, result.Again = schedule.Waiting, n.RetryAfter
		}
	}
	return result
}

// busyPause is how long a night waits for a run of the study that somebody else does.
const busyPause = 5 * time.Minute

// judge says what becomes of a run that did not come to its end. Only what may pass by itself is tried again.
func judge(ctx context.Context, n operation.Night, r schedule.Run, err error) schedule.Result {
	result := failed(err)
	var limit *pipeline.LimitError
	switch {
	case ctx.Err() != nil:
		result.State = schedule.Waiting
	case errors.Is(err, errUnderWay):
		result.State, result.Again = schedule.Waiting, busyPause
	case errors.As(err, &limit):
		result.Limit = true
	case result.Exit != exitServer, errors.Is(err, authorisation.ErrRefused):
	case r.Attempt <= n.Retries:
		result.State, result.Again = schedule.Waiting, n.RetryAfter
	}
	return result
}

// longestNote bounds what the book repeats of an error.
const longestNote = 2000

func failed(err error) schedule.Result {
	var text bytes.Buffer
	code := conclude(&text, err)
	note, _ := io.ReadAll(io.LimitReader(&text, longestNote)) // a buffer's reading cannot fail
	return schedule.Result{State: schedule.Failed, Exit: code, Note: string(bytes.TrimSpace(note))}
}
