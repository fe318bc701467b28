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
	Links        []Link        // in the order of the sessions
	Restricted   []Restricted  // the originals of the links, in the same order
	Examinations []Examination // what the PACS has of the links, in the same order; a zero one where it has nothing or was not asked
	Unlinked     []Unlinked
	Unclaimed    []Unclaimed // studies at the PACS without a resource
	Counts       Counts
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
	l := &locator{rules: rules, dates: dates, subject: subject, byUID: map[string]*study{}, offered: map[string]bool{}}
	l.reader = newReader(from, rules, &l.found.Counts.Refused)
	l.found.Counts.Unlinked, l.found.Counts.Links = map[Reason]int{}, map[Method]int{}
	for _, res := range imagingStudies(from) {
		l.found.Counts.Resources++
		e := l.reader.read(res)
		l.all = append(l.all, e)
		l.place(e)
	}
	if c := rules.Candidates; c != nil {
		l.found.Counts.PACS = c.asked
	}
	l.placeNumbers()
	l.placeDates()
	l.placeOrders()
	l.claim()
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
	exam      *examination // what the PACS has of it
	stated    bool         // by a resource
	parts     bool         // other studies have the same accession number, of the same day
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
	all     []*evidence
	later   []*evidence     // without UID: they wait until all UIDs are known
	last    []undated       // without UID and number: they wait until all numbers are placed
	offered map[string]bool // original UIDs of studies that a person is shown
	found   Found
}

// place puts evidence with a UID to its study.
func (l *locator) place(e *evidence) {
	switch {
	case notDone(e.resource):
		l.reject(e, NotDone, 0)
	case l.decided(e):
	case len(e.uids) > 1:
		l.reject(e, SeveralUIDs, len(e.uids))
	case len(e.uids) == 1 && l.rules.Candidates.isOutside(e.uids[0]):
		l.reject(e, OutsideConsent, 0)
	case len(e.uids) == 1:
		l.join(e, e.uids[0], e.method)
	default:
		l.ask(e)
	}
}

// decided follows what a person decided about the evidence, if anything.
func (l *locator) decided(e *evidence) bool {
	v := l.rules.Decisions.of(l.subject.Number(), l.subject.ResourceID(e.resource.Key()))
	if e.refuted = v.rejected; v.none {
		l.reject(e, Refuted, 0)
		return true
	}
	if len(v.chosen) == 0 {
		return false
	}
	var uids []string
	for _, c := range l.rules.Candidates.which(func(c *examination) bool { return v.chosen[l.subject.UID(c.uid)] }) {
		uids = append(uids, c.uid)
	}
	if len(uids) != len(v.chosen) {
		l.reject(e, StaleDecision, len(uids))
		return true
	}
	for _, uid := range uids {
		l.add(e, uid, ByReview)
	}
	return true
}

// ask asks the candidates: by accession number and patient, then by series.
func (l *locator) ask(e *evidence) {
	if len(e.numbers) == 1 && len(l.reader.patients) > 0 && l.rules.uses(ByAccession) {
		if l.choose(e, l.refine(e, l.rules.Candidates.ofNumber(e.numbers[0].value, l.reader.patients)), ByAccession) {
			return
		}
	}
	if !l.rules.uses(BySeries) || !l.choose(e, l.refine(e, l.rules.Candidates.ofSeries(e.series)), BySeries) {
		l.later = append(l.later, e)
	}
}

// refine leaves out what a person rejected, studies of other modalities, and, of several, those of other days: a number may
// have been used again, and a split study has several studies with one.
func (l *locator) refine(e *evidence, all []*examination) []*examination {
	all = slices.DeleteFunc(all, func(c *examination) bool {
		return e.refuted[l.subject.UID(c.uid)] || !compatible(e.modalities, c.modalities)
	})
	if len(all) < 2 {
		return all
	}
	return slices.DeleteFunc(all, func(c *examination) bool { return !l.sameDay(e, c) })
}

// compatible reports whether two lists have a modality in common, as far as both are known.
func compatible(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(m string) bool { return slices.Contains(b, m) })
}

// choose links the only candidate and rejects several; it is false for none.
func (l *locator) choose(e *evidence, candidates []*examination, m Method) bool {
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
	l.add(e, uid, m)
}

// add adds evidence to the study of a UID.
func (l *locator) add(e *evidence, uid string, m Method) {
	s := l.studyOf(uid, m)
	s.stated = s.stated || m.quality() == Stated
	if s.exam != nil && len(s.exam.numbers) > 0 && len(e.numbers) > 0 && !slices.ContainsFunc(e.numbers, func(n number) bool { return slices.Contains(s.exam.numbers, n.value) }) {
		s.ambiguous = true
	}
	if m.rank() < s.method.rank() {
		s.method = m
	}
	s.take(e)
}

func (l *locator) studyOf(uid string, m Method) *study {
	s := l.byUID[uid]
	if s == nil {
		s = &study{uid: uid, method: m, exam: l.rules.Candidates.find(uid)}
		l.byUID[uid] = s
		l.studies = append(l.studies, s)
	}
	return s
}

func (s *study) take(e *evidence) {
	s.sources = append(s.sources, e)
	s.numbers = union(s.numbers, e.numbers)
}

// samePatient is false when the PACS has the study under other patients, or under several.
func (l *locator) samePatient(c *examination) bool {
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

func (l *locator) sameDay(e *evidence, c *examination) bool {
	day, ok := l.dates.day(e.started)
	return !ok || len(c.days) == 0 || c.near(day)
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
		case reason == SeveralNumbers:
			l.reject(e, reason, 0)
		case reason != "":
			l.last = append(l.last, undated{e, reason})
		case !l.rules.uses(ByNumber):
			l.reject(e, NoKey, 0)
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
