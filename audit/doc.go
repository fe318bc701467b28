// Package audit keeps the account of what was decided, computed, delivered, erased and looked at in a study, so that it can
// be shown later and cannot be changed unseen.
//
//   - An Event is what happened; somebody did it: no actor, no event.
//   - An Entry is an event in the log: numbered, sealed, and chained to the entry before by a keyed digest.
//   - A seal is the encryption of what an entry says. What it says about a subject is sealed under a key of that subject:
//     destroying the subject's row in the vault makes it unreadable for good, and the chain still holds.
//   - A Mark is a keyed digest of what stands about a subject, by which an unchanged decision is told from a new one.
//   - The Head is the number and the digest of the last entry. The anchor is a head that the vault keeps, apart from the log:
//     what was cut off behind it is missed. A head that a person has noted can be held against the log, too.
//   - A Log stores entries and never changes one. An implementation passes the suite audit/audittest.
//
// docs/audit.md says what this proves and what it does not.
package audit
