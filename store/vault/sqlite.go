package vault

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/pressly/goose/v3"

	"github.com/crflink/crflink/pseudonym"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is a vault in one SQLite file. Several processes may use the file at once.
type Store struct{ db *sqlx.DB }

var _ pseudonym.VaultStore = (*Store)(nil)

// pragmas of every connection. FULL: an issued number must survive the power failure after it was used.
const pragmas = "_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on&_txlock=immediate&_synchronous=FULL&_secure_delete=on"

// Open opens the file, makes it when it is missing, and brings its schema up to date. Only the owner may read the
// file (0600): one with another mode is refused.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := private(path); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: abs}).EscapedPath(), RawQuery: pragmas}).String()
	db, err := sqlx.Open("sqlite3", dsn)
	if err != nil {
		return nil, fmt.Errorf("vault: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("vault: %s: %w", path, err), db.Close())
	}
	return &Store{db}, nil
}

// private makes sure that the file is there and that only its owner may use it. SQLite gives its side files the
// same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- the path is configuration
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("vault: %s has mode %04o, only its owner may use it; run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

func migrate(ctx context.Context, db *sqlx.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db.DB, files)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// underWay is the key of a Batch's transaction in its context.
type underWay struct{}

// Batch runs f, whose calls with the context that it gets are one transaction.
func (s *Store) Batch(ctx context.Context, f func(context.Context) error) error {
	return s.transact(ctx, func(tx *sqlx.Tx) error { return f(context.WithValue(ctx, underWay{}, tx)) })
}

// reader is the transaction under way, or the database.
func (s *Store) reader(ctx context.Context) sqlx.QueryerContext {
	if tx, ok := ctx.Value(underWay{}).(*sqlx.Tx); ok {
		return tx
	}
	return s.db
}

// transact runs f in a transaction that takes the write lock at once, or in that of the Batch that calls it.
func (s *Store) transact(ctx context.Context, f func(*sqlx.Tx) error) error {
	if tx, ok := ctx.Value(underWay{}).(*sqlx.Tx); ok {
		return f(tx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := s.db.BeginTxx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("vault: begin: %w", err)
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("vault: commit: %w", err)
	}
	return nil
}
