package dicomweb_test

import (
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/synth"
)

// keptStudy is a synthetic study as the PACS keeps it.
func keptStudy(s synth.PACSStudy) fakepacs.Study {
	y, m, d := s.Date.Date()
	k := fakepacs.Study{UID: s.UID, Patients: []string{s.Patient}, Accession: s.Accession, Date: fhirDate(y, m, d), Time: "120000"}
	for i, modality := range s.Modalities {
		k.Series = append(k.Series, fakepacs.Series{UID: s.Series[i], Modality: modality, Instances: 1})
	}
	return k
}

func fhirDate(y, m, d int) string {
	return fhir.NewDay(y, m, d).String()[:4] + fhir.NewDay(y, m, d).String()[5:7] + fhir.NewDay(y, m, d).String()[8:]
}

// account is what became of the studies that synthetic patients truly have.
type account struct {
	right, wrong, lost, review int
	methods                    map[imaging.Method]int
	reasons                    map[imaging.Reason]int
}

// linkAll links synthetic patients through a PACS, which keeps what change makes of each study; a study without a UID it
// does not have.
func linkAll(t *testing.T, config synth.Config, change func(n int, s *fakepacs.Study)) account {
	t.Helper()
	g, err := synth.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server, client := pacs(t, nil)
	subject := subjectOf(t)
	rules := imaging.Rules{PatientSystems: []string{"https://hospital.example/fhir/sid/pid"}, HashSystems: []string{synth.HashSystem}}
	a := account{methods: map[imaging.Method]int{}, reasons: map[imaging.Reason]int{}}
	n := 0
	for i := range config.Patients {
		var texts []string
		truth, err := g.Patient(i, func(_ string, text []byte) error { texts = append(texts, string(text)); return nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range g.Studies() {
			k := keptStudy(s)
			n++
			if change(n, &k); k.UID != "" {
				server.Add(k)
			}
		}
		a.add(subject, truth, link(t, subject, client, truth.Patients[0], texts, rules))
	}
	t.Logf("%+v", a)
	return a
}

func (a *account) add(subject pseudonym.Subject, truth *synth.Truth, found imaging.Found) {
	of := map[string]string{} // resource to study, both pseudonymous
	for _, m := range truth.Imaging {
		of[subject.ResourceID(fhir.Key{Type: "ImagingStudy", ID: m.Resource})] = subject.UID(m.UID)
	}
	seen := map[string]bool{}
	for _, l := range found.Links {
		a.methods[l.Method]++
		for _, r := range l.Resources {
			switch uid, known := of[r]; {
			case known && uid == l.StudyUID && !seen[r]:
				a.right++
			case known:
				a.wrong++
			}
			seen[r] = true
		}
	}
	for _, u := range found.Unlinked {
		if of[u.Resource] != "" {
			a.review++
			a.reasons[u.Reason]++
		}
		seen[u.Resource] = true
	}
	for r := range of {
		if !seen[r] {
			a.lost++
		}
	}
}

// Of 1,000 patients: no automatic link is wrong, of the studies at least 99 of 100 are linked, what is left is for a person
// to see, and nothing is lost.
func TestOfAThousandPatientsNoLinkIsWrongAndNoneIsLost(t *testing.T) {
	a := linkAll(t, synth.Config{Seed: 5, Patients: 1000}, func(int, *fakepacs.Study) {})
	if a.wrong != 0 || a.lost != 0 || a.right*100 < (a.right+a.review)*99 {
		t.Errorf("of the studies %d are wrong, %d lost, %d right and %d to be reviewed", a.wrong, a.lost, a.right, a.review)
	}
	for _, m := range []imaging.Method{imaging.ByDICOMUID, imaging.ByURI, imaging.ByHash, imaging.ByAccession, imaging.BySeries, imaging.ByDate} {
		if a.methods[m] == 0 {
			t.Errorf("nothing was linked by %s", m)
		}
	}
}

// The PACS of a worse hospital: accession numbers are missing or belong to another order, studies are dated a day later,
// or are not there, or are kept under another patient too.
func TestAWorseHospitalHasNoWrongLinkEither(t *testing.T) {
	a := linkAll(t, synth.Config{Seed: 9, Patients: 200, Messiness: synth.Harsh}, func(n int, s *fakepacs.Study) {
		switch n % 12 {
		case 0:
			s.Accession = ""
		case 3:
			s.Accession = "X" + s.Accession
		case 5:
			d, _ := dicom.ParseDay(s.Date)
			y, m, day := (d + 1).Date()
			s.Date = fhirDate(y, m, day)
		case 7:
			s.UID = ""
		case 9:
			s.Patients = append(s.Patients, "ANOTHER")
		}
	})
	if a.wrong != 0 || a.lost != 0 {
		t.Errorf("of the studies %d are wrong, %d lost", a.wrong, a.lost)
	}
	if a.reasons[imaging.OtherPatient] == 0 || a.reasons[imaging.NoSuchStudy] == 0 {
		t.Errorf("the defects were not met: %v", a.reasons)
	}
}
