package pseudonym

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Trace is what may be kept of a subject who withdrew: keyed hashes under the vault's lookup key, in hexadecimal. Who has
// the vault and its key can ask whether a given identity or number is meant; nobody can read one out of it.
type Trace struct {
	Number     string   `json:"number"`
	Identities []string `json:"identities"`
}

// TraceOf returns the trace of a subject, or ErrNotEnrolled.
func (v *Vault) TraceOf(ctx context.Context, number string) (Trace, error) {
	row, err := v.rowOf(ctx, number)
	if err != nil {
		return Trace{}, err
	}
	hashes, err := v.store.Identities(ctx, row.ID)
	if err != nil {
		return Trace{}, fmt.Errorf("the identities of a subject: %w", err)
	}
	t := Trace{Number: hex.EncodeToString(row.NumberHash)}
	for _, h := range hashes {
		t.Identities = append(t.Identities, hex.EncodeToString(h))
	}
	return t, nil
}

func (v *Vault) rowOf(ctx context.Context, number string) (Row, error) {
	row, err := v.store.SubjectByNumber(ctx, v.lookup.hash("number", number))
	if errors.Is(err, ErrNoRow) || err == nil && !bytes.Equal(row.StudyHash, v.studyHash()) {
		return Row{}, ErrNotEnrolled
	}
	if err != nil {
		return Row{}, fmt.Errorf("look up a subject number: %w", err)
	}
	return row, nil
}

// IdentityTrace returns the hash of an identity as it stands in a Trace.
func (v *Vault) IdentityTrace(id Identity) string { return hex.EncodeToString(v.identityHash(id)) }

// NumberTrace returns the hash of a number as it stands in a Trace.
func (v *Vault) NumberTrace(number string) string {
	return hex.EncodeToString(v.lookup.hash("number", number))
}

// Traced returns the subject that a trace is of, or ErrNotEnrolled when the vault has it no more. Another subject of the same
// person is not meant.
func (v *Vault) Traced(ctx context.Context, t Trace) (Subject, error) {
	hash, err := hex.DecodeString(t.Number)
	if err != nil {
		return Subject{}, errors.New("the trace of a number is not hexadecimal")
	}
	row, err := v.store.SubjectByNumber(ctx, hash)
	if errors.Is(err, ErrNoRow) || err == nil && !bytes.Equal(row.StudyHash, v.studyHash()) {
		return Subject{}, ErrNotEnrolled
	}
	if err != nil {
		return Subject{}, fmt.Errorf("look up a trace: %w", err)
	}
	return v.open(row)
}

// Detach takes an identity off its subject, which stays and can be found by its number: the person may be enrolled anew, as
// another subject. An unknown identity is no error.
func (v *Vault) Detach(ctx context.Context, id Identity) error {
	delete(aheadOf(ctx), id)
	if err := v.store.Unlink(ctx, v.identityHash(id)); err != nil {
		return fmt.Errorf("detach an identity: %w", err)
	}
	return nil
}

// What enrolment of somebody who withdrew, or under a number of somebody who did, answers.
var (
	ErrWithdrawn = errors.New("the patient withdrew, and has not consented again since")
	ErrSpent     = errors.New("the subject number belonged to somebody who withdrew; enrolment has to give a new one")
)

// Bar knows, by their traces, who withdrew.
type Bar interface {
	Barred(identity string) bool // must not be enrolled
	Spent(number string) bool    // is never given again
}

// Heed makes the vault refuse every enrolment that the bar forbids. Without one it refuses none.
func (v *Vault) Heed(b Bar) { v.bar = b }

// admits reports why a new row is refused.
func (v *Vault) admits(id Identity, numberHash []byte) error {
	switch {
	case v.bar == nil:
		return nil
	case v.bar.Barred(v.IdentityTrace(id)):
		return ErrWithdrawn
	case v.bar.Spent(hex.EncodeToString(numberHash)):
		return ErrSpent
	}
	return nil
}

// Untraceable returns a random number that leads back to nobody, for what stays of a subject after the way to the person is
// destroyed.
func Untraceable() string { return "X-" + base32Lower.EncodeToString(random(10)) }

// Authenticate returns a keyed digest of a text, by which the vault's owner knows it again. The purpose keeps different
// uses apart.
func (v *Vault) Authenticate(purpose string, text []byte) []byte {
	mac := hmac.New(sha256.New, v.lookup.hash("authenticate", v.study, purpose))
	mac.Write(text)
	return mac.Sum(nil)
}
