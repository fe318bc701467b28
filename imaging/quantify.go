package imaging

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/dicom"
	"github.com/crflink/crflink/imaging/pet"
	"github.com/crflink/crflink/pseudonym"
)

// Headers is what of a PACS quantification needs.
type Headers interface {
	Series(ctx context.Context, e Examination) ([]dicom.Dataset, error)
	Metadata(ctx context.Context, e Examination, series string) ([]dicom.Dataset, error)
}

// Quantification says how series are examined with their headers.
type Quantification struct {
	PACS    Headers
	Table   *pet.Table
	Zone    *time.Location
	Account func(scan fhir.Day) pet.Account // what the clinical record says near a day; nil where it may not be used
}

// Quantify asks the PACS for the series of the links that have PET or SPECT, and for the headers of these series. What the
// links say about series then comes from the PACS; nothing else changes. A series whose headers the PACS does not give stays
// without them.
func (f *Found) Quantify(ctx context.Context, subject pseudonym.Subject, q Quantification) error {
	for i := range f.Links {
		exam := f.Examinations[i]
		if exam.IsZero() || !slices.ContainsFunc(append(slices.Clone(f.Links[i].Modality), exam.of.modalities...), quantified) {
			continue
		}
		rows, err := q.PACS.Series(ctx, exam)
		if err != nil {
			return err
		}
		x := &quantifier{Quantification: q, subject: subject, exam: exam, anatomy: anatomy(rows, f.Links[i].Type)}
		for _, row := range rows {
			if err := x.series(ctx, row, &f.Links[i], &f.Restricted[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// quantifier works off one study.
type quantifier struct {
	Quantification
	subject pseudonym.Subject
	exam    Examination
	anatomy pet.Answer
}

// anatomy says whether CT or MR was taken in the same study. The other part of a split one may have it.
func anatomy(rows []dicom.Dataset, t Type) pet.Answer {
	for _, row := range rows {
		if m := row.Text(dicom.Modality); m == "CT" || m == "MR" {
			return pet.Yes
		}
	}
	if t == Part {
		return pet.Unknown
	}
	return pet.No
}

func (x *quantifier) series(ctx context.Context, row dicom.Dataset, link *Link, kept *Restricted) error {
	uid, ok := ParseUID(row.Text(dicom.SeriesInstanceUID))
	modality := row.Text(dicom.Modality)
	if !ok || !isModality(modality) {
		return nil
	}
	s := Series{UID: x.subject.UID(uid), Modality: modality}
	if n, ok := row.Number(dicom.InstancesInSeries); ok && n >= 1 && n < 1e7 {
		s.Instances = int(n)
	}
	if quantified(modality) {
		result, err := x.examine(ctx, uid, modality)
		if err != nil {
			return err
		}
		s.PET = result
	}
	kept.add(LevelSeries, uid, s.UID)
	link.Contents = put(link.Contents, s)
	return nil
}

func (x *quantifier) examine(ctx context.Context, uid, modality string) (*pet.Result, error) {
	images, err := x.PACS.Metadata(ctx, x.exam, uid)
	tooLarge := errors.Is(err, dicom.ErrLimit) // of one series, and no reason to stop for all others
	if err != nil && !tooLarge {
		return nil, err
	}
	series := pet.Read(modality, images, x.Zone)
	series.TooLarge = tooLarge
	series.Anatomy = x.anatomy
	setting := pet.Setting{Centre: x.subject.Site()}
	if x.Account != nil {
		setting.Account = x.Account(x.exam.of.day())
	}
	result := x.Table.Assess(series, setting)
	return &result, nil
}

// put adds a series that the PACS has, in the place of what a resource said of it. Series of which a resource tells no UID
// are the same ones, and go. Where headers are missing, what the resource says was injected stays.
func put(all []Series, s Series) []Series {
	all = slices.DeleteFunc(all, func(o Series) bool { return o.UID == "" })
	i := slices.IndexFunc(all, func(o Series) bool { return o.UID == s.UID })
	switch {
	case i < 0:
		all = append(all, s)
	case s.PET != nil && s.PET.Images == 0 && all[i].PET != nil:
		s.PET = all[i].PET
		all[i] = s
	default:
		all[i] = s
	}
	slices.SortFunc(all, func(a, b Series) int { return cmp.Compare(a.UID, b.UID) })
	return all
}
