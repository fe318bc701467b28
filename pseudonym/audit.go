package pseudonym

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"iter"

	"golang.org/x/crypto/chacha20poly1305"
)

// Labels of what the audit derives from a subject's secret, beside those of keyed values.
const (
	labelAuditName = "audit-name-v1"
	labelAuditMark = "audit-mark-v1"
	labelAuditSeal = "audit-seal-v1"
)

// AuditName names a subject in the audit. Without the subject's secret nobody can tell whose it is, also not by trying
// out study numbers.
type AuditName [sha256.Size]byte

// AuditName returns the name by which the audit refers to the subject.
func (s Subject) AuditName() AuditName {
	return AuditName(newKeyer(s.key.open()).digest(labelAuditName))
}

// AuditMark returns a hash that only this subject's secret can compute, for telling whether what the audit says about the
// subject is new.
func (s Subject) AuditMark() hash.Hash {
	k := newKeyer(s.key.open())
	return hmac.New(sha256.New, k.digest(labelAuditMark))
}

// AuditSeal seals what the audit says about the subject. Once the subject's row is destroyed it cannot be opened.
func (s Subject) AuditSeal() Seal {
	return newSeal(newKeyer(s.key.open()).digest(labelAuditSeal))
}

// Seal encrypts what the study keeps outside of its vault: XChaCha20-Poly1305 under a random nonce that precedes the ciphertext.
type Seal struct{ aead cipher.AEAD }

func newSeal(key []byte) Seal {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err) // the key is a SHA-256 digest: it has the length
	}
	return Seal{aead}
}

const auditData = "crflink-audit-v1\x00"

// Seal encrypts a text, which opens only with the same bound.
func (s Seal) Seal(plain []byte, bound string) []byte {
	nonce := random(s.aead.NonceSize())
	return s.aead.Seal(nonce, nonce, plain, []byte(auditData+bound))
}

// Open decrypts what Seal gave for the bound.
func (s Seal) Open(sealed []byte, bound string) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("audit: %w", errSealed)
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(auditData+bound))
	if err != nil {
		return nil, fmt.Errorf("audit: %w", errSealed)
	}
	return plain, nil
}

// AuditChain returns the keyed hash that chains the study's audit. It stays the same when the vault's key is rotated.
func (v *Vault) AuditChain() hash.Hash {
	return hmac.New(sha256.New, v.lookup.hash("audit chain", v.study))
}

// AuditSeal seals what the study's audit says about no single subject.
func (v *Vault) AuditSeal() Seal {
	return newSeal(v.lookup.hash("audit seal", v.study))
}

func (v *Vault) anchorName() string { return "audit-anchor-" + hex.EncodeToString(v.studyHash()) }

// AuditAnchor returns what MoveAuditAnchor stored last; nil when nothing was.
func (v *Vault) AuditAnchor(ctx context.Context) ([]byte, error) {
	sealed, err := v.store.Meta(ctx, v.anchorName())
	if errors.Is(err, ErrNoRow) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the audit's anchor: %w", err)
	}
	return v.AuditSeal().Open(sealed, v.anchorName())
}

// MoveAuditAnchor stores what next returns for the anchor that is there (nil for none), durably and in one transaction.
// When next returns nil the anchor stays.
func (v *Vault) MoveAuditAnchor(ctx context.Context, next func(now []byte) []byte) error {
	err := v.store.ChangeMeta(ctx, v.anchorName(), func(sealed []byte) ([]byte, error) {
		var now []byte
		if sealed != nil {
			var err error
			if now, err = v.AuditSeal().Open(sealed, v.anchorName()); err != nil {
				return nil, err
			}
		}
		to := next(now)
		if to == nil {
			return nil, nil
		}
		return v.AuditSeal().Seal(to, v.anchorName()), nil
	})
	if err != nil {
		return fmt.Errorf("move the audit's anchor: %w", err)
	}
	return nil
}

// MemorySeal seals what a source remembers between runs.
func (v *Vault) MemorySeal() Seal {
	return newSeal(v.lookup.hash("memory seal", v.study))
}

// WorkSeal seals what one process tells another about a run of the study.
func (v *Vault) WorkSeal() Seal {
	return newSeal(v.lookup.hash("work seal", v.study))
}

// Subjects yields all subjects of the study, in no order that means anything.
func (v *Vault) Subjects(ctx context.Context) iter.Seq2[Subject, error] {
	return func(yield func(Subject, error) bool) {
		for row, err := range v.store.Rows(ctx, v.studyHash()) {
			var s Subject
			if err == nil {
				s, err = v.open(row)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}
