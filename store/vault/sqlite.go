package vault

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/pressly/goose/v3"
)

// pragmas of every connection. FULL: an issued number must survive the power failure after it was used.
const pragmas = "_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on&_txlock=immediate&_synchronous=FULL&_secure_delete=on"

// sqlite takes the write lock at the beginning of a transaction (_txlock).
var sqlite = dialect{name: "sqlite", goose: goose.DialectSQLite3, scrub: emptyLog}

// Open opens a SQLite file, makes it when it is missing, and brings its schema up to date. Only the owner may read the
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
	s, err := newStore(ctx, db, sqlite)
	if err != nil {
		return nil, fmt.Errorf("vault: %s: %w", path, err)
	}
	return s, nil
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

// emptyLog empties the write-ahead log, which holds the pages as they were before.
func emptyLog(ctx context.Context, db *sqlx.DB) error {
	var busy, pages, moved int
	row := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := row.Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("vault: empty the write-ahead log: %w", err)
	}
	if busy != 0 {
		return errors.New("vault: the deleted rows are still in the write-ahead log, another process reads it; delete again when it is done")
	}
	return nil
}
