package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"hash"
	"time"

	"github.com/crflink/crflink/pseudonym"
)

// Format names the form of a Report, for programs that read it.
const Format = "crflink.audit/1"

// Fault says what is wrong with an entry or the log.
type Fault string

// The faults.
const (
	Altered    Fault = "altered"    // an entry is not what was written
	Missing    Fault = "missing"    // entries are not there that were
	Reordered  Fault = "reordered"  // an entry does not follow the one that it was written after
	Truncated  Fault = "truncated"  // the log ends before a head that is known
	Foreign    Fault = "foreign"    // the log holds another entry than a head that is known
	Unanchored Fault = "unanchored" // the vault knows no head, although there are entries
	Unreadable Fault = "unreadable" // what an entry says does not open, although its key is there
	Unproved   Fault = "unproved"   // the decisions that a run found standing are not those of the log
	Recorded   Fault = "recorded"   // a run found that the log was not the one that the vault knew
)

// Finding is a fault and its place. It names nobody.
type Finding struct {
	Number int64  `json:"number"` // of the entry; 0: the log as a whole
	Fault  Fault  `json:"fault"`
	Says   string `json:"says"`
}

// Report is what verifying found.
type Report struct {
	Format   string       `json:"format"`
	Study    string       `json:"study,omitempty"`
	Entries  int          `json:"entries"`
	Head     Head         `json:"head"`
	Anchor   Head         `json:"anchor"` // that the vault keeps
	Kinds    map[Kind]int `json:"kinds"`
	Subjects int          `json:"subjects"` // that can be read
	Erased   ErasedCount  `json:"erased"`
	Faults   int          `json:"faults"`
	Findings []Finding    `json:"findings"` // the first maxFindings
}

// ErasedCount counts what nobody can read any more, and is as it was written.
type ErasedCount struct {
	Subjects int `json:"subjects"`
	Entries  int `json:"entries"`
}

// maxFindings bounds the list: of a log that was replaced every entry is altered.
const maxFindings = 1000

// Sound reports whether nothing is wrong.
func (r *Report) Sound() bool { return r.Faults == 0 }

// Verify reads the whole log and checks every entry, the chain, the vault's anchor, and heads that were noted elsewhere. An
// error means that log or vault could not be read.
func Verify(ctx context.Context, log Log, vault *pseudonym.Vault, held ...Head) (*Report, error) {
	keys, err := keysOf(ctx, vault)
	if err != nil {
		return nil, err
	}
	v := &verifier{keys: keys, mac: vault.AuditChain(), marks: Marks{}, erased: map[string]bool{}, out: &Report{Format: Format, Kinds: map[Kind]int{}, Findings: []Finding{}}}
	// The anchor is read before the log, so that what is written meanwhile is no fault.
	if v.out.Anchor, err = anchorOf(ctx, vault); err != nil {
		return nil, err
	}
	v.expect(v.out.Anchor, "the vault's anchor")
	for _, h := range held {
		v.expect(h, "the head that was given")
	}
	for e, err := range log.Entries(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
		v.entry(&e)
	}
	v.end()
	return v.out, nil
}

// known is a head that the log must hold.
type known struct {
	head  Head
	whose string
	met   bool
}

type verifier struct {
	keys   *keys
	mac    hash.Hash
	erased map[string]bool // subjects, by their name in the audit
	marks  Marks
	known  []known
	last   Head
	doubt  bool // an entry is not what was written: what stands by the log may be another thing, too
	out    *Report
}

func (v *verifier) expect(h Head, whose string) {
	if h.Number > 0 {
		v.known = append(v.known, known{head: h, whose: whose})
	}
}

func (v *verifier) fault(number int64, f Fault, format string, args ...any) {
	v.out.Faults++
	v.doubt = v.doubt || f == Altered || f == Reordered || f == Unreadable
	if len(v.out.Findings) < maxFindings {
		v.out.Findings = append(v.out.Findings, Finding{number, f, fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) entry(e *Entry) {
	v.out.Entries++
	v.out.Kinds[e.Kind]++
	v.place(e)
	v.last = e.Head()
	for i := range v.known {
		k := &v.known[i]
		if k.head.Number != e.Number {
			continue
		}
		if k.met = true; !bytes.Equal(k.head.Digest[:], e.Digest) {
			v.fault(e.Number, Foreign, "%s knows another entry of this number", k.whose)
		}
	}
	if !hmac.Equal(e.digest(v.mac), e.Digest) {
		v.fault(e.Number, Altered, "the entry, its number or its place is not as it was written")
		return
	}
	if _, err := time.Parse(time.RFC3339, e.At); err != nil {
		v.fault(e.Number, Unreadable, "the time of the entry cannot be read")
	}
	v.read(e)
}

// place checks that the entry follows the one before.
func (v *verifier) place(e *Entry) {
	switch {
	case e.Number <= v.last.Number:
		v.fault(e.Number, Reordered, "it comes after entry %d", v.last.Number)
	case e.Number == v.last.Number+2:
		v.fault(e.Number, Missing, "entry %d is not there", v.last.Number+1)
	case e.Number > v.last.Number+1:
		v.fault(e.Number, Missing, "entries %d to %d are not there", v.last.Number+1, e.Number-1)
	case !bytes.Equal(e.Before, v.last.Digest[:]):
		v.fault(e.Number, Reordered, "it was not written after entry %d as that is now", v.last.Number)
	}
}

// read opens the payload of an entry that is as it was written.
func (v *verifier) read(e *Entry) {
	v.marks.take(e)
	text, ok, err := v.keys.open(e)
	switch {
	case err != nil:
		v.fault(e.Number, Unreadable, "what the entry says does not open")
	case !ok:
		v.out.Erased.Entries++
		v.erased[string(e.Subject)] = true
	case e.Kind == RunFinished:
		v.finished(e, text)
	case e.Kind == Gap:
		v.gap(e, text)
	}
}

// finished compares the decisions that a run found standing with those that the log has until then.
func (v *verifier) finished(e *Entry, text []byte) {
	var f Finished
	if err := json.Unmarshal(text, &f); err != nil {
		v.fault(e.Number, Unreadable, "the end of a run cannot be read")
		return
	}
	if v.doubt {
		return
	}
	if f.Standing != len(v.marks) || f.Decisions != v.marks.digest(decisionsHash(v.keys.vault)) {
		v.fault(e.Number, Unproved, "the run found %d decisions standing, which are not those that the log has until then", f.Standing)
	}
}

// gap reports what a run found missing when it began.
func (v *verifier) gap(e *Entry, text []byte) {
	var m Missed
	if err := json.Unmarshal(text, &m); err != nil {
		v.fault(e.Number, Unreadable, "the record of a gap cannot be read")
		return
	}
	v.fault(e.Number, Recorded, "the vault knew entry %d when the log ended with entry %d, or had another one there: a part was lost, or an older copy was restored", m.Anchor.Number, m.Found.Number)
}

// end looks at what the log as a whole lacks.
func (v *verifier) end() {
	v.out.Head, v.out.Subjects, v.out.Erased.Subjects = v.last, len(v.keys.subjects), len(v.erased)
	for _, k := range v.known {
		switch {
		case k.head.Number > v.last.Number:
			v.fault(0, Truncated, "the log ends with entry %d, and %s knows entry %d", v.last.Number, k.whose, k.head.Number)
		case !k.met:
			v.fault(0, Foreign, "the log does not hold entry %d, which %s knows", k.head.Number, k.whose)
		}
	}
	if v.out.Anchor.Number == 0 && v.last.Number > 0 {
		v.fault(0, Unanchored, "the vault knows no head of this log")
	}
}
