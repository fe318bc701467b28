package pseudonym

import (
	"context"
	"errors"
	"iter"
)

// Row is one subject as a VaultStore keeps it: every value sealed, every lookup a keyed hash.
type Row struct {
	ID         []byte // 16 random bytes
	StudyHash  []byte // keyed hash of the study's name
	NumberHash []byte // keyed hash of the number; unique in the vault
	Number     []byte // sealed
	Site       []byte // sealed
	Secret     []byte // sealed
	Origin     []byte // sealed: who gave the number
}

// What a VaultStore answers besides failures of the medium.
var (
	ErrNoRow       = errors.New("the vault holds no such row")
	ErrNumberTaken = errors.New("the subject number belongs to another subject")
	ErrIdentity    = errors.New("the identity belongs to another subject")
	ErrRotated     = errors.New("the vault's key was changed while it was open; run again with the new key")
)

// MetaCheck is the name of the metadata by whose value a vault's key is known. Every change of the key changes it.
const MetaCheck = "check"

// VaultStore keeps rows. It sees ciphertext and keyed hashes only. All methods are safe for concurrent use, also by
// several processes on one store, and each is atomic: after a kill it has happened as a whole or not at all.
type VaultStore interface {
	// Meta returns the value of a name, or ErrNoRow.
	Meta(ctx context.Context, name string) ([]byte, error)
	// InitMeta stores the values unless any of the names is there already; it reports whether it stored them.
	InitMeta(ctx context.Context, values map[string][]byte) (bool, error)
	// ChangeMeta stores what next returns for the value of a name (nil when there is none), durably. When next returns nil or
	// an error, the value stays.
	ChangeMeta(ctx context.Context, name string, next func(now []byte) ([]byte, error)) error
	// Subject returns the row that an identity hash points to, or ErrNoRow.
	Subject(ctx context.Context, identity []byte) (Row, error)
	// Subjects returns the rows that identity hashes point to, by the hash; of one that points nowhere there is none.
	Subjects(ctx context.Context, identities [][]byte) (map[string]Row, error)
	// SubjectByNumber returns the row of a number hash, or ErrNoRow.
	SubjectByNumber(ctx context.Context, numberHash []byte) (Row, error)
	// Rows yields all rows of a study as they are when the iteration begins, in any order.
	Rows(ctx context.Context, studyHash []byte) iter.Seq2[Row, error]
	// Insert stores the row and the identity that points to it. Where the identity is known it stores nothing and
	// returns the row that is there. Where only the number is known it returns ErrNumberTaken. check is the value of
	// MetaCheck when the row was sealed: where it is another one by now, nothing is stored and the error is ErrRotated.
	Insert(ctx context.Context, check, identity []byte, row Row) (Row, error)
	// Link lets a further identity point to a row; again is no error. ErrIdentity when it points elsewhere, ErrNoRow
	// when there is no such row.
	Link(ctx context.Context, identity, rowID []byte) error
	// Unlink takes an identity off the row that it points to, which stays; an unknown one is no error.
	Unlink(ctx context.Context, identity []byte) error
	// Identities returns the identity hashes that point to a row, in order.
	Identities(ctx context.Context, rowID []byte) ([][]byte, error)
	// Destroy deletes a row and the identities that point to it; again is no error.
	Destroy(ctx context.Context, rowID []byte) error
	// DestroyStudy deletes all rows of a study and returns how many there were.
	DestroyStudy(ctx context.Context, studyHash []byte) (int, error)
	// Rewrite replaces the sealed values of all rows and the metadata in one transaction: reseal is called for each
	// row and may change its sealed values only.
	Rewrite(ctx context.Context, meta map[string][]byte, reseal func(Row) (Row, error)) error
}
