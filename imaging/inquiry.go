package imaging

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/dicom"
)

// PACS is asked about permitted patients. What it gives was checked against the question: a PACS may ignore what it does
// not understand, and answer with everybody's studies.
type PACS interface {
	// Patient returns the studies with a PatientID, of the days that the inquiry may know.
	Patient(ctx context.Context, q Inquiry, patient string) (Answer, error)
	// Study returns the study with a UID, whatever patients it is kept under.
	Study(ctx context.Context, q Inquiry, uid string) (Answer, error)
	// StudyOf returns the UIDs of the studies that have the series. They are not admitted yet.
	StudyOf(ctx context.Context, q Inquiry, series string) ([]string, error)
	// Series returns the series of a study.
	Series(ctx context.Context, e Examination) ([]dicom.Dataset, error)
	// Metadata returns the attributes of every instance of a series.
	Metadata(ctx context.Context, e Examination, series string) ([]dicom.Dataset, error)
}

// Inquiry is the right to ask a PACS about one permitted patient. Only Inquire makes one, of what consent lets through; the
// zero Inquiry is refused.
type Inquiry struct{ of *inquiry }

type inquiry struct {
	covers   func(first, last fhir.Day) bool
	windows  []consent.Interval
	patients []string
	refused  int // identifiers that no PACS can be asked for exactly
	issuer   string
}

// Inquire makes the inquiry of a permitted patient.
func Inquire(p consent.Permitted, rules *Rules) (Inquiry, error) {
	p = p.Parts()[0] // of several policies the default one, as everywhere where no form is asked for
	if !p.Granted() {
		return Inquiry{}, errNothing
	}
	covers := func(first, last fhir.Day) bool { return p.Covers("ImagingStudy", first, last) }
	q := &inquiry{covers: covers, windows: p.Decision().WindowsFor("ImagingStudy"), issuer: rules.Issuer}
	for _, id := range patientIDs(p, rules) {
		if askable(id) {
			q.patients = append(q.patients, id)
		} else {
			q.refused++
		}
	}
	return Inquiry{q}, nil
}

// IsZero reports whether nothing may be asked.
func (q Inquiry) IsZero() bool { return q.of == nil }

// Windows are the days whose studies may be known.
func (q Inquiry) Windows() []consent.Interval {
	if q.of == nil {
		return nil
	}
	return slices.Clone(q.of.windows)
}

// Patients are the PatientIDs under which the PACS may keep the patient.
func (q Inquiry) Patients() []string {
	if q.of == nil {
		return nil
	}
	return slices.Clone(q.of.patients)
}

// askable reports whether a value can be asked for exactly: * and ? stand for other characters (PS3.4, C.2.2.2.4), a
// backslash separates values, and so does a comma for some servers.
func askable(value string) bool {
	return value != "" && len(value) <= 64 && !strings.ContainsAny(value, "*?\\,") && !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0xfffd })
}

// patientIDs returns the PatientIDs of a patient: of every Patient resource, and those that are marked as old too, because
// a PACS may still keep studies under the number that a patient had before a merge.
func patientIDs(from permitted, rules *Rules) (ids []string) {
	for res := range from.Resources() {
		if res.Type != "Patient" {
			continue
		}
		for id := range res.Get("identifier").Elements() {
			if slices.Contains(rules.PatientSystems, id.Get("system").Text()) {
				ids = insert(ids, rules.patientID(trimPadding(id.Get("value").Text())))
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// Answer is what of a PACS's rows consent lets through, with counts of the rest.
type Answer struct {
	Examinations []Examination
	Outside      []string // UIDs of studies of days that consent does not cover, or of none
	Foreign      int      // rows whose issuer of the PatientID is another
}

// Answer admits rows of studies. A study of a day outside the windows, or without one, is not admitted.
func (q Inquiry) Answer(rows []dicom.Dataset) Answer {
	var a Answer
	if q.of == nil {
		return a
	}
	for _, row := range rows {
		uid, ok := ParseUID(row.Text(dicom.StudyInstanceUID))
		day, dated := row.Day(dicom.StudyDate)
		issuer := row.Text(dicom.IssuerOfPatientID)
		switch {
		case !ok:
		case q.of.issuer != "" && issuer != "" && issuer != q.of.issuer:
			a.Foreign++
		case !dated || !q.of.covers(day, day):
			a.Outside = insert(a.Outside, uid)
		default:
			a.admit(uid, day, row)
		}
	}
	// A row of a study that is outside takes the whole study out.
	a.Examinations = slices.DeleteFunc(a.Examinations, func(e Examination) bool { return slices.Contains(a.Outside, e.of.uid) })
	return a
}

// admit adds a row to the study that it stands for: a study that is kept under two patients has two rows.
func (a *Answer) admit(uid string, day fhir.Day, row dicom.Dataset) {
	i := slices.IndexFunc(a.Examinations, func(e Examination) bool { return e.of.uid == uid })
	if i < 0 {
		i = len(a.Examinations)
		a.Examinations = append(a.Examinations, Examination{&examination{uid: uid}})
	}
	e := a.Examinations[i].of
	if !slices.Contains(e.days, day) {
		e.days = append(e.days, day)
	}
	e.patients = insert(e.patients, row.Text(dicom.PatientID))
	if number, ok := parseAccession(row.Text(dicom.AccessionNumber)); ok {
		e.numbers = insert(e.numbers, number)
	}
	for _, m := range append(row.Texts(dicom.ModalitiesInStudy), row.Texts(dicom.Modality)...) {
		if isModality(m) {
			e.modalities = insert(e.modalities, m)
		}
	}
	if n, ok := row.Number(dicom.SeriesInStudy); ok && n >= 0 && n < 1e6 {
		e.count = max(e.count, int(n))
	}
	slices.Sort(e.modalities)
}

// Examination is a study at the PACS that consent covers. It holds originals and prints as dots.
type Examination struct{ of *examination }

type examination struct {
	uid        string
	patients   []string
	numbers    []string
	days       []fhir.Day
	modalities []string
	count      int      // of series
	series     []string // as far as they were asked for
}

// IsZero reports whether it is no study.
func (e Examination) IsZero() bool { return e.of == nil }

// UID returns the original StudyInstanceUID.
func (e Examination) UID() string {
	if e.of == nil {
		return ""
	}
	return e.of.uid
}

// Patients returns the original PatientIDs.
func (e Examination) Patients() []string {
	if e.of == nil {
		return nil
	}
	return slices.Clone(e.of.patients)
}

// Accessions returns the original accession numbers.
func (e Examination) Accessions() []string {
	if e.of == nil {
		return nil
	}
	return slices.Clone(e.of.numbers)
}

// String returns dots.
func (Examination) String() string { return dots }

// GoString returns dots.
func (Examination) GoString() string { return dots }

// Format prints dots for every verb.
func (Examination) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, dots) }

// MarshalText writes dots.
func (Examination) MarshalText() ([]byte, error) { return []byte(dots), nil }

// Format prints nothing of an inquiry, which names a patient.
func (Inquiry) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, dots) }

// MarshalText writes dots.
func (Inquiry) MarshalText() ([]byte, error) { return []byte(dots), nil }

// day returns the first day of the study.
func (e *examination) day() fhir.Day { return slices.Min(e.days) }

func compareUID(a, b Examination) int { return cmp.Compare(a.of.uid, b.of.uid) }
