package vault

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// Unlink takes an identity off its row.
func (s *Store) Unlink(ctx context.Context, identity []byte) error {
	return s.transact(ctx, func(tx *transaction) error {
		if _, err := tx.ExecContext(ctx, tx.Rebind("DELETE FROM identity WHERE hash = ?"), identity); err != nil {
			return fmt.Errorf("vault: take an identity off: %w", err)
		}
		return nil
	})
}

// Identities returns the identity hashes that point to a row, in order.
func (s *Store) Identities(ctx context.Context, rowID []byte) (hashes [][]byte, err error) {
	if err := sqlx.SelectContext(ctx, s.reader(ctx), &hashes, s.db.Rebind("SELECT hash FROM identity WHERE subject = ? ORDER BY hash"), rowID); err != nil {
		return nil, fmt.Errorf("vault: read the identities: %w", err)
	}
	return hashes, nil
}
