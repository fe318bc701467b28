package vault

import (
	"context"
	"fmt"
	"iter"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/pseudonym"
)

// ChangeMeta stores what next returns for the value of a name.
func (s *Store) ChangeMeta(ctx context.Context, name string, next func(now []byte) ([]byte, error)) error {
	return s.transact(ctx, func(tx *transaction) error {
		var values [][]byte
		if err := tx.SelectContext(ctx, &values, tx.Rebind("SELECT value FROM meta WHERE name = ?"), name); err != nil {
			return fmt.Errorf("vault: read %s: %w", name, err)
		}
		var now []byte
		if len(values) > 0 {
			now = values[0]
		}
		value, err := next(now)
		if err != nil || value == nil {
			return err
		}
		return putMeta(ctx, tx, map[string][]byte{name: value})
	})
}

// Rows yields all rows of a study. They are read at once: a reader under way would keep the write-ahead log from being
// emptied.
func (s *Store) Rows(ctx context.Context, studyHash []byte) iter.Seq2[pseudonym.Row, error] {
	return func(yield func(pseudonym.Row, error) bool) {
		var rows []row
		err := sqlx.SelectContext(ctx, s.reader(ctx), &rows, s.db.Rebind("SELECT "+subjectColumns+" FROM subject s WHERE s.study_hash = ?"), studyHash)
		if err != nil {
			yield(pseudonym.Row{}, fmt.Errorf("vault: list the subjects: %w", err))
			return
		}
		for _, r := range rows {
			if !yield(pseudonym.Row(r), nil) {
				return
			}
		}
	}
}
