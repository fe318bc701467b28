package pseudonym

import (
	"fmt"

	"github.com/crflink/crflink/fhir"
)

// Subject is a patient as the study knows them. Only a Vault makes one; the zero Subject is refused everywhere.
type Subject struct {
	number string
	site   string
	key    secret
}

// Number is the study's subject number.
func (s Subject) Number() string { return s.number }

// Site is the study site that enrolled the subject; "" where the study has only one.
func (s Subject) Site() string { return s.site }

// IsZero reports whether the Subject names nobody.
func (s Subject) IsZero() bool { return s.number == "" || s.key == secret{} }

// String returns the number: a pseudonym, fit for reports.
func (s Subject) String() string { return s.number }

// GoString keeps the secret out of %#v.
func (s Subject) GoString() string { return fmt.Sprintf("pseudonym.Subject{%s}", s.number) }

// UID returns the DICOM UID that stands for a study, series, instance or frame-of-reference UID of the subject.
// A prefix urn:oid: does not count. The same original always gives the same UID.
func (s Subject) UID(original string) string {
	_, uid := cutOID(original)
	return newKeyer(s.key[:]).uid(uid)
}

// Accession returns the value that stands for an accession number (0008,0050) of the subject.
func (s Subject) Accession(original string) string {
	return accession(newKeyer(s.key[:]), original)
}

// ResourceID returns the id that the resource has in the subject's Record. It is fit for logs.
func (s Subject) ResourceID(k fhir.Key) string {
	return newKeyer(s.key[:]).id(labelResource, k.Type, k.ID)
}
