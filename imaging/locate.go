package imaging

import (
	"cmp"
	"errors"
	"slices"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// Found is what Locate found of one subject.
type Found struct {
	Links      []Link       // in the order of the sessions
	Restricted []Restricted // the originals of the links, in the same order
	Unlinked   []Unlinked
	Counts     Counts
}

var (
	errNoSubject = errors.New("locate imaging studies: there is no subject; only a vault makes one")
	errNothing   = errors.New("locate imaging studies: there are no permitted resources")
)

// locate climbs the ladder for each ImagingStudy, and makes one link of all that stand for the same study.
func locate(from permitted, subject pseudonym.Subject, rules *Rules, dates Dates) (Found, error) {
	if subject.IsZero() {
		return Found{}, errNoSubject
	}
	l := &locator{rules: rules, dates: dates, subject: subject, byUID: map[string]*study{}}
	l.reader = newReader(from, rules, &l.found.Counts.Refused)
	l.found.Counts.Unlinked, l.found.Counts.Links = map[Reason]int{}, map[Method]int{}
	for _, res := range imagingStudies(from) {
		l.found.Counts.Resources++
		l.place(l.reader.read(res))
	}
	l.placeNumbers()
	l.finish()
	return l.found, nil
}

// imagingStudies returns them by id, so that neither the order of arrival nor that of pages matters.
func imagingStudies(from permitted) (list []*fhir.Resource) {
	for res := range from.Resources() {
		if res.Type == "ImagingStudy" {
			list = append(list, res)
		}
	}
	slices.SortStableFunc(list, func(a, b *fhir.Resource) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// study is one study with the resources that stand for it.
type study struct {
	uid       string // "" when only an accession number names it
	method    Method
	sources   []*evidence
	numbers   []number
	parts     bool // other studies have the same accession number, of the same day
	ambiguous bool
}

// shares reports whether a source of the study has a series of the evidence.
func (s *study) shares(e *evidence) bool {
	return slices.ContainsFunc(s.sources, func(o *evidence) bool {
		return slices.ContainsFunc(o.series, func(uid string) bool { return slices.Contains(e.series, uid) })
	})
}

type locator struct {
	rules   *Rules
	dates   Dates
	subject pseudonym.Subject
	reader  *reader
	studies []*study
	byUID   map[string]*study
	later   []*evidence // without UID: they wait until all UIDs are known
	found   Found
}

// place puts evidence with a UID to its study.
func (l *locator) place(e *evidence) {
	switch {
	case notDone(e.resource):
		l.reject(e, NotDone, 0)
	case len(e.uids) > 1:
		l.reject(e, SeveralUIDs, len(e.uids))
	case len(e.uids) == 1:
		l.join(e, e.uids[0], e.method)
	default:
		l.ask(e)
	}
}

// ask asks the list of candidates: by accession number and patient, then by series.
func (l *locator) ask(e *evidence) {
	if len(e.numbers) == 1 && len(l.reader.patients) > 0 {
		if l.choose(e, l.rules.Candidates.ofNumber(e.numbers[0].value, l.reader.patients), ByAccession) {
			return
		}
	}
	if !l.choose(e, l.rules.Candidates.ofSeries(e.series), BySeries) {
		l.later = append(l.later, e)
	}
}

// choose links the only candidate and rejects several; it is false for none.
func (l *locator) choose(e *evidence, candidates []*candidate, m Method) bool {
	switch len(candidates) {
	case 0:
		return false
	case 1:
		l.join(e, candidates[0].uid, m)
	default:
		l.reject(e, SeveralCandidates, len(candidates))
	}
	return true
}

// join adds evidence to the study of a UID, unless the PACS contradicts.
func (l *locator) join(e *evidence, uid string, m Method) {
	if c := l.rules.Candidates.find(uid); c != nil {
		if !l.samePatient(c) {
			l.reject(e, OtherPatient, 1)
			return
		}
		if !l.sameDay(e, c) {
			l.reject(e, OtherDate, 1)
			return
		}
	}
	s := l.byUID[uid]
	if s == nil {
		s = &study{uid: uid, method: m}
		l.byUID[uid] = s
		l.studies = append(l.studies, s)
	}
	if m.rank() < s.method.rank() {
		s.method = m
	}
	s.take(e)
}

func (s *study) take(e *evidence) {
	s.sources = append(s.sources, e)
	s.numbers = union(s.numbers, e.numbers)
}

// samePatient is false when the PACS has the study under other patients, or under several.
func (l *locator) samePatient(c *candidate) bool {
	if len(c.patients) == 0 || len(l.rules.PatientSystems) == 0 {
		return true
	}
	for _, p := range c.patients {
		if !slices.Contains(l.reader.patients, p) {
			return false
		}
	}
	return true
}

func (l *locator) sameDay(e *evidence, c *candidate) bool {
	day, ok := l.dates.day(e.started)
	return !ok || len(c.days) == 0 || slices.ContainsFunc(c.days, func(d fhir.Day) bool { return near(d, day) })
}

func near(a, b fhir.Day) bool { return max(a, b)-min(a, b) <= tolerance }

// placeNumbers handles what has no UID, by the accession number: a study that only the number names. Where a study with
// a UID has the same number it may be the same study or, of a split one, the other half: only a common series tells.
func (l *locator) placeNumbers() {
	var byNumber []*study
	for _, e := range l.later {
		fitting := l.withNumber(e)
		reason := l.hopeless(e)
		switch {
		case len(fitting) > 1:
			l.reject(e, SeveralCandidates, len(fitting))
		case len(fitting) == 1 && fitting[0].shares(e):
			fitting[0].take(e)
		case len(fitting) == 1:
			l.reject(e, SameNumber, 1)
		case reason != "":
			l.reject(e, reason, 0)
		default:
			byNumber = nameByNumber(byNumber, e)
		}
	}
	l.studies = append(l.studies, byNumber...)
}

// hopeless returns why evidence without a UID cannot be placed by an accession number.
func (l *locator) hopeless(e *evidence) Reason {
	switch {
	case len(e.numbers) > 1:
		return SeveralNumbers
	case len(e.numbers) == 1 && l.rules.Candidates != nil && len(l.reader.patients) > 0:
		return NoSuchStudy
	case len(e.numbers) == 1:
		return ""
	case e.badUID:
		return InvalidUID
	case len(e.series) > 0:
		return SeriesOnly
	}
	return NoKey
}

// withNumber returns the studies with a UID that have the evidence's only accession number, on the same day.
func (l *locator) withNumber(e *evidence) (fitting []*study) {
	if len(e.numbers) != 1 {
		return nil
	}
	for _, s := range l.studies {
		if len(s.numbers) == 1 && s.numbers[0].agrees(e.numbers[0]) && l.sameDays(s, e) {
			fitting = append(fitting, s)
		}
	}
	return fitting
}

// nameByNumber adds evidence to the study that the number names.
func nameByNumber(studies []*study, e *evidence) []*study {
	for _, s := range studies {
		if s.numbers[0].agrees(e.numbers[0]) {
			s.take(e)
			return studies
		}
	}
	s := &study{method: ByNumber}
	s.take(e)
	return append(studies, s)
}

// sameDays reports whether every source of the study is of the evidence's day, as far as days are known.
func (l *locator) sameDays(s *study, e *evidence) bool {
	day, ok := l.dates.day(e.started)
	for _, o := range s.sources {
		if other, known := l.dates.day(o.started); ok && known && !near(day, other) {
			return false
		}
	}
	return true
}
