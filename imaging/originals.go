package imaging

import (
	"context"
	"errors"

	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/pseudonym"
)

// ErrNoInstance is a linked study of which the PACS tells no instance.
var ErrNoInstance = errors.New("the PACS tells no instance of a linked study: it may keep the study under two patients, or be without metadata")

// Originals asks the PACS for every UID of a linked study: series, instances and frames of reference. shift is by how many
// days the subject's dates are moved. A study of which the PACS tells no instance is an error: a table without it would let
// its images go out as they are, or nowhere.
func Originals(ctx context.Context, pacs PACS, e Examination, subject pseudonym.Subject, shift int) (Restricted, error) {
	if e.IsZero() || subject.IsZero() {
		return Restricted{}, errNoSubject
	}
	r := Restricted{subject: subject.Number(), shift: shift}
	r.add(LevelStudy, e.of.uid, subject.UID(e.of.uid))
	for _, id := range e.of.patients {
		r.add(LevelPatient, id, subject.Number())
	}
	for _, number := range e.of.numbers {
		r.add(LevelAccession, number, subject.Accession(number))
	}
	rows, err := pacs.Series(ctx, e)
	if err != nil {
		return Restricted{}, err
	}
	listed := map[string]bool{}
	for _, row := range rows {
		uid, ok := ParseUID(row.Text(dicom.SeriesInstanceUID))
		if !ok || listed[uid] {
			continue
		}
		listed[uid] = true
		if err := r.series(ctx, pacs, e, subject, uid); err != nil {
			return Restricted{}, err
		}
	}
	if len(r.instances) == 0 {
		return Restricted{}, ErrNoInstance
	}
	return r, nil
}

// series adds a series with its instances.
func (r *Restricted) series(ctx context.Context, pacs PACS, e Examination, subject pseudonym.Subject, uid string) error {
	rows, err := pacs.Metadata(ctx, e, uid)
	if err != nil {
		return err
	}
	r.add(LevelSeries, uid, subject.UID(uid))
	for _, row := range rows {
		sop, ok := ParseUID(row.Text(dicom.SOPInstanceUID))
		if !ok {
			continue
		}
		r.add(LevelInstance, sop, subject.UID(sop))
		if frame, ok := ParseUID(row.Text(dicom.FrameOfReferenceUID)); ok {
			r.add(LevelFrame, frame, subject.UID(frame))
		}
		r.instances = append(r.instances, instance{e.of.uid, uid, sop})
	}
	return nil
}

// instance is where an image stands, by original UIDs.
type instance struct{ study, series, sop string }

// ReviewOriginals are the originals of the studies that a person is shown for a subject.
func ReviewOriginals(c *Candidates, subject pseudonym.Subject, found Found) Restricted {
	shown := map[string]bool{}
	for _, u := range found.Unlinked {
		for _, o := range u.Offers {
			shown[o.StudyUID] = true
		}
	}
	for _, u := range found.Unclaimed {
		shown[u.StudyUID] = true
	}
	r := Restricted{subject: subject.Number()}
	for _, e := range c.which(func(e *examination) bool { return shown[subject.UID(e.uid)] }) {
		r.add(LevelStudy, e.uid, subject.UID(e.uid))
		for _, id := range e.patients {
			r.add(LevelPatient, id, subject.UID(e.uid)) // beside the study: it may be another patient's
		}
		for _, number := range e.numbers {
			r.add(LevelAccession, number, subject.Accession(number))
		}
	}
	return r
}
