package imaging

import (
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/pseudonym"
)

// Locate finds the imaging studies of a patient in the ImagingStudy resources that consent permits, with the
// ServiceRequests and DiagnosticReports that name them, and links each study to the subject once. The result depends
// neither on the order of the resources nor on anything outside the arguments. It is an error when there is no subject, or nothing that
// consent permits.
//
// Per resource the ladder is: identifiers (Method dicom-uid, system, uri) and the UID of STU3; the id, if it is the hash
// of a candidate's UID; the only candidate with its accession number and patient; the only candidate with its series;
// the only other study of the record with its accession number and one of its series; the accession number alone.
func Locate(p consent.Permitted, subject pseudonym.Subject, rules *Rules, dates Dates) (Found, error) {
	if !p.Granted() {
		return Found{}, errNothing
	}
	return locate(p, subject, rules, dates)
}
