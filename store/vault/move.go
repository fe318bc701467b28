package vault

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"
)

// Moved says what was moved: how many rows, and the checksum that both vaults have.
type Moved struct {
	Subjects, Identities int
	Checksum             string // SHA-256 of all rows, in order
}

// ErrNotEmpty is returned for a vault that holds something else already.
var ErrNotEmpty = errors.New("the vault to which it should be moved is not empty")

// content is all that a vault holds.
type content struct {
	meta       []metaRow
	subjects   []row
	identities []identityRow
}

type metaRow struct {
	Name  string
	Value []byte
}

type identityRow struct{ Hash, Subject []byte }

// Move copies everything of a vault into an empty one, in one transaction that is kept only when both hold the same. A move
// that was done is recognised by its checksum, and not done again. The rows stay where they were, too.
func Move(ctx context.Context, from, to *Store) (Moved, error) {
	all, err := read(ctx, from.db)
	if err != nil {
		return Moved{}, err
	}
	done := Moved{len(all.subjects), len(all.identities), all.checksum()}
	there, err := read(ctx, to.db)
	switch {
	case err != nil:
		return Moved{}, err
	case there.checksum() == done.Checksum:
		return done, nil
	case len(there.meta)+len(there.subjects)+len(there.identities) > 0:
		return Moved{}, ErrNotEmpty
	}
	return done, to.transact(ctx, func(tx *transaction) error {
		if err := all.write(ctx, tx.Tx); err != nil {
			return fmt.Errorf("vault: move: %w", err)
		}
		copied, err := read(ctx, tx.Tx)
		if err == nil && copied.checksum() != done.Checksum {
			err = errors.New("vault: what was copied is not what was there; nothing was kept")
		}
		return err
	})
}

func read(ctx context.Context, q sqlx.QueryerContext) (c content, err error) {
	err = errors.Join(
		sqlx.SelectContext(ctx, q, &c.meta, "SELECT name, value FROM meta"),
		sqlx.SelectContext(ctx, q, &c.subjects, "SELECT "+subjectColumns+" FROM subject s"),
		sqlx.SelectContext(ctx, q, &c.identities, "SELECT hash, subject FROM identity"))
	if err != nil {
		return c, fmt.Errorf("vault: read all of it: %w", err)
	}
	return c, nil
}

// atOnce is how many rows one statement inserts.
const atOnce = 500

func (c *content) write(ctx context.Context, tx *sqlx.Tx) error {
	return errors.Join(
		insertAll(ctx, tx, "INSERT INTO meta (name, value) VALUES (:name, :value)", c.meta),
		insertAll(ctx, tx, `INSERT INTO subject (id, study_hash, number_hash, number, site, secret, origin)
			VALUES (:id, :study_hash, :number_hash, :number, :site, :secret, :origin)`, c.subjects),
		insertAll(ctx, tx, "INSERT INTO identity (hash, subject) VALUES (:hash, :subject)", c.identities))
}

func insertAll[T any](ctx context.Context, tx *sqlx.Tx, query string, rows []T) error {
	for part := range slices.Chunk(rows, atOnce) {
		if _, err := tx.NamedExecContext(ctx, query, part); err != nil {
			return err
		}
	}
	return nil
}

// checksum covers every byte of every row, whatever order the database gives them in.
func (c *content) checksum() string {
	slices.SortFunc(c.meta, func(a, b metaRow) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.subjects, func(a, b row) int { return bytes.Compare(a.ID, b.ID) })
	slices.SortFunc(c.identities, func(a, b identityRow) int { return bytes.Compare(a.Hash, b.Hash) })
	sum := sha256.New()
	add := func(fields ...[]byte) {
		for _, f := range fields { // with its length, so that no two rows look alike
			_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f))))
			_, _ = sum.Write(f)
		}
	}
	for _, m := range c.meta {
		add([]byte("meta"), []byte(m.Name), m.Value)
	}
	for _, s := range c.subjects {
		add([]byte("subject"), s.ID, s.StudyHash, s.NumberHash, s.Number, s.Site, s.Secret, s.Origin)
	}
	for _, i := range c.identities {
		add([]byte("identity"), i.Hash, i.Subject)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
