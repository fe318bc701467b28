package pseudonym

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/crflink/crflink/fhir"
)

// Subject is a patient as the study knows them. Only a Vault makes one; the zero Subject is refused everywhere.
type Subject struct {
	number string
	site   string
	key    *box
}

// Number is the study's subject number.
func (s Subject) Number() string { return s.number }

// Site is the study site that enrolled the subject; "" where the study has only one.
func (s Subject) Site() string { return s.site }

// IsZero reports whether the Subject names nobody.
func (s Subject) IsZero() bool { return s.number == "" || s.key == nil }

// String returns the number: a pseudonym, fit for reports.
func (s Subject) String() string { return s.number }

// Format prints the number for every verb.
func (s Subject) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.number) }

// UID returns the DICOM UID that stands for a study, series, instance or frame-of-reference UID of the subject.
// A prefix urn:oid: does not count. The same original always gives the same UID.
func (s Subject) UID(original string) string {
	_, uid := cutOID(original)
	return string(newKeyer(s.key.open()).appendUID(nil, uid))
}

// Accession returns the value that stands for an accession number (0008,0050) of the subject.
func (s Subject) Accession(original string) string {
	return string(appendAccession(nil, newKeyer(s.key.open()), original))
}

// ResourceID returns the id that the resource has in the subject's Record. It is fit for logs.
func (s Subject) ResourceID(k fhir.Key) string {
	return newKeyer(s.key.open()).id(labelResource, k.Type, k.ID)
}

// Digest returns a hash that only this subject's secret can compute: what it yields tells nothing to somebody who has a
// guess of what was written to it.
func (s Subject) Digest() hash.Hash {
	k := newKeyer(s.key.open())
	return hmac.New(sha256.New, k.digest(labelInput))
}
