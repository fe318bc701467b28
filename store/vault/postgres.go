package vault

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/store/database"
	"github.com/crflink/crflink/store/postgres"
)

// Address says where a vault in PostgreSQL is and who opens it: a role of its own, which owns the vault's tables and
// nothing else.
type Address = postgres.Address

// onlyWriter lets one transaction write at a time, as SQLite does: what a transaction has read about subjects stays true
// until it ends. Readers are not kept waiting.
const onlyWriter = "LOCK TABLE subject IN SHARE ROW EXCLUSIVE MODE"

// OpenPostgres opens a vault in PostgreSQL and brings its schema up to date; the first time it makes it. A connection over a
// network must be encrypted, and the server's certificate is checked.
func OpenPostgres(ctx context.Context, a Address) (*Store, error) {
	db, err := database.Postgres(a, "crflink vault")
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	s, err := newStore(ctx, db, dialect{name: "postgres", begin: onlyWriter, scrub: rewriteTables})
	if err != nil {
		return nil, fmt.Errorf("vault in PostgreSQL: %w", err)
	}
	return s, nil
}

// rewriteTables makes the files of the tables anew, without the rows as they were before. What the server's write-ahead log
// and its backups hold is not reached from here.
func rewriteTables(ctx context.Context, db *sqlx.DB) error {
	for _, table := range []string{"identity", "subject", "meta"} {
		if _, err := db.ExecContext(ctx, "VACUUM (FULL) "+table); err != nil {
			return fmt.Errorf("vault: the rows are deleted, but not overwritten: %w", err)
		}
	}
	return nil
}
