package synth

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/dicomweb/fakepacs"
)

// PACSStudy is a study as the hospital's PACS keeps it: with all that the ImagingStudy resource may have left out.
type PACSStudy struct {
	UID, Patient, Accession string // Patient is the PatientID: of merged patients the number that the study was made under
	Date                    fhir.Day
	Series                  []PACSSeries

	sec int // of the day
	sex string
}

// PACSSeries is a series with what is true of it.
type PACSSeries struct {
	UID, Modality string
	Instances     int
	Truth         Quantity // of PT and NM

	class  string
	header dataset // that every instance has
}

// Quantity is the truth about the values of a PET or SPECT series.
type Quantity struct {
	Kind        string  // what was drawn, see PETKinds; of NM calibrated or counts
	Factor      float64 // SUVbw of one stored value; 0 is none
	Calibration float64 // Bq/ml of one stored value, of NM
	Uptake      int     // minutes from injection to scan
	Tracer      string
	Nuclide     string
}

// HashSystem is what the ids of some ImagingStudies are a hash of, before a bar and the study UID.
const HashSystem = hashSystem

// Studies returns what the PACS has of the patient that was generated last.
func (g *Generator) Studies() (all []PACSStudy) {
	p := &g.p
	for i := range p.studies {
		f := &p.studies[i]
		s := PACSStudy{UID: f.uid, Patient: p.pid, Accession: f.accession, Date: f.when.start.day, sec: 12 * 3600, sex: p.person.dicomSex()}
		if f.old {
			s.Patient = p.oldPID
		}
		if f.when.start.precision == fhir.Second {
			s.sec = f.when.start.sec
		}
		d := drawer{rng: newRNG(g.config.Seed^pacsStream, p.index<<16|uint64(f.n)), p: p, f: f, study: &s} // #nosec G115 -- not negative
		for j, modality := range f.modalities {
			s.Series = append(s.Series, d.series(f.seriesUID(j), modality))
		}
		all = append(all, s)
	}
	return all
}

// pacsStream keeps the draws of images apart from those of patients, whose data they must not change.
const pacsStream = 0x50414353

// Kept is the study as the fake PACS has it.
func (s *PACSStudy) Kept() fakepacs.Study {
	k := fakepacs.Study{UID: s.UID, Patients: []string{s.Patient}, Accession: s.Accession, Date: dicomDate(s.Date), Time: dicomTime(s.sec)}
	for _, one := range s.Series {
		k.Series = append(k.Series, fakepacs.Series{UID: one.UID, Modality: one.Modality, Instances: one.Instances, Attributes: one.header.json()})
	}
	return k
}

// NewPACS is a fake PACS with all studies of the patients.
func NewPACS(ctx context.Context, config Config) (*fakepacs.Server, error) {
	var kept []fakepacs.Study
	err := eachStudy(ctx, config, func(s *PACSStudy) error { kept = append(kept, s.Kept()); return nil })
	return fakepacs.New(kept...), err
}

func eachStudy(ctx context.Context, config Config, take func(*PACSStudy) error) error {
	g, err := New(config)
	if err != nil {
		return err
	}
	return g.Each(func(string, []byte) error { return ctx.Err() }, func(*Truth) error {
		for _, s := range g.Studies() {
			if err := take(&s); err != nil {
				return err
			}
		}
		return nil
	})
}

// WritePACS writes all studies of the patients as DICOM files into a folder, with the truth about them. It returns how many files
// there are.
func WritePACS(ctx context.Context, config Config, folder string) (written int, err error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return 0, fmt.Errorf("create the folder for synthetic images: %w", err)
	}
	var truth []byte
	err = eachStudy(ctx, config, func(s *PACSStudy) error {
		truth = append(s.appendTruth(truth), '\n')
		return s.Files(func(file []byte) error {
			written++
			return os.WriteFile(filepath.Join(folder, fmt.Sprintf("%06d.dcm", written)), file, 0o600)
		})
	})
	if err != nil {
		return written, err
	}
	return written, os.WriteFile(filepath.Join(folder, TruthFile), truth, 0o600)
}

// Files yields the study's instances as DICOM files.
func (s *PACSStudy) Files(take func(file []byte) error) error {
	for i := range s.Series {
		one := &s.Series[i]
		for n := range one.Instances {
			uid := one.UID + "." + strconv.Itoa(n+1)
			d := append(s.common(), one.header...)
			d.put(0x00080018, "UI", uid)
			d.put(0x00080060, "CS", one.Modality)
			d.put(0x0020000E, "UI", one.UID)
			d.put(0x00200013, "IS", strconv.Itoa(n+1))
			d.pixels(one.frames())
			if err := take(d.file(one.class, uid)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *PACSSeries) frames() int {
	for _, a := range s.header {
		if a.tag == tagFrameGroups {
			return len(a.items)
		}
	}
	return 1
}

// common is what every instance of the study has.
func (s *PACSStudy) common() (d dataset) {
	d.put(0x00080005, "CS", "ISO_IR 192")
	d.put(0x00080020, "DA", dicomDate(s.Date))
	d.put(0x00080030, "TM", dicomTime(s.sec))
	d.put(0x00080050, "SH", s.Accession)
	d.put(0x00100010, "PN", "Muster^Test")
	d.put(0x00100020, "LO", s.Patient)
	d.put(0x0020000D, "UI", s.UID)
	d.put(0x00200052, "UI", s.UID+".99")
	return d
}

// appendTruth appends the study as one JSON object.
func (s *PACSStudy) appendTruth(b []byte) []byte {
	w := writer{append(b, '{')}
	w.plain("studyUID", s.UID)
	w.plain("patient", s.Patient)
	w.plain("accession", s.Accession)
	w.date("date", onDay(s.Date))
	w.array("series")
	for i := range s.Series {
		s.Series[i].write(&w)
	}
	w.endArray()
	w.end()
	return w.b
}

func (s *PACSSeries) write(w *writer) {
	w.object("")
	w.plain("seriesUID", s.UID)
	w.plain("modality", s.Modality)
	w.integer("instances", int64(s.Instances))
	if t := s.Truth; t.Kind != "" {
		w.plain("kind", t.Kind)
		w.raw("factor", orNull(t.Factor))
		w.raw("calibration", orNull(t.Calibration))
		w.integer("uptake", int64(t.Uptake))
		w.plain("tracer", t.Tracer)
		w.plain("radionuclide", t.Nuclide)
	}
	w.end()
}

func orNull(n float64) string {
	if n == 0 {
		return "null"
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}

func dicomDate(d fhir.Day) string { return strings.ReplaceAll(d.String(), "-", "") }

// dicomTime writes a second of the day as a TM.
func dicomTime(sec int) string {
	return fmt.Sprintf("%02d%02d%02d", sec/3600, sec/60%60, sec%60)
}

// dicomMoment writes a local DT, which may be before or behind its day.
func dicomMoment(day fhir.Day, sec int) string {
	for ; sec < 0; sec += 86400 {
		day--
	}
	return dicomDate(day+fhir.Day(sec/86400)) + dicomTime(sec%86400) // #nosec G115 -- small
}
