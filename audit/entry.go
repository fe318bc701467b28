package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"
)

// Kind says what an entry is about: small letters and dashes.
type Kind string

// The kinds that this program writes.
const (
	RunBegun      Kind = "run-begun"        // Run
	RunFinished   Kind = "run-finished"     // Finished
	RunStopped    Kind = "run-stopped"      // Stopped
	Decided       Kind = "decision"         // Decision, about a subject
	Computed      Kind = "casebook"         // Casebook, about a subject
	DeliveryMade  Kind = "delivery"         // Delivery
	Inspected     Kind = "inspection"       // of a subject's real data, or of a whole cohort's
	Erased        Kind = "erased"           // the subject: the last entry about it, written before its row in the vault is destroyed
	Retired       Kind = "retired"          // the study: everything about subjects was erased
	Gap           Kind = "gap"              // Missed: the log was not the one that the anchor knew
	QueryWorked   Kind = "query"            // QueryDeed, about a subject: a person did something to a query
	VaultChanged  Kind = "vault-changed"    // VaultChange, about a subject or the whole vault
	LedgerMoved   Kind = "ledger-moved"     // LedgerMove
	Located       Kind = "located"          // a keyed reference was resolved
	Requested     Kind = "identity-request" // Request: a person wants to know who a subject is
	Reidentified  Kind = "reidentified"     // Approval: another person approved it
	RequestDenied Kind = "request-denied"   // Request
	// OriginalsGiven is that originals of a subject's imaging studies were written, for an anonymiser at the PACS.
	OriginalsGiven  Kind = "originals"        // Request
	MappingApproved Kind = "mapping-approved" // Mapping
)

var kindPattern = regexp.MustCompile(`^[a-z][a-z-]{0,31}$`)

// Digest is a link of the chain.
type Digest [sha256.Size]byte

// Mark is a keyed digest of what stands about a subject. The zero Mark is that nothing does.
type Mark [sha256.Size]byte

// Entry is an event as a Log stores it. All of it is part of the digest.
type Entry struct {
	Number  int64  // from 1, without gaps
	At      string // RFC 3339 in UTC
	Actor   string
	Kind    Kind
	Subject []byte // the pseudonym.AuditName of the one that it concerns; nil: nobody in particular
	Mark    []byte // a Mark; nil for what marks nothing
	Payload []byte // sealed
	Before  []byte // digest of the entry before; zeros for the first
	Digest  []byte // as it was stored
}

// digest computes the entry's link of the chain: every part, each preceded by its length.
func (e *Entry) digest(mac hash.Hash) []byte {
	var size [8]byte
	part := func(b []byte) {
		binary.BigEndian.PutUint64(size[:], uint64(len(b)))
		mac.Write(size[:])
		mac.Write(b)
	}
	mac.Reset()
	binary.BigEndian.PutUint64(size[:], uint64(e.Number)) // #nosec G115 -- the bits are what counts
	mac.Write(size[:])
	part(e.Before)
	part([]byte(e.At))
	part([]byte(e.Actor))
	part([]byte(e.Kind))
	part(e.Subject)
	part(e.Mark)
	part(e.Payload)
	return mac.Sum(nil)
}

// bound is what the payload is sealed to: an entry's payload does not open in an entry of another kind.
func bound(kind Kind) string { return string(kind) }

// Head is the number and digest of an entry, by which a log is held to contain it and all before it. The zero Head is that of
// an empty log.
type Head struct {
	Number int64
	Digest Digest
}

// Head returns the entry's number and digest.
func (e *Entry) Head() Head {
	h := Head{Number: e.Number}
	copy(h.Digest[:], e.Digest)
	return h
}

// String returns number:digest, as reports print it.
func (h Head) String() string {
	return strconv.FormatInt(h.Number, 10) + ":" + hex.EncodeToString(h.Digest[:])
}

// MarshalText writes the head as String does.
func (h Head) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what String wrote.
func (h *Head) UnmarshalText(text []byte) error {
	read, err := ParseHead(string(text))
	*h = read
	return err
}

var errHead = errors.New("a head of the audit is a number, a colon and 64 hexadecimal digits, as the report of a run prints it")

// ParseHead reads what String wrote.
func ParseHead(text string) (h Head, err error) {
	number, digest, _ := strings.Cut(strings.TrimSpace(text), ":")
	b, err := hex.DecodeString(digest)
	if err != nil || len(b) != len(h.Digest) {
		return Head{}, errHead
	}
	if h.Number, err = strconv.ParseInt(number, 10, 64); err != nil || h.Number < 0 {
		return Head{}, errHead
	}
	copy(h.Digest[:], b)
	return h, nil
}

func (h Head) bytes() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(h.Number)), h.Digest[:]...) // #nosec G115 -- a number of entries
}

func headOf(b []byte) (h Head, err error) {
	if len(b) != 8+len(h.Digest) {
		return h, fmt.Errorf("the audit's anchor has %d bytes", len(b))
	}
	h.Number = int64(binary.BigEndian.Uint64(b)) // #nosec G115 -- as bytes wrote it
	copy(h.Digest[:], b[8:])
	return h, nil
}
