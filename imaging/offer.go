package imaging

import (
	"cmp"
	"slices"
)

// What speaks for a study, and how much. The weights only order what a person is shown; nothing is linked by them.
const (
	forUID       = "uid"
	forAccession = "accession"
	forPatient   = "patient"
	forSeries    = "series"
	forSameDay   = "same-day"
	forNearDay   = "near-day"
	forModality  = "modality"
)

var weights = map[string]int{forUID: 40, forAccession: 40, forSeries: 40, forPatient: 20, forSameDay: 20, forNearDay: 10, forModality: 15}

// Bounds of what a person is shown for one resource.
const (
	leastScore = 40 // more than patient and modality, or patient and a day nearby
	mostOffers = 10
)

// offers returns the studies at the PACS that may be what the resource stands for, the likeliest first.
func (l *locator) offers(e *evidence) (all []Offer) {
	for _, c := range l.rules.Candidates.which(func(c *examination) bool { return !e.refuted[l.subject.UID(c.uid)] }) {
		if o := l.offer(c, e); o.Score >= leastScore {
			l.offered[c.uid] = true
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b Offer) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.StudyUID, b.StudyUID))
	})
	return all[:min(len(all), mostOffers)]
}

// offer describes a study at the PACS in pseudonymous terms; e is nil where no resource is there to compare it with.
func (l *locator) offer(c *examination, e *evidence) Offer {
	o := Offer{StudyUID: l.subject.UID(c.uid), Modality: c.modalities, Series: max(c.count, len(c.series))}
	if len(c.days) > 0 {
		o.Date, o.Days, o.HasDays = l.dates.written(c.day())
	}
	if e == nil {
		return o
	}
	o.For = l.speaksFor(c, e)
	for _, reason := range o.For {
		o.Score += weights[reason]
	}
	o.Score = min(o.Score, 100)
	return o
}

func (l *locator) speaksFor(c *examination, e *evidence) (reasons []string) {
	add := func(reason string, holds bool) {
		if holds {
			reasons = append(reasons, reason)
		}
	}
	add(forUID, slices.Contains(e.uids, c.uid))
	add(forAccession, slices.ContainsFunc(e.numbers, func(n number) bool { return slices.Contains(c.numbers, n.value) }))
	add(forPatient, len(c.patients) > 0 && l.samePatient(c))
	add(forSeries, c.hasAny(e.series))
	if day, ok := l.dates.day(e.started); ok {
		same := slices.Contains(c.days, day)
		add(forSameDay, same)
		add(forNearDay, !same && c.near(day))
	}
	add(forModality, len(e.modalities) > 0 && len(c.modalities) > 0 && compatible(e.modalities, c.modalities))
	return reasons
}
