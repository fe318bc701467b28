package vault

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/pseudonym"
)

// row is a subject as the table has it.
type row struct {
	ID         []byte `db:"id"`
	StudyHash  []byte `db:"study_hash"`
	NumberHash []byte `db:"number_hash"`
	Number     []byte `db:"number"`
	Site       []byte `db:"site"`
	Secret     []byte `db:"secret"`
	Origin     []byte `db:"origin"`
}

const subjectColumns = "s.id, s.study_hash, s.number_hash, s.number, s.site, s.secret, s.origin"

const byIdentity = "SELECT " + subjectColumns + " FROM identity i JOIN subject s ON s.id = i.subject WHERE i.hash = ?"

const byNumber = "SELECT " + subjectColumns + " FROM subject s WHERE s.number_hash = ?"

// get reads one subject row, or ErrNoRow.
func (s *Store) get(ctx context.Context, q sqlx.QueryerContext, query string, hash []byte) (pseudonym.Row, error) {
	var r row
	err := sqlx.GetContext(ctx, q, &r, s.db.Rebind(query), hash)
	if errors.Is(err, sql.ErrNoRows) {
		return pseudonym.Row{}, pseudonym.ErrNoRow
	}
	if err != nil {
		return pseudonym.Row{}, fmt.Errorf("vault: read a subject: %w", err)
	}
	return pseudonym.Row(r), nil
}

// Meta returns the value of a name, or ErrNoRow.
func (s *Store) Meta(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := sqlx.GetContext(ctx, s.reader(ctx), &value, s.db.Rebind("SELECT value FROM meta WHERE name = ?"), name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, pseudonym.ErrNoRow
	}
	if err != nil {
		return nil, fmt.Errorf("vault: read %s: %w", name, err)
	}
	return value, nil
}

// InitMeta stores the values unless any of the names is there already.
func (s *Store) InitMeta(ctx context.Context, values map[string][]byte) (stored bool, err error) {
	err = s.transact(ctx, func(tx *transaction) error {
		for name := range values {
			var n int
			if err := tx.GetContext(ctx, &n, tx.Rebind("SELECT count(*) FROM meta WHERE name = ?"), name); err != nil {
				return fmt.Errorf("vault: read %s: %w", name, err)
			}
			if n > 0 {
				return nil
			}
		}
		stored = true
		return putMeta(ctx, tx, values)
	})
	return stored && err == nil, err
}

func putMeta(ctx context.Context, tx *transaction, values map[string][]byte) error {
	for name, value := range values {
		_, err := tx.ExecContext(ctx, tx.Rebind("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"), name, value)
		if err != nil {
			return fmt.Errorf("vault: write %s: %w", name, err)
		}
	}
	return nil
}

// Subject returns the row that an identity hash points to, or ErrNoRow.
func (s *Store) Subject(ctx context.Context, identity []byte) (pseudonym.Row, error) {
	return s.get(ctx, s.reader(ctx), byIdentity, identity)
}

// idsAtOnce is how many identities one statement asks for.
const idsAtOnce = 64

var byIdentities = "SELECT i.hash, " + subjectColumns + " FROM identity i JOIN subject s ON s.id = i.subject WHERE i.hash IN (?" + strings.Repeat(", ?", idsAtOnce-1) + ")"

// Subjects returns the rows that identity hashes point to. A statement has always as many places: the last hash takes those that are left.
func (s *Store) Subjects(ctx context.Context, identities [][]byte) (map[string]pseudonym.Row, error) {
	found := make(map[string]pseudonym.Row, len(identities))
	for part := range slices.Chunk(identities, idsAtOnce) {
		hashes := make([]any, idsAtOnce)
		for i := range hashes {
			hashes[i] = part[min(i, len(part)-1)]
		}
		var rows []struct {
			Hash []byte `db:"hash"`
			row
		}
		if err := sqlx.SelectContext(ctx, s.reader(ctx), &rows, s.db.Rebind(byIdentities), hashes...); err != nil {
			return nil, fmt.Errorf("vault: read subjects: %w", err)
		}
		for _, r := range rows {
			found[string(r.Hash)] = pseudonym.Row(r.row)
		}
	}
	return found, nil
}

// SubjectByNumber returns the row of a number hash, or ErrNoRow.
func (s *Store) SubjectByNumber(ctx context.Context, numberHash []byte) (pseudonym.Row, error) {
	return s.get(ctx, s.reader(ctx), byNumber, numberHash)
}

// Insert stores the row and the identity that points to it, or returns the row that the identity has already.
func (s *Store) Insert(ctx context.Context, check, identity []byte, r pseudonym.Row) (stored pseudonym.Row, err error) {
	err = s.transact(ctx, func(tx *transaction) error {
		if err := s.checked(ctx, tx, check); err != nil {
			return err
		}
		stored, err = s.get(ctx, tx, byIdentity, identity)
		if !errors.Is(err, pseudonym.ErrNoRow) {
			return err
		}
		if _, err := s.get(ctx, tx, byNumber, r.NumberHash); !errors.Is(err, pseudonym.ErrNoRow) {
			return orElse(err, pseudonym.ErrNumberTaken)
		}
		stored = r
		return insert(ctx, tx, identity, row(r))
	})
	if err != nil {
		return pseudonym.Row{}, err
	}
	return stored, nil
}

// checked makes sure that the vault is still sealed as it was when it was opened.
func (s *Store) checked(ctx context.Context, tx *transaction, check []byte) error {
	var now []byte
	err := tx.GetContext(ctx, &now, tx.Rebind("SELECT value FROM meta WHERE name = ?"), pseudonym.MetaCheck)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("vault: read %s: %w", pseudonym.MetaCheck, err)
	}
	if !bytes.Equal(now, check) {
		return pseudonym.ErrRotated
	}
	return nil
}

func insert(ctx context.Context, tx *transaction, identity []byte, r row) error {
	_, err := tx.NamedExecContext(ctx, `INSERT INTO subject (id, study_hash, number_hash, number, site, secret, origin)
		VALUES (:id, :study_hash, :number_hash, :number, :site, :secret, :origin)`, r)
	if err != nil {
		return fmt.Errorf("vault: write a subject: %w", err)
	}
	return point(ctx, tx, identity, r.ID)
}

func point(ctx context.Context, tx *transaction, identity, id []byte) error {
	if _, err := tx.ExecContext(ctx, tx.Rebind("INSERT INTO identity (hash, subject) VALUES (?, ?)"), identity, id); err != nil {
		return fmt.Errorf("vault: write an identity: %w", err)
	}
	return nil
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Link lets a further identity point to a row.
func (s *Store) Link(ctx context.Context, identity, rowID []byte) error {
	return s.transact(ctx, func(tx *transaction) error {
		r, err := s.get(ctx, tx, byIdentity, identity)
		switch {
		case err == nil && bytes.Equal(r.ID, rowID):
			return nil
		case err == nil:
			return pseudonym.ErrIdentity
		case !errors.Is(err, pseudonym.ErrNoRow):
			return err
		}
		if _, err := s.get(ctx, tx, "SELECT "+subjectColumns+" FROM subject s WHERE s.id = ?", rowID); err != nil {
			return err
		}
		return point(ctx, tx, identity, rowID)
	})
}

// Destroy deletes a row and the identities that point to it.
func (s *Store) Destroy(ctx context.Context, rowID []byte) error {
	if _, err := s.db.ExecContext(ctx, s.db.Rebind("DELETE FROM subject WHERE id = ?"), rowID); err != nil {
		return fmt.Errorf("vault: delete a subject: %w", err)
	}
	return s.dialect.scrub(ctx, s.db)
}

// DestroyStudy deletes all rows of a study and returns how many there were.
func (s *Store) DestroyStudy(ctx context.Context, studyHash []byte) (int, error) {
	res, err := s.db.ExecContext(ctx, s.db.Rebind("DELETE FROM subject WHERE study_hash = ?"), studyHash)
	if err != nil {
		return 0, fmt.Errorf("vault: delete a study: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("vault: delete a study: %w", err)
	}
	return int(n), s.dialect.scrub(ctx, s.db)
}

// Rewrite replaces the sealed values of all rows and the metadata in one transaction.
func (s *Store) Rewrite(ctx context.Context, meta map[string][]byte, reseal func(pseudonym.Row) (pseudonym.Row, error)) error {
	err := s.transact(ctx, func(tx *transaction) error {
		var rows []row
		if err := tx.SelectContext(ctx, &rows, "SELECT "+subjectColumns+" FROM subject s ORDER BY s.id"); err != nil {
			return fmt.Errorf("vault: read the subjects: %w", err)
		}
		for _, r := range rows {
			next, err := reseal(pseudonym.Row(r))
			if err != nil {
				return err
			}
			_, err = tx.NamedExecContext(ctx, "UPDATE subject SET number = :number, site = :site, secret = :secret, origin = :origin WHERE id = :id", row(next))
			if err != nil {
				return fmt.Errorf("vault: write a subject: %w", err)
			}
		}
		return putMeta(ctx, tx, meta)
	})
	if err != nil {
		return err
	}
	return s.dialect.scrub(ctx, s.db)
}
