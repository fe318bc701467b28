package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/schedule/river"
)

// syncFlags are the flags of crflink sync.
type syncFlags struct {
	asOf         string
	full, dryRun bool
	budget       time.Duration
	replay, json bool
	html         string
	workers      string // configuration of those who compute with this process

	station *river.Station // nil where this process computes alone
	goesOn  bool           // with a run of the same day that did not come to its end
	began   time.Time      // the as-of of the run that is gone on with; zero for a new one

	head   audit.Head    // of the audit, when the run was over
	missed *audit.Missed // what its log lacked before
}

func syncCommand() *cobra.Command {
	var f syncFlags
	cmd := &cobra.Command{
		Use:   "sync STUDY.yaml",
		Short: "The main job: consent, de-identification, mapping, delivery",
		Long: `Reads the study's source, decides every patient's consent, computes the permitted subjects' casebooks and delivers them.
Running again at one as-of writes nothing. An interrupted run is finished by running again.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return syncStudy(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.asOf, "as-of", "", "date or RFC 3339 instant for which consent is decided and the casebook computed (default now, or that of a run of today that did not come to its end)")
	flags.BoolVar(&f.full, "full", false, "compute every subject, also those whose data have not changed")
	flags.DurationVar(&f.budget, "budget", 0, "time after which no more subjects are begun, such as 4h: the run stops, and is gone on with")
	flags.BoolVar(&f.dryRun, "dry-run", false, "compute and count, but store and deliver nothing; live targets are read, and each cell that would change there is listed")
	flags.StringVar(&f.workers, "workers", "", "configuration of crflink serve, whose workers compute the run together with this process")
	flags.BoolVar(&f.replay, "replay", false, "store and deliver although --as-of lies in the past")
	flags.BoolVar(&f.json, "json", false, "write the report as JSON to standard output")
	flags.StringVar(&f.html, "html", "", "write the report as a self-contained HTML file")
	return cmd
}

func syncStudy(cmd *cobra.Command, file string, f syncFlags) (failed error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	asOf, err := parseAsOf(f.asOf, study.Zone)
	if err != nil {
		return err
	}
	if past(asOf, study.Zone) && !f.replay && !f.dryRun {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "--as-of lies in the past: nothing is stored or delivered (add --replay to do so)")
		f.dryRun = true
	}
	if f.workers != "" && !f.dryRun {
		end, err := f.join(cmd, study)
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, end()) }()
	}
	f.goesOn = f.asOf == "" && !f.dryRun
	progress := newProgress(cmd.ErrOrStderr())
	outcome, err := runStudy(cmd.Context(), study, asOf, &f, progress)
	if err != nil {
		return err
	}
	if !f.began.IsZero() {
		asOf = f.began
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "went on with the run as of %s, which had not come to its end\n", asOf.Format(time.RFC3339))
	}
	return show(cmd, study, outcome, asOf, f)
}

// join has the study's workers compute with this process.
func (f *syncFlags) join(cmd *cobra.Command, study *pipeline.Study) (end func() error, err error) {
	config, err := operation.Load(f.workers)
	if err != nil {
		return nil, invalid(err)
	}
	all := stations{}
	if err := all.open(cmd.Context(), config.Workers, study, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
		return nil, err
	}
	f.station = all[study.ID]
	return func() error {
		soft, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), config.SoftStop)
		defer cancel()
		return all.close(soft)
	}, nil
}

// runStudy opens a study, does a run and closes it again.
func runStudy(ctx context.Context, study *pipeline.Study, asOf time.Time, f *syncFlags, progress progress) (*pipeline.Outcome, error) {
	if !f.dryRun { // an as-of in the past does not bring back an authorisation that is over
		if err := study.Authorisation.On(fhir.DayOf(time.Now().In(study.Zone))); err != nil {
			return nil, coded{exitServer, err}
		}
	}
	o, err := open(ctx, study)
	if err != nil {
		return nil, err
	}
	if !f.dryRun {
		o.rememberFiles(f.full)
	}
	if f.goesOn {
		begun, unfinished, err := pipeline.Unfinished(ctx, o.Ledger, study, asOf)
		if err != nil {
			return nil, errors.Join(err, o.Close())
		}
		if unfinished {
			asOf, f.began = begun, begun
		}
	}
	o.Clock = time.Now
	o.Progress = progress
	if f.station != nil {
		o.Workshop = f.station.Lead()
	}
	outcome, runErr := pipeline.Run(ctx, o.Parts, pipeline.Options{
		AsOf: asOf, Full: f.full, DryRun: f.dryRun, Workers: streams(study), Program: version(), Budget: f.budget,
	})
	progress.done()
	var headErr error
	f.missed = o.Audit.Missed()
	f.head, headErr = o.Audit.Head(ctx)
	if runErr != nil { // its reason goes before what the end of the context did to the audit
		headErr = nil
	}
	if err := errors.Join(stopped(ctx, runErr), headErr, o.Close()); err != nil {
		return nil, err
	}
	return outcome, nil
}

// streams is how many subjects are worked on at the same time: as many as there are processors, and more where a server lets one wait.
func streams(study *pipeline.Study) int {
	n := runtime.GOMAXPROCS(0)
	for _, s := range study.Sources {
		if s.URL != "" {
			n = max(n, streamsOfServer)
		}
	}
	return n
}

// streamsOfServer is how many patients are asked for side by side. A server that has too much to do is asked for fewer.
const streamsOfServer = 8

// past reports whether the as-of lies before today.
func past(asOf time.Time, zone *time.Location) bool {
	y, m, d := time.Now().In(zone).Date()
	return asOf.Before(time.Date(y, m, d, 0, 0, 0, 0, zone))
}

// stopped says why a run ended early, and what to do.
func stopped(ctx context.Context, err error) error {
	var limit *pipeline.LimitError
	var budget *pipeline.BudgetError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pipeline.ErrOldJournal):
		return coded{exitUsage, err}
	case errors.Is(err, pipeline.ErrUnprotected):
		return coded{exitUsage, err}
	case errors.Is(err, authorisation.ErrRefused):
		return coded{exitServer, err}
	case errors.As(err, &budget):
		return coded{exitServer, fmt.Errorf("%w; running again on the same day goes on from there (later, or by a script: --as-of %s)", budget, budget.AsOf.Format(time.RFC3339Nano))}
	case errors.As(err, &limit):
		return coded{exitServer, limit}
	case ctx.Err() != nil:
		return coded{exitServer, errors.New("interrupted: what was finished is stored, and running again goes on from there")}
	}
	return coded{exitServer, fmt.Errorf("the run stopped; running again goes on from there: %w%s", err, hint(err))}
}

// hint is what a person can look at when a server gives no answer.
func hint(err error) string {
	var name *net.DNSError
	for _, e := range []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH} {
		if errors.Is(err, e) {
			return " (is the server running, and is its address in the study file right?)"
		}
	}
	if errors.As(err, &name) {
		return " (is the server's name in the study file right?)"
	}
	return ""
}

// loadStudy reads a study file and shows its warnings.
func loadStudy(cmd *cobra.Command, file string) (*pipeline.Study, error) {
	study, findings, err := pipeline.LoadStudy(file)
	if err != nil {
		var list finding.List
		if errors.As(err, &list) {
			return nil, coded{exitInvalid, list}
		}
		return nil, err
	}
	if err := findings.Render(cmd.ErrOrStderr(), sourceText); err != nil {
		return nil, err
	}
	return study, nil
}
