package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/report"
	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/telemetry"
)

// remembered is how many runs are looked through for the last one of a study that came to its end.
const remembered = 50

// scrapePatience is how long a scrape waits for the databases of shards.
const scrapePatience = 5 * time.Second

// watch prepares metrics and traces: metrics go on from what the book knows.
func (d *daemon) watch(ctx context.Context, plan schedule.Plan) (err error) {
	d.metrics, d.traces = telemetry.NewMetrics(version(), func() []schedule.Standing { return d.nights.Standings() }), &telemetry.Traces{}
	d.metrics.Shards(d.shards)
	if d.config.Traces != "" {
		if d.traces, err = telemetry.NewTraces(ctx, d.config.Traces, version()); err != nil {
			return err
		}
	}
	for _, j := range plan.Jobs {
		last, run, err := d.lastDone(ctx, j.Name)
		if err != nil {
			return err
		}
		if last != nil {
			d.metrics.Known(j.Name, last.Ended)
			d.memory.done[j.Name] = last.Ended
		}
		if run != nil {
			d.metrics.Report(*run)
			d.memory.last[j.Name] = numbersOf(*run)
		}
	}
	d.nights.Ended = d.ended
	return nil
}

// shards tells how the runs stand that are computed together with workers. A database that does not answer tells nothing.
func (d *daemon) shards() (all []telemetry.Shards) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	for study, station := range d.stations {
		n, err := station.Standing(ctx)
		if err != nil {
			d.log.Warn("how the shards stand is not told", "study", study, "error", err.Error())
			continue
		}
		all = append(all, telemetry.Shards{
			Study: study, Waiting: n.Waiting, Running: n.Running, Done: n.Done, GivenUp: n.GivenUp, Oldest: n.Oldest, Workers: n.Workers, Lost: n.Lost,
		})
	}
	return all
}

// lastDone returns a study's last run that came to its end, with its report; nil for none.
func (d *daemon) lastDone(ctx context.Context, study string) (*schedule.Run, *report.Run, error) {
	runs, err := d.book.Runs(ctx, study, remembered)
	if err != nil {
		return nil, nil, err
	}
	for i := range runs {
		if runs[i].State != schedule.Done {
			continue
		}
		text, err := d.book.Report(ctx, runs[i].ID)
		if err != nil {
			return nil, nil, err
		}
		var told report.Run
		if text == nil || json.Unmarshal(text, &told) != nil { // of an older version: then the next run tells
			return &runs[i], nil, nil
		}
		return &runs[i], &told, nil
	}
	return nil, nil, nil
}

// requested tells monitoring of a request of a study's run.
func (d *daemon) requested(study string, o wire.Observed) {
	d.metrics.Requested(o)
	if !o.Certificate.IsZero() {
		d.expires(study, o.Host, "certificate", o.Certificate)
	}
}

// waitsOf counts what waits for a person.
func waitsOf(o *pipeline.Outcome) telemetry.Waits {
	t := &o.Tally
	return telemetry.Waits{Tasks: t.Tasks, Overdue: t.Overdue, Withdrawals: t.Withdrawn.Waiting + t.Withdrawn.Failed}
}

// expiries tells when what a study shows to its servers is over. What cannot be read the run itself complains of.
func (d *daemon) expiries(study *pipeline.Study) {
	tell := func(of, url string, auth pipeline.AuthSpec) {
		options, err := server(url, auth)
		if err != nil {
			return
		}
		all, _ := options.Expiries()
		for _, x := range all {
			d.expires(study.ID, of, x.What, x.At)
		}
	}
	for _, s := range study.Sources {
		if s.URL != "" {
			tell("source "+s.Name, s.URL, s.Auth)
		}
	}
	if c := study.Consents; c != nil {
		tell("consents gICS", c.URL, c.Auth)
	}
	if n := study.Numbers; n != nil {
		tell("numbers "+n.From, n.URL, n.Auth)
	}
}
