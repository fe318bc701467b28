package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/notice"
	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/store/book"
	"github.com/crflink/crflink/telemetry"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve CONFIG.yaml",
		Short: "Run studies every night, until it is told to stop",
		Long: `Runs the studies of the configuration when they are due, each night once. SIGTERM: no run begins any more, those under way
go on for a while; a second one stops them. SIGHUP reads the configuration again; one with mistakes changes nothing.
crflink jobs and crflink status speak with it through a socket in its state folder.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return serve(cmd, args[0]) },
	}
}

// daemon is the program that runs studies every night.
type daemon struct {
	config  *operation.Config
	book    *book.Book
	nights  *schedule.Scheduler
	log     *slog.Logger
	metrics *telemetry.Metrics
	traces  *telemetry.Traces
	desk    *notice.Desk
	drop    int // the loss in percent from which people are told
	memory  *memory
	started time.Time
	reload  chan chan error

	stations stations // of studies whose runs are computed together with workers
	signals  chan os.Signal
}

func serve(cmd *cobra.Command, file string) (err error) {
	d := &daemon{log: slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil)), started: time.Now(), reload: make(chan chan error), signals: make(chan os.Signal, 4), memory: newMemory()}
	signal.Notify(d.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP) // first, or a SIGHUP would end the program
	defer signal.Stop(d.signals)
	config, plan, err := d.load(file)
	if err != nil {
		return err
	}
	d.config = config
	d.memory.plan(config, plan)
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if d.book, err = openBook(cmd.Context(), d.config); err != nil {
		return coded{exitServer, err}
	}
	defer func() { err = errors.Join(err, d.book.Close()) }()
	if d.config.Workers != nil {
		if d.stations, err = openStations(cmd.Context(), d.config, d.log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.stations.close(context.WithoutCancel(cmd.Context()))) }()
	}
	d.nights = schedule.New(d.book, plan, time.Now, d.log)
	if err := d.openDesk(); err != nil {
		return err
	}
	defer func() { d.desk.Close() }()
	if err := d.watch(cmd.Context(), plan); err != nil {
		return coded{exitServer, err}
	}
	defer func() { d.sendTraces() }()
	stopHTTP, err := d.listen(cmd.Context())
	if err != nil {
		return coded{exitServer, err}
	}
	defer func() { err = errors.Join(err, stopHTTP()) }()
	d.log.Info("crflink serves", "version", version(), "studies", len(plan.Jobs))
	return withCode(exitServer, d.run(cmd.Context(), file))
}

// run serves until the first signal, and heeds the second.
func (d *daemon) run(soft context.Context, file string) error {
	hard, stop := context.WithCancel(context.WithoutCancel(soft))
	guarding := make(chan struct{})
	go func() { defer close(guarding); d.guard(hard) }()
	defer func() { stop(); <-guarding }()
	done := make(chan error, 1)
	go func() { done <- d.nights.Serve(soft, hard) }()
	stopping, told := soft.Done(), 0
	var grace <-chan time.Time
	for {
		select {
		case err := <-done:
			d.log.Info("crflink ends")
			return err
		case <-stopping:
			d.log.Info("no run begins any more; those under way go on", "at most", d.config.SoftStop.String())
			stopping, grace = nil, time.After(d.config.SoftStop)
		case <-grace:
			stop()
		case s := <-d.signals:
			if s == syscall.SIGHUP {
				d.again(soft, file, nil)
			} else if told++; told > 1 { // the first one has ended soft
				d.log.Warn("runs under way are stopped; they begin again with the next start")
				stop()
			}
		case answer := <-d.reload:
			d.again(soft, file, answer)
		}
	}
}

// again reads the configuration again. A wrong one changes nothing.
func (d *daemon) again(ctx context.Context, file string, answer chan<- error) {
	config, plan, err := d.load(file)
	if err == nil && d.needsRestart(config) {
		err = errors.New("state, database, listen, workers, traces and notify are only read at the start: restart crflink serve")
	}
	if err == nil {
		err = d.nights.Replace(ctx, plan)
	}
	if err != nil {
		d.log.Error("the configuration was read again and stays as it was", "error", err.Error())
	} else {
		d.config = config
		d.memory.plan(config, plan)
		d.log.Info("the configuration was read again", "studies", len(plan.Jobs))
	}
	if answer != nil {
		answer <- err
	}
}

func (d *daemon) needsRestart(c *operation.Config) bool {
	old := d.config
	return old.State != c.State || !reflect.DeepEqual(old.Workers, c.Workers) || old.Listen != c.Listen || old.Traces != c.Traces ||
		!reflect.DeepEqual(old.Database, c.Database) || !reflect.DeepEqual(old.Notify, c.Notify)
}

// sendTraces sends what waits. That a collector is away is no failure of the program.
func (d *daemon) sendTraces() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := d.traces.Close(ctx); err != nil {
		d.log.Warn("the last traces could not be sent")
	}
}

// lock keeps a second program from serving out of one state folder.
func (d *daemon) lock() (unlock func() error, err error) {
	if err := os.MkdirAll(d.config.State, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the book of runs: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(d.config.State, "serve.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the folder of the book of runs: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { // #nosec G115 -- a file descriptor
		return nil, errors.Join(coded{exitServer, fmt.Errorf("another crflink serve is at work in %s", d.config.State)}, file.Close())
	}
	return file.Close, nil
}

func openBook(ctx context.Context, c *operation.Config) (*book.Book, error) {
	if c.Database == nil {
		return book.Open(ctx, filepath.Join(c.State, "serve.db"))
	}
	address, err := databaseAddress(c.Database.URL, c.Database.CA, c.Database.Password)
	if err != nil {
		return nil, err
	}
	return book.OpenPostgres(ctx, address)
}
