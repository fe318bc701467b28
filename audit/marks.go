package audit

import (
	"bytes"
	"encoding/hex"
	"hash"
	"slices"

	"github.com/crflink/crflink/pseudonym"
)

// Marks are what stands about each subject.
type Marks map[pseudonym.AuditName]Mark

// Set takes up a mark; the zero Mark is that nothing stands any more.
func (m Marks) Set(name pseudonym.AuditName, mark Mark) {
	if mark == (Mark{}) {
		delete(m, name)
		return
	}
	m[name] = mark
}

// Take takes up what a draft marks.
func (m Marks) Take(d Draft) { m.take(&d.entry) }

// take takes up what an entry marks.
func (m Marks) take(e *Entry) {
	var name pseudonym.AuditName
	var mark Mark
	if len(e.Subject) == len(name) && len(e.Mark) == len(mark) {
		m.Set(pseudonym.AuditName(e.Subject), Mark(e.Mark))
	}
}

// decisionsHash is the keyed hash for the digest over all marks.
func decisionsHash(vault *pseudonym.Vault) hash.Hash {
	mac := vault.AuditChain()
	_, _ = mac.Write([]byte("decisions\x00"))
	return mac
}

// digest returns a keyed digest over all marks. Whoever has the log can compute it from the entries alone: it proves that the
// decisions that a run did not write again stood.
func (m Marks) digest(mac hash.Hash) string {
	names := make([]pseudonym.AuditName, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b pseudonym.AuditName) int { return bytes.Compare(a[:], b[:]) })
	for _, name := range names {
		mark := m[name]
		mac.Write(name[:])
		mac.Write(mark[:])
	}
	return hex.EncodeToString(mac.Sum(nil))
}
