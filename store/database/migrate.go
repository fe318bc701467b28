package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// IsPostgres reports whether a database is PostgreSQL, not SQLite.
func IsPostgres(db *sqlx.DB) bool { return db.DriverName() == "pgx" }

// Migrate brings the schema up to date with the folder sqlite or postgres of files. It closes the database when it fails.
func Migrate(ctx context.Context, db *sqlx.DB, files fs.FS) error {
	if err := migrate(ctx, db, files); err != nil {
		return errors.Join(fmt.Errorf("bring the schema up to date: %w", err), db.Close())
	}
	return nil
}

func migrate(ctx context.Context, db *sqlx.DB, files fs.FS) error {
	dialect, folder, options := goose.DialectSQLite3, "sqlite", []goose.ProviderOption(nil)
	if IsPostgres(db) {
		locker, err := lock.NewPostgresSessionLocker() // several programs may start at once
		if err != nil {
			return err
		}
		dialect, folder, options = goose.DialectPostgres, "postgres", append(options, goose.WithSessionLocker(locker))
	}
	own, err := fs.Sub(files, folder)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db.DB, own, options...)
	if err != nil {
		return err
	}
	return Up(ctx, p)
}

// ErrNewer is returned for a database whose schema this program does not know yet.
var ErrNewer = errors.New("a newer crflink has opened the database: its schema is not known to this one; use the newer one, or the backup from before")

// Up applies what is missing of a provider's migrations. A database with more than those is refused and not touched.
func Up(ctx context.Context, p *goose.Provider) error {
	current, known, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return err
	case current > known:
		return ErrNewer
	}
	_, err = p.Up(ctx)
	return err
}
