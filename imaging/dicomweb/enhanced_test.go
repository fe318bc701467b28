package dicomweb_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/imaging/dicomweb"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
)

// sequence are the lines of a sequence with these items, as dump2dcm reads them.
func sequence(tag string, items ...[]string) []string {
	all := []string{tag + " SQ"}
	for _, item := range items {
		all = append(append(append(all, "(fffe,e000) na"), item...), "(fffe,e00d) na")
	}
	return append(all, "(fffe,e0dd) na")
}

func coded(tag, value, system string) []string {
	return sequence(tag, []string{"(0008,0100) SH [" + value + "]", "(0008,0102) SH [" + system + "]"})
}

// manyFrames is an Enhanced PET Image of two frames: FDG, 80 kg, 250 MBq at 10:00, decay corrected to 10:55.
func manyFrames() []string {
	uid := root + "400"
	frame := func(at string) []string {
		return sequence("(0020,9111)", []string{"(0018,9074) DT [20230601" + at + "]", "(0018,9220) FD 120000"})
	}
	injected := slices.Concat([]string{"(0018,1074) DS [250]", "(0018,1075) DS [6586.2]", "(0018,1078) DT [20230601100000]", "(0018,9729) US 1"},
		coded("(0054,0300)", "77004003", "SCT"), coded("(0054,0304)", "35321007", "SCT"))
	mapping := slices.Concat(coded("(0040,08ea)", "Bq/ml", "UCUM"), []string{"(0040,9224) FD 0", "(0040,9225) FD 0.5"})
	return slices.Concat([]string{
		"(0008,0016) UI [1.2.840.10008.5.1.4.1.1.130]", "(0008,0018) UI [" + uid + ".1.1]", "(0008,0020) DA [20230601]", "(0008,0060) CS [PT]", "(0010,0010) PN [Muster^Test]",
		"(0010,0020) LO [P400]", "(0010,0040) CS [M]", "(0010,1020) DS [1.8]", "(0010,1030) DS [80]", "(0018,9701) DT [20230601105500]", "(0018,9758) CS [YES]", "(0018,9759) CS [YES]",
		"(0020,000d) UI [" + uid + "]", "(0020,000e) UI [" + uid + ".1]", "(0028,0008) IS [2]",
	}, sequence("(0054,0016)", injected), sequence("(5200,9229)", sequence("(0040,9096)", mapping)), sequence("(5200,9230)", frame("110000"), frame("110200")))
}

// TestAnEnhancedObjectOfARealPACSIsQuantified: nested functional groups come through DICOMweb as they were stored.
func TestAnEnhancedObjectOfARealPACSIsQuantified(t *testing.T) {
	o := shared.NewOrthanc(t, false)
	file := filepath.Join(t.TempDir(), "x.dcm")
	shared.DICOMFile(t, file, manyFrames()...)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.Store(t, text)
	c := client(t, o.DICOMweb, func(w *dicomweb.Options) { w.Wire.Auth = wire.Auth{} })
	a, err := c.Patient(t.Context(), ask(t, "P400"), "P400")
	if err != nil || len(a.Examinations) != 1 {
		t.Fatal(err)
	}
	images, err := c.Metadata(t.Context(), a.Examinations[0], root+"400.1")
	if err != nil || len(images) != 1 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	got := pet.Default().Assess(pet.Read("PT", images, berlin(t)), pet.Setting{})
	want := 0.5 * 80000 / (250e6 * math.Exp2(-55*60/6586.2))
	if got.Status != pet.Ready || got.Images != 2 || got.FactorMedian == nil || math.Abs(*got.FactorMedian/want-1) > 1e-9 {
		t.Errorf("%s %v, %d frames, factor %v", got.Status, got.Reasons, got.Images, got.FactorMedian)
	}
}

// A series whose headers are larger than is read is told apart from a PACS that fails.
func TestHeadersThatAreTooLargeAreTheSeriesOwnTrouble(t *testing.T) {
	s, _ := pacs(t, nil, study(root+"1", "P1", "A1", "20220101", "PT"))
	server := s.Start()
	defer server.Close()
	s.Add(fakepacs.Study{UID: root + "2", Patients: []string{"P1"}, Date: "20220101", Series: []fakepacs.Series{{UID: root + "2.1", Modality: "PT", Instances: 200}}})
	for name, change := range map[string]func(*dicomweb.Options){
		"bytes":      func(o *dicomweb.Options) { o.Wire.MaxBody = 4000 },
		"attributes": func(o *dicomweb.Options) { o.Limits.Datasets = 100 },
	} {
		c := client(t, server.URL+"/dicom-web", change)
		a, err := c.Patient(t.Context(), ask(t, "P1"), "P1")
		if err != nil {
			t.Fatal(name, err)
		}
		for _, e := range a.Examinations {
			if _, err := c.Metadata(t.Context(), e, e.UID()+".1"); errors.Is(err, dicom.ErrLimit) != (e.UID() == root+"2") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
