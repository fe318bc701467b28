package pseudonym

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// What opening and reading a vault may answer.
var (
	ErrEmptyVault  = errors.New("the vault is empty; create it once, or restore the one that this study used before")
	ErrVaultExists = errors.New("there is a vault already; it is not overwritten")
	ErrWrongKey    = errors.New("the key does not open this vault")
	ErrNotEnrolled = errors.New("not enrolled: the patient has no subject number yet")
	ErrConflict    = errors.New("the patient has another subject number in the vault")
)

// Names of the vault's metadata.
const (
	metaCheck  = MetaCheck
	metaLookup = "lookup"
)

// secretBytes is the length of a subject's secret.
const secretBytes = 32

var checkText = []byte("crflink vault key check v1")

// Vault holds the subjects of a study. It is safe for concurrent use.
type Vault struct {
	store  VaultStore
	seal   sealer
	check  []byte // MetaCheck as it was when the vault was opened
	lookup lookup
	study  string
	bar    Bar // nil bars nobody
}

// CreateVault makes an empty store into a vault that the key opens, and opens it for the study. A store that is a
// vault already is left alone: ErrVaultExists.
func CreateVault(ctx context.Context, store VaultStore, key Key, study string) (*Vault, error) {
	s, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	created, err := store.InitMeta(ctx, sealedMeta(s, random(32)))
	if err != nil {
		return nil, fmt.Errorf("create the vault: %w", err)
	}
	if !created {
		return nil, ErrVaultExists
	}
	return OpenVault(ctx, store, key, study)
}

// OpenVault opens a vault for one study. A key that does not fit is ErrWrongKey; a store without a vault is
// ErrEmptyVault, because numbers issued anew for known patients would be a second identity.
func OpenVault(ctx context.Context, store VaultStore, key Key, study string) (*Vault, error) {
	if study == "" {
		return nil, errors.New("open the vault: no study is named")
	}
	s, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	check, look, err := openMeta(ctx, store, s)
	if err != nil {
		return nil, err
	}
	return &Vault{store: store, seal: s, check: check, lookup: look, study: study}, nil
}

func sealedMeta(s sealer, look []byte) map[string][]byte {
	return map[string][]byte{
		metaCheck:  s.seal(place{"meta", "value", metaCheck}, checkText),
		metaLookup: s.seal(place{"meta", "value", metaLookup}, look),
	}
}

func openMeta(ctx context.Context, store VaultStore, s sealer) (check []byte, look lookup, err error) {
	check, err = store.Meta(ctx, metaCheck)
	if errors.Is(err, ErrNoRow) {
		return nil, lookup{}, ErrEmptyVault
	}
	if err != nil {
		return nil, lookup{}, fmt.Errorf("open the vault: %w", err)
	}
	if text, err := s.open(place{"meta", "value", metaCheck}, check); err != nil || !bytes.Equal(text, checkText) {
		return nil, lookup{}, ErrWrongKey
	}
	sealed, err := store.Meta(ctx, metaLookup)
	if err != nil {
		return nil, lookup{}, fmt.Errorf("open the vault: %w", err)
	}
	key, err := s.open(place{"meta", "value", metaLookup}, sealed)
	if err != nil {
		return nil, lookup{}, err
	}
	return check, lookup{boxed(key)}, nil
}

// Identity is what names a patient at the site: the system and value of an identifier. It prints as dots.
type Identity struct{ System, Value string }

// Format prints dots for every verb.
func (Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, dots) }

// MarshalText writes dots, so that no encoder prints it.
func (Identity) MarshalText() ([]byte, error) { return []byte(dots), nil }

// batcher is a VaultStore that can make many calls one transaction.
type batcher interface {
	Batch(ctx context.Context, f func(context.Context) error) error
}

// Batch runs f. Subjects that f enrols with the context that it gets are stored together when it returns, and none of them
// when it returns an error: until then they must not be used. It does not nest.
func (v *Vault) Batch(ctx context.Context, f func(context.Context) error) error {
	if b, ok := v.store.(batcher); ok {
		return b.Batch(ctx, f)
	}
	return f(ctx)
}

func (v *Vault) identityHash(id Identity) []byte {
	return v.lookup.hash("identity", v.study, id.System, id.Value)
}

// Subject returns the subject of a patient, or ErrNotEnrolled.
func (v *Vault) Subject(ctx context.Context, id Identity) (Subject, error) {
	if row, known := aheadOf(ctx)[id]; known {
		if row == nil {
			return Subject{}, ErrNotEnrolled
		}
		return v.open(*row)
	}
	row, err := v.store.Subject(ctx, v.identityHash(id))
	if errors.Is(err, ErrNoRow) {
		return Subject{}, ErrNotEnrolled
	}
	if err != nil {
		return Subject{}, fmt.Errorf("look up a subject: %w", err)
	}
	return v.open(row)
}

// SubjectOf returns the subject that has a number in this study, or ErrNotEnrolled.
func (v *Vault) SubjectOf(ctx context.Context, number string) (Subject, error) {
	row, err := v.store.SubjectByNumber(ctx, v.lookup.hash("number", number))
	if errors.Is(err, ErrNoRow) || err == nil && !bytes.Equal(row.StudyHash, v.studyHash()) {
		return Subject{}, ErrNotEnrolled
	}
	if err != nil {
		return Subject{}, fmt.Errorf("look up a subject number: %w", err)
	}
	return v.open(row)
}

// Enrol gives a patient the number that enrolment assigned. The patient's number of an earlier run stands: another
// one is ErrConflict. A number that another patient has is ErrNumberTaken.
func (v *Vault) Enrol(ctx context.Context, id Identity, number, site string) (Subject, error) {
	if err := checkNumber(number); err != nil {
		return Subject{}, fmt.Errorf("%w: %w", ErrEnrolment, err)
	}
	s, err := v.Subject(ctx, id)
	if errors.Is(err, ErrNotEnrolled) {
		s, err = v.insert(ctx, id, number, site, originGiven)
	}
	if err == nil && s.number != number {
		return Subject{}, ErrConflict
	}
	return s, err
}

// issueTries bounds the search for a free number: a format that is half full needs 2 on average.
const issueTries = 100

// Issue returns the patient's subject, and gives a patient without a number a random one. Doing it again, also after
// a kill, returns the same number.
func (v *Vault) Issue(ctx context.Context, id Identity, format NumberFormat, site string) (Subject, error) {
	s, err := v.Subject(ctx, id)
	if !errors.Is(err, ErrNotEnrolled) {
		return s, err
	}
	for range issueTries {
		number, err := format.issue()
		if err != nil {
			return Subject{}, err
		}
		s, err := v.insert(ctx, id, number, site, originIssued)
		if !errors.Is(err, ErrNumberTaken) && !errors.Is(err, ErrSpent) {
			return s, err
		}
	}
	return Subject{}, fmt.Errorf("issue a subject number: %d random numbers in a row are taken; give the format more digits", issueTries)
}

func (v *Vault) studyHash() []byte { return v.lookup.hash("study", v.study) }

func sealedColumns(r *Row) map[string]*[]byte {
	return map[string]*[]byte{"number": &r.Number, "site": &r.Site, "secret": &r.Secret, "origin": &r.Origin}
}

func (v *Vault) insert(ctx context.Context, id Identity, number, site, origin string) (Subject, error) {
	if id.Value == "" {
		return Subject{}, errors.New("enrol a subject: the patient has no identity")
	}
	r := Row{
		ID: random(16), StudyHash: v.studyHash(), NumberHash: v.lookup.hash("number", number),
		Number: []byte(number), Site: []byte(site), Secret: random(secretBytes), Origin: []byte(origin),
	}
	for column, value := range sealedColumns(&r) {
		*value = v.seal.seal(place{"subject", column, hex.EncodeToString(r.ID)}, *value)
	}
	if err := v.admits(id, r.NumberHash); err != nil {
		return Subject{}, err
	}
	delete(aheadOf(ctx), id)
	row, err := v.store.Insert(ctx, v.check, v.identityHash(id), r)
	if err != nil {
		return Subject{}, fmt.Errorf("enrol a subject: %w", err)
	}
	return v.open(row)
}

func (v *Vault) open(r Row) (Subject, error) {
	row := hex.EncodeToString(r.ID)
	for column, value := range sealedColumns(&r) {
		plain, err := v.seal.open(place{"subject", column, row}, *value)
		if err != nil {
			return Subject{}, err
		}
		*value = plain
	}
	s := Subject{number: string(r.Number), site: string(r.Site), key: boxed(r.Secret)}
	if len(r.Number) == 0 || len(r.Secret) != secretBytes {
		return Subject{}, fmt.Errorf("vault subject: %w", errSealed)
	}
	return s, nil
}
