package river

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/store/database"
)

//go:embed migrations
var migrations embed.FS

// Options say how a process takes part.
type Options struct {
	AtOnce   int           // shards that this process computes side by side
	AtSource int           // shards that all processes together compute side by side of one server
	Attempts int           // of a shard, before it is given up
	Beat     time.Duration // how often an attempt says that it is at work
	Silence  time.Duration // after which an attempt that says nothing is given to somebody else
	Poll     time.Duration // how often a leader looks
	Patience time.Duration // how long a leader does without the database
	Shard    time.Duration // after which an attempt begins no further subject, and leaves the rest of its shard to others
	Program  string        // version; only the same one computes for a run
	// Open opens the study to work for a run that another process leads.
	Open func(context.Context) (Guest, error)
	Log  *slog.Logger
}

// usualPoll is how often a leader looks; nextShard how soon a process that has finished a shard asks for another.
const (
	usualPoll = 200 * time.Millisecond
	nextShard = 10 * time.Millisecond
)

// Usual settings. An attempt that says nothing for a minute is dead, stopped, or cut off.
func (o Options) usual() Options {
	set := func(d *time.Duration, usual time.Duration) {
		if *d == 0 {
			*d = usual
		}
	}
	set(&o.Beat, 10*time.Second)
	set(&o.Silence, time.Minute)
	set(&o.Poll, usualPoll)
	set(&o.Patience, 2*time.Minute)
	set(&o.Shard, 30*time.Second)
	o.AtOnce, o.AtSource = max(1, o.AtOnce), max(1, o.AtSource)
	if o.Attempts == 0 {
		o.Attempts = 3
	}
	return o
}

// Guest is a study that was opened to work for a run that another process leads.
type Guest struct {
	pipeline.Parts
	Close func() error
}

// Together is a ledger in PostgreSQL, as store has it.
type Together interface {
	ecrf.Ledger
	Together(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error
}

// Station is what a process is to the distribution of one study's runs.
type Station struct {
	options Options
	schema  string
	pool    *pgxpool.Pool
	client  *river.Client[pgx.Tx]
	server  string       // of the study's source
	id      string       // of this process, by chance
	away    func()       // ends what Start began beside the jobs
	lost    atomic.Int64 // shards that were given up

	hearing sync.Mutex // of calls; it is taken before mu

	mu     sync.Mutex
	bench  map[atWork]*bench // by run and epoch
	called int64             // of the newest run that this process has called for
	heard  int64             // newest call; -1 before any was looked at
	ahead  *ahead            // of the newest call; nil when it is used or there is none
}

// Open opens the study's schema, which the ledger has made, and makes the tables of the distribution if need be. Nothing is worked
// off before Start.
func Open(ctx context.Context, p store.Place, study *pipeline.Study, o Options) (*Station, error) {
	s := &Station{options: o.usual(), schema: p.Schema, server: study.Sources[0].URL, id: rand.Text(), away: func() {}, bench: map[atWork]*bench{}, heard: -1}
	if err := s.connect(ctx, p); err != nil {
		return nil, fmt.Errorf("the distribution of shards: %w", err)
	}
	return s, nil
}

func (s *Station) connect(ctx context.Context, p store.Place) error {
	base, err := p.Config("crflink shards")
	if err != nil {
		return err
	}
	base.RuntimeParams["search_path"] = pgx.Identifier{p.Schema}.Sanitize()
	base.RuntimeParams[store.StandsStill] = store.StandingStill
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		return err
	}
	config.ConnConfig = base
	config.MaxConns = int32(min(100, 2*s.options.AtOnce+6)) // #nosec G115 -- for each shard its slot and its beat, and what River needs
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		s.pool.Close()
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{station: s})
	s.client, err = river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		Schema: p.Schema, Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.options.AtOnce}}, FetchOnlyKnownKinds: true,
		FetchCooldown: nextShard, MaxAttempts: s.options.Attempts, RetryPolicy: soon{}, JobTimeout: -1, Logger: slog.New(warnings{s.options.Log.Handler()}).With("part", "queue"),
		CompletedJobRetentionPeriod: time.Hour, DiscardedJobRetentionPeriod: time.Hour, CancelledJobRetentionPeriod: time.Hour,
	})
	if err != nil {
		s.pool.Close()
	}
	return err
}

// warnings leaves out what River tells of its daily work.
type warnings struct{ slog.Handler }

// Enabled reports whether it is a warning or worse.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs adds attributes.
func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }

// WithGroup adds a group.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// migrate brings River's tables and our own up to date. Several processes may do so at once.
func (s *Station) migrate(ctx context.Context) error {
	db := stdlib.OpenDBFromPool(s.pool)
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	own, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithTableName("shard_migration"))
	if err != nil {
		return err
	}
	if err := database.Up(ctx, own); err != nil {
		return err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(s.pool), &rivermigrate.Config{Schema: s.schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { // which only holds the lock: River's migrations are transactions of their own
		if _, err := tx.Exec(ctx, "LOCK TABLE shard_migration"); err != nil {
			return err
		}
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
}

// Start begins to work off jobs.
func (s *Station) Start(ctx context.Context) error {
	if err := s.client.Start(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	watching := make(chan struct{})
	go func() { defer close(watching); s.watch(ctx) }()
	s.away = func() { stop(); <-watching }
	return nil
}

// Stop takes no job any more and waits for those under way; when ctx ends they are given up, and done by somebody else.
func (s *Station) Stop(ctx context.Context) error {
	s.away()
	err := s.client.Stop(ctx)
	if err != nil {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = s.client.StopAndCancel(hard)
	}
	return err
}

// Close closes all that the station has opened.
func (s *Station) Close() error {
	s.away()
	ctx, cancel := context.WithTimeout(context.Background(), giveBackTimeout)
	defer cancel()
	_ = s.leave(ctx) // or it is forgotten later
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, b := range s.bench {
		errs = append(errs, b.close())
	}
	s.bench = map[atWork]*bench{}
	s.pool.Close()
	return errors.Join(errs...)
}

// soon is when a job that failed is tried again.
type soon struct{}
