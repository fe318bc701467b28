package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/store/database"
	"github.com/crflink/crflink/store/postgres"
)

// Postgres is a Ledger in a schema of PostgreSQL. Several processes may change it at once, each with a Postgres of its own.
type Postgres struct {
	*Ledger
	run *sqlx.Conn // holds the lock of a run
}

// Place is a schema of PostgreSQL, which belongs to one study.
type Place struct {
	postgres.Address
	Schema string
}

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// OpenPostgres opens the ledger of the dictionary's study in a schema of PostgreSQL, and makes both where they are not there. A schema that
// belongs to another study is refused.
func OpenPostgres(ctx context.Context, p Place, d *ecrf.Dictionary) (*Postgres, error) {
	if d == nil {
		return nil, errNoDictionary
	}
	c, err := p.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("the ledger in PostgreSQL: %w", err)
	}
	l := &Ledger{connections: *c, dialect: server{}, dictionary: d}
	if err := l.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger in PostgreSQL: %w", err), l.dialect.close(c))
	}
	return &Postgres{Ledger: l}, nil
}

// Check reports what is wrong with the place as it is written. Nothing is sent.
func (p Place) Check() error {
	if !schemaName.MatchString(p.Schema) {
		return errors.New("a schema is named by at most 63 lower-case letters, digits and underscores")
	}
	_, err := p.Config("crflink ledger")
	return err
}

// Look connects to PostgreSQL, and changes nothing there.
func (p Place) Look(ctx context.Context) (database.Look, error) {
	l, err := database.LookAt(ctx, p.Address, "crflink ledger", p.Schema, "study")
	if err != nil {
		return l, fmt.Errorf("the ledger's PostgreSQL cannot be reached or entered: %w", err)
	}
	return l, nil
}

// connect makes the schema if need be, and brings it up to date.
func (p Place) connect(ctx context.Context) (*connections, error) {
	c, err := p.open()
	if err != nil {
		return nil, err
	}
	if err := p.create(ctx, c.durable); err != nil {
		return nil, errors.Join(err, server{}.close(c))
	}
	if err := migrate(ctx, c.durable); err != nil {
		return nil, errors.Join(err, c.write.Close(), c.read.Close())
	}
	return c, nil
}

// Settings by which the server ends a process's change of which nothing comes for so many milliseconds: the process is stopped, or its
// network is cut, and others wait for what it has locked. It is less than they wait.
const (
	StandsStill   = "idle_in_transaction_session_timeout"
	StandingStill = "10000"
)

// Settings of the server for the kinds of connections. Whatever it is configured to do, what must be on disk is.
var (
	later   = map[string]string{"synchronous_commit": "off", StandsStill: StandingStill}
	onDisk  = map[string]string{"synchronous_commit": "on", StandsStill: StandingStill}
	reading = map[string]string{
		"default_transaction_read_only":       "on",
		"statement_timeout":                   "600000",  // a whole table may be read
		"idle_in_transaction_session_timeout": "3600000", // while casebooks are delivered
	}
)

// open opens the pools. Nothing is sent before the first use.
func (p Place) open() (*connections, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	c := &connections{}
	for _, pool := range []struct {
		to       **sqlx.DB
		size     int
		settings map[string]string
	}{
		{&c.write, 1, later},
		{&c.durable, 3, onDisk}, // for a change, for words that it needs, for the lock of a run
		{&c.read, readers, reading},
	} {
		config, err := p.Config("crflink ledger")
		if err != nil {
			return nil, err
		}
		config.RuntimeParams["search_path"] = pgx.Identifier{p.Schema}.Sanitize()
		for name, value := range pool.settings {
			config.RuntimeParams[name] = value
		}
		db := sqlx.NewDb(stdlib.OpenDB(*config), "pgx")
		db.SetMaxOpenConns(pool.size)
		db.SetMaxIdleConns(pool.size)
		db.SetConnMaxIdleTime(time.Minute)
		*pool.to = db
	}
	return c, nil
}

// create makes the schema unless it is there: then the role needs no right to make any. Of several that make it at once the database refuses
// all but one, whatever IF NOT EXISTS says: they look again.
func (p Place) create(ctx context.Context, db *sqlx.DB) error {
	there, err := p.isThere(ctx, db)
	if err != nil || there {
		return err
	}
	_, err = db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{p.Schema}.Sanitize())
	if err == nil {
		return nil
	}
	if there, again := p.isThere(ctx, db); again == nil && there {
		return nil
	}
	return err
}

func (p Place) isThere(ctx context.Context, db *sqlx.DB) (there bool, err error) {
	err = db.GetContext(ctx, &there, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", p.Schema)
	return there, err
}

// ErrRunUnderWay is returned while another process has the study's run.
var ErrRunUnderWay = errors.New("another run of this study has its ledger")

// HoldRun keeps other runs of the study away, on whatever machine, until the ledger is closed or the process ends. Processes that work on shards
// of the run do not call it. Called again, it takes the run anew when the database has let go of it, as when it was restarted.
func (p *Postgres) HoldRun(ctx context.Context) error {
	if p.run != nil {
		if p.run.PingContext(ctx) == nil {
			return nil
		}
		_ = p.run.Close() // the connection is gone, and the lock with it
		p.run = nil
	}
	conn, err := p.durable.Connx(ctx)
	if err != nil {
		return fmt.Errorf("take the ledger for a run: %w", err)
	}
	var held bool
	err = conn.GetContext(ctx, &held, "SELECT pg_try_advisory_lock("+lockKey+")", "run under way", "study")
	if err == nil && !held {
		err = ErrRunUnderWay
	}
	if err == nil { // the run may take hours; servers before PostgreSQL 14 do not end what is idle
		_, err = conn.ExecContext(ctx, "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	p.run = conn
	return nil
}

// Close gives the run back and closes the database.
func (p *Postgres) Close() error {
	var err error
	if p.run != nil {
		_, err = p.run.ExecContext(context.Background(), "SELECT pg_advisory_unlock("+lockKey+")", "run under way", "study")
		err = errors.Join(err, p.run.Close())
	}
	return errors.Join(err, p.Ledger.Close())
}

// Together runs f in one transaction, which is committed, durably, when f returns no error: calls of the ledger and of its audit's log
// with the context that f gets are part of it, and so is what f does with tx. So a shard's casebooks, what the audit says of them and the end of a job
// in a queue stand together or not at all:
//
//	err := ledger.Together(ctx, func(ctx context.Context, tx pgx.Tx) error {
//		if err := ledger.Apply(ctx, run, batch); err != nil {
//			return err
//		}
//		if err := recorder.Append(ctx, drafts...); err != nil {
//			return err
//		}
//		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
//		return err
//	})
//
// tx finds the ledger's tables by their names alone, other schemas' by schema and name. f must not end it, nor use it in several goroutines at once. What is
// costly belongs before Together: one change of this Ledger goes on at a time, and from the first entry of the audit on
// all other processes wait that want to append one, so that it comes last. Reading methods of the ledger see what was before. An append that has to
// be on disk when it returns (audit.Recorder.Record) is refused, and so is what overwrites deleted rows (Forget, Anonymise, UnnameWithdrawn).
func (p *Postgres) Together(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	if underWayIn(ctx, p.Ledger) != nil {
		return errors.New("a transaction of the ledger is under way already")
	}
	return p.change(ctx, &p.full, func(t *transaction) error {
		s, ok := t.tx.(*serverSession)
		if !ok {
			return errors.New("the transaction is not PostgreSQL's")
		}
		return f(context.WithValue(ctx, underWay{}, t), s.tx)
	})
}

// instantOfServer sees the ledger as it is when its first statement begins.
var instantOfServer = sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
