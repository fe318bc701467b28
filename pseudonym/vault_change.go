package pseudonym

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
)

// Link makes a further identifier name the same subject, after a merge at the site. ErrIdentity when it names
// another subject.
func (v *Vault) Link(ctx context.Context, number string, further Identity) error {
	row, err := v.store.SubjectByNumber(ctx, v.lookup.hash("number", number))
	if errors.Is(err, ErrNoRow) || err == nil && !bytes.Equal(row.StudyHash, v.studyHash()) {
		return ErrNotEnrolled
	}
	if err != nil {
		return fmt.Errorf("link an identity: %w", err)
	}
	delete(aheadOf(ctx), further)
	return v.store.Link(ctx, v.identityHash(further), row.ID)
}

// Join lets all identities of a subject lead to another one, after a merge at the site. The subject itself stays, and can be
// found by its number: what was delivered under it has to be recognised.
func (v *Vault) Join(ctx context.Context, keep, drop string) error {
	if keep == drop {
		return errors.New("join: a subject cannot go into itself")
	}
	to, err := v.rowOf(ctx, keep)
	if err != nil {
		return err
	}
	from, err := v.rowOf(ctx, drop)
	if err != nil {
		return err
	}
	return v.Batch(ctx, func(ctx context.Context) error {
		hashes, err := v.store.Identities(ctx, from.ID)
		if err != nil {
			return fmt.Errorf("join: %w", err)
		}
		clear(aheadOf(ctx))
		for _, h := range hashes {
			if err := errors.Join(v.store.Unlink(ctx, h), v.store.Link(ctx, h, to.ID)); err != nil {
				return fmt.Errorf("join: %w", err)
			}
		}
		return nil
	})
}

// Destroy deletes a subject's row: number, secret and all that leads to them. Keyed values of the subject cannot be
// computed again by anybody.
func (v *Vault) Destroy(ctx context.Context, number string) error {
	row, err := v.store.SubjectByNumber(ctx, v.lookup.hash("number", number))
	if errors.Is(err, ErrNoRow) || err == nil && !bytes.Equal(row.StudyHash, v.studyHash()) {
		return ErrNotEnrolled
	}
	if err != nil {
		return fmt.Errorf("destroy a subject: %w", err)
	}
	clear(aheadOf(ctx))
	return v.store.Destroy(ctx, row.ID)
}

// Retire deletes all subjects of the study and returns their count.
func (v *Vault) Retire(ctx context.Context) (int, error) {
	clear(aheadOf(ctx))
	return v.store.DestroyStudy(ctx, v.studyHash())
}

// Rotate seals all values of all studies under another key and returns how many subjects there are. Numbers, secrets and
// lookups stay as they are. The Vault keeps working; other processes must open it again with the new key. Rotating again to
// the same key is no error: it ends what was interrupted.
func (v *Vault) Rotate(ctx context.Context, key Key) (subjects int, err error) {
	next, err := newSealer(key)
	if err != nil {
		return 0, err
	}
	meta := sealedMeta(next, v.lookup.key.open())
	clear(aheadOf(ctx))
	err = v.store.Rewrite(ctx, meta, func(r Row) (Row, error) {
		subjects++
		for column, value := range sealedColumns(&r) {
			p := place{"subject", column, hex.EncodeToString(r.ID)}
			plain, err := v.seal.open(p, *value)
			if err != nil {
				return r, err
			}
			*value = next.seal(p, plain)
		}
		return r, nil
	})
	if err != nil {
		return 0, fmt.Errorf("rotate the vault key: %w", err)
	}
	v.seal, v.check = next, meta[metaCheck]
	return subjects, nil
}
