package synth

import "github.com/crflink/crflink/fhir"

// PACSStudy is a study as the hospital's PACS keeps it: with all that the ImagingStudy resource may have left out.
type PACSStudy struct {
	UID, Patient, Accession string // Patient is the PatientID: of merged patients the number that the study was made under
	Date                    fhir.Day
	Modalities, Series      []string // the series' UIDs, in the order of the modalities
}

// Studies returns what the PACS has of the patient that was generated last.
func (g *Generator) Studies() (all []PACSStudy) {
	p := &g.p
	for i := range p.studies {
		f := &p.studies[i]
		s := PACSStudy{UID: f.uid, Patient: p.pid, Accession: f.accession, Date: f.when.start.day, Modalities: f.modalities}
		if f.old {
			s.Patient = p.oldPID
		}
		for j := range f.modalities {
			s.Series = append(s.Series, f.seriesUID(j))
		}
		all = append(all, s)
	}
	return all
}

// HashSystem is what the ids of some ImagingStudies are a hash of, before a bar and the study UID.
const HashSystem = hashSystem
