package dicomweb_test

import (
	"math"
	"slices"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/synth"
)

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
			k := s.Kept()
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

// reasonOf is what is said of a synthetic series with a defect.
var reasonOf = map[string]pet.Reason{
	"grams": pet.WeightGrams, "mbq": pet.DoseMegabecquerel, "late": pet.UptakeOutside, "no-weight": pet.WeightMissing, "after-scan": pet.InjectionAfterScan, "counts": pet.NotCalibrated, "calibrated": pet.SPECTWithoutSUV,
}

// Every series of a PACS gets the factor that was true when it was drawn, and what is wrong with it is said.
func TestEverySyntheticSeriesGetsItsTrueFactor(t *testing.T) {
	g, err := synth.New(synth.Config{Seed: 4, Patients: 150})
	if err != nil {
		t.Fatal(err)
	}
	server, client := pacs(t, nil)
	seen := map[string]int{}
	for i := range 150 {
		if _, err := g.Patient(i, func(string, []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for _, s := range g.Studies() {
			server.Add(s.Kept())
			a, err := client.Study(t.Context(), everything(t, s.Patient), s.UID)
			if err != nil || len(a.Examinations) != 1 {
				t.Fatal(err)
			}
			for _, one := range s.Series {
				if one.Truth.Kind == "" {
					continue
				}
				images, err := client.Metadata(t.Context(), a.Examinations[0], one.UID)
				if err != nil || len(images) != one.Instances {
					t.Fatalf("%d images, %v", len(images), err)
				}
				seen[one.Truth.Kind]++
				isTrue(t, one, pet.Default().Assess(pet.Read(one.Modality, images, berlin(t)), pet.Setting{}))
			}
		}
	}
	if len(seen) != len(synth.PETKinds)+2 {
		t.Errorf("seen: %v", seen)
	}
}

func isTrue(t *testing.T, s synth.PACSSeries, got pet.Result) {
	t.Helper()
	for what, v := range map[string]struct {
		got  *float64
		want float64
	}{"factor": {got.FactorMedian, s.Truth.Factor}, "calibration": {got.Calibration, s.Truth.Calibration}} {
		if (v.got == nil) != (v.want == 0) || v.got != nil && math.Abs(*v.got/v.want-1) > 1e-9 {
			t.Errorf("%s: the %s is %v, in truth %v; %v", s.Truth.Kind, what, v.got, v.want, got.Reasons)
		}
	}
	if reason := reasonOf[s.Truth.Kind]; reason != "" && !slices.Contains(got.Reasons, reason) {
		t.Errorf("%s: %v", s.Truth.Kind, got.Reasons)
	}
	if s.Modality == "PT" && (got.Tracer != s.Truth.Tracer || got.Nuclide != s.Truth.Nuclide || got.Uptake == nil || math.Abs(*got.Uptake-float64(s.Truth.Uptake)) > 1e-6) {
		t.Errorf("%s: %s with %s after %v minutes, in truth %+v", s.Truth.Kind, got.Tracer, got.Nuclide, got.Uptake, s.Truth)
	}
}

// everything is the inquiry of a patient whose every day may be known.
func everything(t *testing.T, patient string) imaging.Inquiry {
	t.Helper()
	q, err := imaging.Inquire(admit(t, "kind: none\n", person(patient)), rulesOf())
	if err != nil {
		t.Fatal(err)
	}
	return q
}
