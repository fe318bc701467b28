package vault

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/store/database"
)

//go:embed migrations
var migrations embed.FS

// Store is a vault in one database. Several processes may use it at once.
type Store struct {
	db      *sqlx.DB
	dialect dialect
}

var _ pseudonym.VaultStore = (*Store)(nil)

// dialect is what differs between the databases.
type dialect struct {
	name  string
	begin string // statement that makes a transaction the only one that writes; "" where its beginning does
	scrub func(ctx context.Context, db *sqlx.DB) error
}

// newStore brings the schema up to date. It closes the database when it fails.
func newStore(ctx context.Context, db *sqlx.DB, d dialect) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := database.Migrate(ctx, db, files); err != nil {
		return nil, err
	}
	return &Store{db, d}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// underWay is the key of a Batch's transaction in its context.
type underWay struct{}

// Batch runs f, whose calls with the context that it gets are one transaction.
func (s *Store) Batch(ctx context.Context, f func(context.Context) error) error {
	return s.transact(ctx, func(tx *transaction) error { return f(context.WithValue(ctx, underWay{}, tx)) })
}

// reader is the transaction under way, or the database.
func (s *Store) reader(ctx context.Context) sqlx.QueryerContext {
	if tx, ok := ctx.Value(underWay{}).(*transaction); ok {
		return tx
	}
	return s.db
}

// transact runs f in a transaction that is the only one that writes, or in that of the Batch that calls it.
func (s *Store) transact(ctx context.Context, f func(*transaction) error) error {
	if tx, ok := ctx.Value(underWay{}).(*transaction); ok {
		return f(tx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := s.db.BeginTxx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("vault: begin: %w", err)
	}
	if err := s.alone(ctx, newTransaction(tx), f); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("vault: commit: %w", err)
	}
	return nil
}

func (s *Store) alone(ctx context.Context, tx *transaction, f func(*transaction) error) error {
	if s.dialect.begin != "" {
		if _, err := tx.ExecContext(context.WithoutCancel(ctx), s.dialect.begin); err != nil {
			return fmt.Errorf("vault: begin: %w", err)
		}
	}
	return f(tx)
}
