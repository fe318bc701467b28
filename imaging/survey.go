package imaging

import (
	"context"
	"slices"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/dicom"
)

// Survey asks a PACS for the studies that it has of a permitted patient: those of the patient's numbers, those whose UIDs
// the resources state, and those of series that the resources name. A study that may be linked is asked for by its UID as
// well, which tells whether the PACS keeps it under another patient too.
func Survey(ctx context.Context, pacs PACS, p consent.Permitted, rules *Rules, dates Dates) (*Candidates, error) {
	q, err := Inquire(p, rules)
	if err != nil {
		return nil, err
	}
	s := &surveyor{pacs: pacs, q: q, rules: rules, dates: dates, byUID: map[string]Examination{}, asked: map[string]bool{}}
	for _, step := range []func(context.Context) error{s.ofPatient, func(ctx context.Context) error { return s.ofEvidence(ctx, p) }, s.confirm} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	var all Answer
	for _, e := range s.byUID {
		all.Examinations = append(all.Examinations, e)
	}
	all.Outside, all.Foreign = s.outside, s.foreign
	return newCandidates(all, rules.HashSystems, q.of.refused), nil
}

type surveyor struct {
	pacs    PACS
	q       Inquiry
	rules   *Rules
	dates   Dates
	byUID   map[string]Examination
	outside []string
	foreign int
	asked   map[string]bool // by study UID
}

func (s *surveyor) ofPatient(ctx context.Context) error {
	for _, id := range s.q.of.patients {
		a, err := s.pacs.Patient(ctx, s.q, id)
		if err != nil {
			return err
		}
		s.take(a)
	}
	return nil
}

// take adds an answer. What one answer calls outside is outside, whatever others say.
func (s *surveyor) take(a Answer) {
	s.foreign += a.Foreign
	for _, uid := range a.Outside {
		s.outside = insert(s.outside, uid)
		delete(s.byUID, uid)
	}
	for _, e := range a.Examinations {
		if slices.Contains(s.outside, e.of.uid) {
			continue
		}
		if have, ok := s.byUID[e.of.uid]; ok {
			have.of.merge(e.of)
		} else {
			s.byUID[e.of.uid] = Examination{e.of.clone()} // an adapter may give the same answer again
		}
	}
}

func (e *examination) clone() *examination {
	c := *e
	c.patients, c.numbers, c.days = slices.Clone(e.patients), slices.Clone(e.numbers), slices.Clone(e.days)
	c.modalities, c.series = slices.Clone(e.modalities), slices.Clone(e.series)
	return &c
}

func (e *examination) merge(o *examination) {
	union := func(a, b []string) []string {
		for _, s := range b {
			a = insert(a, s)
		}
		slices.Sort(a)
		return a
	}
	e.patients, e.numbers, e.modalities = union(e.patients, o.patients), union(e.numbers, o.numbers), union(e.modalities, o.modalities)
	for _, day := range o.days {
		if !slices.Contains(e.days, day) {
			e.days = append(e.days, day)
		}
	}
	slices.Sort(e.days)
	e.count = max(e.count, o.count)
}

// ofEvidence asks for what the resources name and the patient's numbers did not bring.
func (s *surveyor) ofEvidence(ctx context.Context, from permitted) error {
	var refused Refused
	r := newReader(from, s.rules, &refused)
	for _, res := range imagingStudies(from) {
		e := r.read(res)
		for _, uid := range e.uids {
			if err := s.study(ctx, uid); err != nil {
				return err
			}
		}
		if len(e.uids) == 0 && len(e.series) > 0 && !s.hashedID(res) {
			if err := s.bySeries(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *surveyor) hashedID(res *fhir.Resource) bool {
	known := Answer{}
	for _, e := range s.byUID {
		known.Examinations = append(known.Examinations, e)
	}
	return newCandidates(known, s.rules.HashSystems, 0).ofID(res.ID) != nil
}

// study asks for a study by its UID, once.
func (s *surveyor) study(ctx context.Context, uid string) error {
	if s.asked[uid] || slices.Contains(s.outside, uid) {
		return nil
	}
	s.asked[uid] = true
	a, err := s.pacs.Study(ctx, s.q, uid)
	if err != nil {
		return err
	}
	s.take(a)
	return nil
}

// bySeries looks for the series in the patient's studies of about that day, because some PACS answer questions for series
// within a study only; and when none has them, in all studies.
func (s *surveyor) bySeries(ctx context.Context, e *evidence) error {
	found := false
	for _, uid := range s.uids() {
		x := s.byUID[uid] // nothing is taken out meanwhile
		if day, ok := s.dates.day(e.started); ok && !x.of.near(day) {
			continue
		}
		if err := s.list(ctx, x); err != nil {
			return err
		}
		found = found || slices.ContainsFunc(x.of.series, func(uid string) bool { return slices.Contains(e.series, uid) })
	}
	if found {
		return nil
	}
	for _, series := range e.series {
		uids, err := s.pacs.StudyOf(ctx, s.q, series)
		if err != nil {
			return err
		}
		for _, uid := range uids {
			if err := s.study(ctx, uid); err != nil {
				return err
			}
			if x, ok := s.byUID[uid]; ok {
				x.of.series = insert(x.of.series, series)
			}
		}
	}
	return nil
}

// list asks for the series of a study, once.
func (s *surveyor) list(ctx context.Context, x Examination) error {
	if len(x.of.series) > 0 {
		return nil
	}
	rows, err := s.pacs.Series(ctx, x)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if uid, ok := ParseUID(row.Text(dicom.SeriesInstanceUID)); ok {
			x.of.series = insert(x.of.series, uid)
		}
	}
	slices.Sort(x.of.series)
	return nil
}

// confirm asks for every study that may be linked by its UID.
func (s *surveyor) confirm(ctx context.Context) error {
	for _, uid := range s.uids() {
		if x, ok := s.byUID[uid]; !ok || len(x.of.modalities) > 0 && !s.rules.inScope(x.of.modalities) {
			continue
		}
		if err := s.study(ctx, uid); err != nil {
			return err
		}
	}
	return nil
}

func (s *surveyor) uids() (all []string) {
	for uid := range s.byUID {
		all = append(all, uid)
	}
	slices.Sort(all)
	return all
}

func (e *examination) near(day fhir.Day) bool {
	return slices.ContainsFunc(e.days, func(d fhir.Day) bool { return near(d, day) })
}
