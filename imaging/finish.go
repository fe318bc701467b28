package imaging

import (
	"cmp"
	"slices"

	"github.com/crflink/crflink/fhir"
)

// finish compares the studies with each other, drops those that the study does not ask for, and writes the links.
func (l *locator) finish() {
	for i, s := range l.studies {
		s.ambiguous = s.ambiguous || len(s.numbers) > 1 || !l.oneDay(s)
		for _, o := range l.studies[i+1:] {
			l.compare(s, o)
		}
	}
	l.scope()
	l.order()
	for i, s := range l.studies {
		l.write(s, i+1)
	}
	settle(l.found.Links, l.rules)
	l.found.Counts.Unclaimed = len(l.found.Unclaimed)
	slices.SortFunc(l.found.Unlinked, func(a, b Unlinked) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Reason, b.Reason))
	})
}

// compare marks two studies with one accession number as parts, when they are of one day; else the number was used
// twice and tells nothing. One value of two issuers is two numbers but has one pseudonym.
func (l *locator) compare(a, b *study) {
	if len(a.numbers) != 1 || len(b.numbers) != 1 || a.numbers[0].value != b.numbers[0].value {
		return
	}
	together := a.numbers[0].agrees(b.numbers[0]) && a.uid != "" && b.uid != ""
	for _, e := range b.sources {
		together = together && l.sameDays(a, e)
	}
	if together {
		a.parts, b.parts = true, true
	} else {
		a.ambiguous, b.ambiguous = true, true
	}
}

func (l *locator) oneDay(s *study) bool {
	for _, e := range s.sources {
		if !l.sameDays(s, e) {
			return false
		}
	}
	return true
}

// scope keeps studies of the wanted modalities, and the parts that belong to one of those.
func (l *locator) scope() {
	if len(l.rules.Modalities) == 0 {
		return
	}
	var kept []*study
	for _, s := range l.studies {
		switch modalities := s.modalities(); {
		case l.rules.inScope(modalities) || s.parts && l.partInScope(s):
			kept = append(kept, s)
		case len(modalities) == 0:
			for _, e := range s.sources {
				l.reject(e, UnknownModality, 1)
			}
		default:
			l.found.Counts.OutOfScope += count(s.sources)
		}
	}
	l.studies = kept
}

func (l *locator) partInScope(s *study) bool {
	return slices.ContainsFunc(l.studies, func(o *study) bool {
		return o.parts && o.numbers[0].agrees(s.numbers[0]) && l.rules.inScope(o.modalities())
	})
}

func (s *study) modalities() (all []string) {
	for _, e := range s.sources {
		for _, m := range e.modalities {
			all = insert(all, m)
		}
	}
	if len(all) == 0 && s.exam != nil {
		all = slices.Clone(s.exam.modalities)
	}
	slices.Sort(all)
	return all
}

// series returns the distinct series UIDs, and the number of series: what is listed without a UID counts as often as
// the resource that lists most.
func (s *study) series() (uids []string, n int) {
	for _, e := range s.sources {
		for _, uid := range e.series {
			uids = insert(uids, uid)
		}
		n = max(n, e.listed)
	}
	if s.exam != nil {
		n = max(n, s.exam.count)
	}
	return uids, max(n, len(uids))
}

// day returns the study's true local day: the first that its sources tell, else the PACS.
func (l *locator) day(s *study) (first fhir.Day, ok bool) {
	for _, e := range s.sources {
		if day, known := l.dates.day(e.started); known && (!ok || day < first) {
			first, ok = day, true
		}
	}
	if !ok && s.exam != nil && len(s.exam.days) > 0 {
		return s.exam.day(), true
	}
	return first, ok
}

// order sorts by day; studies without one come last. Equal days are ordered by pseudonym, so that the order tells
// nothing about originals.
func (l *locator) order() {
	slices.SortFunc(l.studies, func(a, b *study) int {
		dayA, okA := l.day(a)
		dayB, okB := l.day(b)
		if okA != okB {
			if okA {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(dayA, dayB), cmp.Compare(l.pseudonym(a), l.pseudonym(b)))
	})
}

func (l *locator) pseudonym(s *study) string {
	if s.uid == "" {
		return l.subject.Accession(s.numbers[0].value)
	}
	return l.subject.UID(s.uid)
}

func (l *locator) write(s *study, session int) {
	series, n := s.series()
	link := Link{
		Subject: l.subject.Number(), Session: session, Modality: s.modalities(), Series: n,
		Method: s.method, Quality: l.quality(s), Type: Whole, Candidates: 1, Ambiguous: s.ambiguous, Contents: l.contents(s),
	}
	kept := Restricted{subject: link.Subject}
	if s.parts {
		link.Type = Part
	}
	if s.uid != "" {
		link.StudyUID = l.subject.UID(s.uid)
		kept.add(LevelStudy, s.uid, link.StudyUID)
	}
	for _, uid := range series {
		kept.add(LevelSeries, uid, l.subject.UID(uid))
	}
	for _, a := range s.numbers {
		pseudo := l.subject.Accession(a.value)
		kept.add(LevelAccession, a.value, pseudo)
		if len(s.numbers) == 1 {
			link.Accession = pseudo
		}
	}
	if day, ok := l.day(s); ok {
		link.Date, link.Days, link.HasDays = l.dates.written(day)
	}
	for _, e := range s.sources {
		link.Resources = append(link.Resources, l.subject.ResourceID(e.resource.Key()))
	}
	slices.Sort(link.Resources)
	l.found.Links = append(l.found.Links, link)
	l.found.Restricted = append(l.found.Restricted, kept)
	l.found.Examinations = append(l.found.Examinations, Examination{s.exam})
	l.found.Counts.Links[s.method]++
	l.found.Counts.Linked += count(s.sources)
}

// count counts the sources that were not counted before: a person may say that one stands for several studies.
func count(sources []*evidence) (n int) {
	for _, e := range sources {
		if !e.counted {
			e.counted = true
			n++
		}
	}
	return n
}

// quality is that of the method, unless the PACS was asked for a study that a resource states and does not have it.
func (l *locator) quality(s *study) Quality {
	if q := s.method.quality(); q != Stated || s.exam != nil || l.rules.Candidates == nil {
		return q
	}
	return Unconfirmed
}

// reject lists evidence for review. Of other modalities than the study's nothing is reviewed.
func (l *locator) reject(e *evidence, reason Reason, candidates int) {
	if len(e.modalities) > 0 && !l.rules.inScope(e.modalities) {
		l.found.Counts.OutOfScope++
		return
	}
	offers := l.offers(e)
	u := Unlinked{
		Subject: l.subject.Number(), Resource: l.subject.ResourceID(e.resource.Key()),
		Modality: e.modalities, Series: e.listed, Reason: reason, Candidates: candidates, Offers: offers,
	}
	if day, ok := l.dates.day(e.started); ok {
		u.Date, u.Days, u.HasDays = l.dates.written(day)
	}
	l.found.Unlinked = append(l.found.Unlinked, u)
	l.found.Counts.Unlinked[reason]++
}
