package pipeline

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// usualRefresh is after how many days a PACS is asked again about a subject of whom nothing else has changed, unless the study
// says otherwise.
const usualRefresh = 7

// inquired says when the PACS was asked about a subject, and a digest of all that it was asked by.
type inquired struct {
	Day   string `json:"day"` // as-of of the run, YYYY-MM-DD
	Basis string `json:"basis"`
}

// basis is a digest of all that a casebook is computed from but the PACS's answer: what it is asked by is part of it. It is keyed
// with the subject's secret.
func (r *runner) basis(record *fhir.Record, p consent.Permitted, w work) string {
	w.studies = nil
	h := w.subject.Digest()
	_, _ = fmt.Fprintf(h, "%s\n%v\n", r.digest(record, p, w), p.Parts()[0].Decision().WindowsFor("ImagingStudy"))
	return hex.EncodeToString(h.Sum(nil))
}

// asks reports whether the PACS must be asked about a subject in this run: something that it is asked by has changed, or is not
// known, or its turn has come.
func (r *runner) asks(s pseudonym.Subject, last ecrf.Facts, basis string) bool {
	spec := r.Study.Imaging.PACS
	if r.Full || spec.Refresh == 0 || last.Digest == "" || last.Outcome != outcomePermitted || r.parted(s.Number()) {
		return true
	}
	kept, err := readSessions(last.Links)
	return err != nil || kept.Inquired == nil || kept.Inquired.Basis != basis || r.isDue(s, kept.Inquired)
}

// isDue reports whether the subject's turn came since the PACS was asked. Each has its own day of every so many, so that not all
// are asked in one night.
func (r *runner) isDue(s pseudonym.Subject, asked *inquired) bool {
	day, err := fhir.ParseDay(asked.Day)
	today := fhir.DayOf(r.AsOf.In(r.Study.Zone))
	if err != nil || today < day {
		return true
	}
	every := fhir.Day(r.Study.Imaging.PACS.Refresh) // #nosec G115 -- at most a year
	h := s.Digest()
	_, _ = h.Write([]byte("turn at the PACS"))
	turn := fhir.Day(binary.BigEndian.Uint32(h.Sum(nil)) % uint32(every)) // #nosec G115 -- less than a year
	return (today+turn)/every > (day+turn)/every
}

// inquired is what the ledger keeps of this run's question; nil where no PACS was asked.
func (r *runner) inquired(w work) *inquired {
	if w.studies == nil {
		return nil
	}
	return &inquired{fhir.DayOf(r.AsOf.In(r.Study.Zone)).String(), w.basis}
}

// askedAgain is the result for a subject about whom the PACS was asked and had nothing new: only that it was asked is stored.
func (r *runner) askedAgain(result *subjectResult, w work, last ecrf.Facts) (*subjectResult, error) {
	if err := result.unchanged(last); err != nil || r.Study.Imaging.PACS == nil || r.Study.Imaging.PACS.Refresh == 0 {
		return result, err
	}
	kept, err := readSessions(last.Links)
	if err != nil {
		return result, err
	}
	now := r.inquired(w)
	if now == nil || kept.Inquired != nil && *kept.Inquired == *now {
		return result, nil
	}
	kept.Inquired = now
	text, err := json.Marshal(kept)
	if err != nil {
		return result, fmt.Errorf("the ledger's imaging links: %w", err)
	}
	last.Links = string(text)
	result.asked = &ecrf.SubjectChange{Facts: last}
	return result, nil
}

// stillAtPACS reports whether the PACS need not be asked about a subject of whom the source has nothing new.
func (r *runner) stillAtPACS(s pseudonym.Subject, last ecrf.Facts) bool {
	spec := r.Study.Imaging.PACS
	if spec == nil {
		return true
	}
	kept, err := readSessions(last.Links)
	return err == nil && kept.Inquired != nil && !r.isDue(s, kept.Inquired)
}
