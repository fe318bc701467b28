package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/store/database"
)

// sqlite takes the write lock at the beginning of a transaction (_txlock).
var sqlite = dialect{name: "sqlite", scrub: emptyLog}

// Open opens a SQLite file, makes it when it is missing, and brings its schema up to date. Only the owner may read the
// file (0600): one with another mode is refused.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := database.SQLite(path)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	s, err := newStore(ctx, db, sqlite)
	if err != nil {
		return nil, fmt.Errorf("vault: %s: %w", path, err)
	}
	return s, nil
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
