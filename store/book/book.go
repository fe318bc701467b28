package book

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/store/database"
	"github.com/crflink/crflink/store/postgres"
)

//go:embed migrations
var migrations embed.FS

// Book is a schedule.Book in one database. Several processes may read it at once; in PostgreSQL several may run its nights.
type Book struct {
	db     *sqlx.DB
	holder string // what this process is called in it
}

var _ schedule.Book = (*Book)(nil)

// Open opens a SQLite file, makes it when it is missing, and brings its schema up to date.
func Open(ctx context.Context, path string) (*Book, error) {
	db, err := database.SQLite(path)
	if err != nil {
		return nil, fmt.Errorf("the book of runs: %w", err)
	}
	return open(ctx, db)
}

// OpenPostgres opens the book in PostgreSQL, and brings its schema up to date.
func OpenPostgres(ctx context.Context, a postgres.Address) (*Book, error) {
	db, err := database.Postgres(a, "crflink serve")
	if err != nil {
		return nil, fmt.Errorf("the book of runs: %w", err)
	}
	return open(ctx, db)
}

func open(ctx context.Context, db *sqlx.DB) (*Book, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := database.Migrate(ctx, db, files); err != nil {
		return nil, fmt.Errorf("the book of runs: %w", err)
	}
	return &Book{db, rand.Text()}, nil
}

// Close closes the database.
func (b *Book) Close() error { return b.db.Close() }

// row is a row of the table run.
type row struct {
	ID                               int64
	Job, Nominal, Actor, State, Note string
	Asked, Attempt, Code, Covered    int64
	Due, Begins, Started, Ended      int64
}

const columns = "id, job, nominal, asked, actor, due, begins, state, attempt, started, ended, code, note, covered"

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func (r *row) run() schedule.Run {
	return schedule.Run{
		ID: r.ID, Job: r.Job, Nominal: r.Nominal, Asked: r.Asked != 0, By: r.Actor, Due: moment(r.Due), Begin: moment(r.Begins), State: schedule.State(r.State),
		Attempt: int(r.Attempt), Started: moment(r.Started), Ended: moment(r.Ended), Exit: int(r.Code), Note: r.Note, Covered: r.Covered,
	}
}

// change runs f in one transaction.
func (b *Book) change(ctx context.Context, f func(tx *sqlx.Tx) error) error {
	tx, err := b.db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("the book of runs: %w", err)
	}
	if err := f(tx); err != nil {
		return fmt.Errorf("the book of runs: %w", errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("the book of runs: %w", err)
	}
	return nil
}

// exec runs a statement, and returns how many rows it changed.
func exec(ctx context.Context, tx *sqlx.Tx, query string, args ...any) (int, error) {
	result, err := tx.ExecContext(ctx, tx.Rebind(query), args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// rows runs a query for runs.
func (b *Book) rows(ctx context.Context, query string, args ...any) ([]schedule.Run, error) {
	var found []row
	if err := b.db.SelectContext(ctx, &found, b.db.Rebind(query), args...); err != nil {
		return nil, fmt.Errorf("the book of runs: %w", err)
	}
	runs := make([]schedule.Run, len(found))
	for i := range found {
		runs[i] = found[i].run()
	}
	return runs, nil
}
