package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/crflink/crflink/cmd/crflink/collector"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/schedule/river"
	"github.com/crflink/crflink/store"
)

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker CONFIG.yaml",
		Short: "Compute shards of runs that other processes lead, until it is told to stop",
		Long: `Works for the studies of a configuration of crflink serve whose ledger is in PostgreSQL and whose source is a FHIR server's search: their
runs are led by crflink serve, or by crflink sync with --workers, on this or another host, and computed by all workers together.
SIGTERM: no shard is begun any more, those under way are finished; a second one gives them to other workers.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return work(cmd, args[0]) },
	}
}

// work works until the first signal, and heeds the second.
func work(cmd *cobra.Command, file string) (err error) {
	log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
	second := make(chan os.Signal, 1)
	config, err := operation.Load(file)
	if err != nil {
		return invalid(err)
	}
	s, err := openStations(cmd.Context(), config, log)
	if err != nil {
		return err
	}
	if len(s) == 0 {
		return errors.New("no study of the configuration can be computed by several processes: it needs a ledger in PostgreSQL, and a source that is a FHIR server's search")
	}
	log.Info("crflink works", "version", version(), "studies", len(s))
	<-cmd.Context().Done()
	signal.Notify(second, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(second)
	log.Info("no shard is begun any more; those under way go on", "at most", config.SoftStop.String())
	soft, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), config.SoftStop)
	defer cancel()
	go func() {
		select {
		case <-second:
			cancel()
		case <-soft.Done():
		}
	}()
	err = s.close(soft)
	log.Info("crflink ends")
	return withCode(exitServer, err)
}

// stations are what this process is to the distribution of the studies' runs, by study.
type stations map[string]*river.Station

// openStations takes part in every study of a configuration whose shards may be computed by several processes.
func openStations(ctx context.Context, config *operation.Config, log *slog.Logger) (s stations, err error) {
	s = stations{}
	for _, n := range config.Nights {
		study, _, err := pipeline.LoadStudy(n.Study)
		if err == nil {
			err = s.open(ctx, config.Workers, study, log)
		}
		if err != nil {
			return nil, errors.Join(invalid(err), s.close(ctx))
		}
	}
	return s, nil
}

// open takes part in one study, and says why it does not.
func (s stations) open(ctx context.Context, w *operation.Workers, study *pipeline.Study, log *slog.Logger) error {
	why := study.Portable()
	if study.Ledger == nil {
		why = errors.New("its ledger is a file")
	}
	if why != nil {
		log.Warn("the study's shards are computed by the process that leads its run", "study", study.ID, "because", why.Error())
		return nil
	}
	station, err := openStation(ctx, w, study, log.With("study", study.ID))
	if err != nil {
		return coded{exitServer, err}
	}
	if err := station.Start(context.WithoutCancel(ctx)); err != nil {
		return coded{exitServer, errors.Join(err, station.Close())}
	}
	s[study.ID] = station
	return nil
}

// openStation makes the study's ledger first, in whose schema the rest lies.
func openStation(ctx context.Context, w *operation.Workers, study *pipeline.Study, log *slog.Logger) (*river.Station, error) {
	if w == nil {
		w = operation.UsualWorkers()
	}
	place, err := ledgerPlace(study.Ledger)
	if err != nil {
		return nil, err
	}
	ledger, err := store.OpenPostgres(ctx, place, study.Dictionary)
	if err != nil {
		return nil, err
	}
	if err := ledger.Close(); err != nil {
		return nil, err
	}
	return river.Open(ctx, place, study, river.Options{
		AtOnce: w.AtOnce, AtSource: w.AtSource, Attempts: w.Attempts, Beat: w.Silence / 6, Silence: w.Silence, Patience: w.Patience, Shard: w.Shard,
		Program: version(), Log: log,
		Open: func(ctx context.Context) (river.Guest, error) { return openGuest(ctx, study.File) },
	})
}

// close stops and closes all stations, side by side.
func (s stations) close(soft context.Context) error {
	ended := make(chan error)
	for _, station := range s {
		go func() { ended <- errors.Join(station.Stop(soft), station.Close()) }()
	}
	var errs []error
	for range s {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// openGuest opens a study to work for a run that another process leads: its files as they are now, its own connections, and neither
// targets nor the journal, which are the leader's.
func openGuest(ctx context.Context, file string) (river.Guest, error) {
	study, _, err := pipeline.LoadStudy(file)
	if err != nil {
		return river.Guest{}, err
	}
	o := &opened{Parts: pipeline.Parts{Study: study, Progress: unwatched{}, Clock: time.Now}}
	for _, step := range []func(context.Context) error{o.unretired, o.source, o.vaultOfRun, o.ledger, o.audit, o.entered, o.pacs} {
		if err := step(ctx); err != nil {
			return river.Guest{}, errors.Join(err, o.Close())
		}
	}
	done := func() error {
		defer collector.Release()
		return o.Close()
	}
	return river.Guest{Parts: o.Parts, Close: done}, nil
}

// vaultOfRun opens the vault, which the process that leads the run has made.
func (o *opened) vaultOfRun(ctx context.Context) error {
	rows, _, err := o.knownVault(ctx)
	if err != nil && rows != nil {
		err = fmt.Errorf("the vault is not the one of the run: %w", err)
	}
	return err
}

// unwatched is the progress of work that another process counts.
type unwatched struct{}

func (unwatched) Stage(string, int) {}
func (unwatched) Add(int)           {}
