package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jmoiron/sqlx"
)

// Snapshot writes a consistent copy of a SQLite database, also of one that is open, and checks that the copy is whole. There must
// be nothing at its path yet. When no error is returned the copy is durable; it has mode 0600.
func Snapshot(ctx context.Context, database, to string) (err error) {
	if _, err := os.Stat(database); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	file, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the caller says where
	if err != nil {
		return fmt.Errorf("copy %s: %w", database, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := vacuumInto(ctx, database, to); err != nil {
		return fmt.Errorf("copy %s: %w", database, err)
	}
	if err := whole(ctx, to); err != nil {
		return fmt.Errorf("the copy of %s: %w", database, err)
	}
	return file.Sync()
}

func vacuumInto(ctx context.Context, database, to string) (err error) {
	db, err := readOnly(database, "_busy_timeout=5000")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, to)
	return err
}

// whole has SQLite look through a database that nobody has open.
func whole(ctx context.Context, database string) (err error) {
	db, err := readOnly(database, "immutable=1")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var found string
	if err := db.GetContext(ctx, &found, `PRAGMA integrity_check(1)`); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("it is damaged: %s", found)
	}
	return nil
}

func readOnly(database, option string) (*sqlx.DB, error) {
	return sqlx.Open("sqlite3", "file:"+(&url.URL{Path: filepath.ToSlash(database)}).EscapedPath()+"?mode=ro&"+option)
}
