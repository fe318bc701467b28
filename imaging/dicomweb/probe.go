package dicomweb

import (
	"context"

	"github.com/crflink/crflink/imaging/dicom"
)

// What no PACS has: the UID of the UUID 1, and a patient.
const (
	noStudy   = "2.25.1"
	noPatient = "crflink-nobody-0"
)

// Probe finds out whether the PACS answers, and heeds the keys that a run asks by. It asks for what nobody has, so that an
// answer with rows is one that must not be used. No patient is asked for.
func (c *Client) Probe(ctx context.Context) error {
	for _, k := range []key{{dicom.StudyInstanceUID, noStudy}, {dicom.PatientID, noPatient}} {
		if _, err := c.search(ctx, search{at: studies, keys: []key{k}, fields: studyFields}); err != nil {
			return err
		}
	}
	return nil
}
