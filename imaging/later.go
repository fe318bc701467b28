package imaging

import (
	"cmp"
	"slices"

	"github.com/crflink/crflink/fhir"
)

// undated is evidence that no number places, with the reason that it gets when patient, modality and day do not either.
type undated struct {
	e      *evidence
	reason Reason
}

// placeDates joins what is left to the only study of the patient with that modality on that day. A study that stands for
// another resource already, or that two fit, is not taken.
func (l *locator) placeDates() {
	fitting := make([][]*examination, len(l.last))
	claims, taken := map[string]int{}, map[string]bool{}
	for uid := range l.byUID {
		taken[uid] = true
	}
	for i, u := range l.last {
		if l.rules.uses(ByDate) {
			fitting[i] = l.rules.Candidates.which(func(c *examination) bool { return l.fits(u.e, c) })
		}
		if len(fitting[i]) == 1 {
			claims[fitting[i][0].uid]++
		}
	}
	for i, u := range l.last {
		switch n := len(fitting[i]); {
		case n == 0:
			l.reject(u.e, u.reason, 0)
		case n > 1:
			l.reject(u.e, SeveralCandidates, n)
		case claims[fitting[i][0].uid] > 1 || taken[fitting[i][0].uid]:
			l.reject(u.e, Taken, 1)
		default:
			l.join(u.e, fitting[i][0].uid, ByDate)
		}
	}
}

// fits reports whether patient, day and modality agree, and neither number nor series contradicts.
func (l *locator) fits(e *evidence, c *examination) bool {
	day, ok := l.dates.day(e.started)
	switch {
	case !ok || !c.near(day) || !c.isOf(l.reader.patients) || e.refuted[l.subject.UID(c.uid)]:
		return false
	case len(e.modalities) == 0 || len(c.modalities) == 0 || !compatible(e.modalities, c.modalities):
		return false
	case len(e.numbers) > 0 && len(c.numbers) > 0 && !slices.ContainsFunc(e.numbers, func(n number) bool { return slices.Contains(c.numbers, n.value) }):
		return false
	}
	return len(e.series) == 0 || len(c.series) == 0 || c.hasAny(e.series)
}

func (e *examination) hasAny(series []string) bool {
	return slices.ContainsFunc(series, func(uid string) bool { return slices.Contains(e.series, uid) })
}

// placeOrders takes orders, and reports, with an accession number that no ImagingStudy has: at sites that do not write
// ImagingStudy they are all there is.
func (l *locator) placeOrders() {
	if l.rules.Candidates == nil || len(l.reader.patients) == 0 || !l.rules.uses(ByAccession) {
		return
	}
	for _, typ := range []string{"ServiceRequest", "DiagnosticReport"} {
		for _, res := range l.alone(typ) {
			l.placeOrder(res)
		}
	}
}

// alone returns the orders or reports that no ImagingStudy goes with, in the order of their ids.
func (l *locator) alone(typ string) (list []*fhir.Resource) {
	for res := range l.reader.from.Resources() {
		if res.Type != typ || notDone(res) || res.Get("status").Text() == "revoked" || res.Get("imagingStudy").Exists() || l.goesWithStudy(res) {
			continue
		}
		list = append(list, res)
	}
	slices.SortStableFunc(list, func(a, b *fhir.Resource) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// goesWithStudy reports whether an ImagingStudy is based on the order.
func (l *locator) goesWithStudy(order *fhir.Resource) bool {
	for _, e := range l.all {
		for ref := range e.resource.Get("basedOn").Elements() {
			if k, ok := l.reader.key(ref.Get("reference").Text()); ok && k == order.Key() {
				return true
			}
		}
	}
	return false
}

func (l *locator) placeOrder(res *fhir.Resource) {
	numbers := l.reader.identified(res.Get("identifier"))
	if res.Type == "DiagnosticReport" && len(numbers) == 0 {
		numbers = l.reader.ordered(res)
	}
	if len(numbers) != 1 || l.known(numbers[0]) {
		return
	}
	e := &evidence{resource: res, numbers: numbers}
	l.all = append(l.all, e)
	found := l.rules.Candidates.ofNumber(numbers[0].value, l.reader.patients)
	if len(found) == 0 {
		l.found.Counts.Orders++
		return
	}
	l.found.Counts.Resources++
	if !l.decided(e) {
		l.choose(e, slices.DeleteFunc(found, func(c *examination) bool { return e.refuted[l.subject.UID(c.uid)] }), ByAccession)
	}
}

// known reports whether other evidence has the number.
func (l *locator) known(n number) bool {
	return slices.ContainsFunc(l.all, func(e *evidence) bool { return slices.ContainsFunc(e.numbers, n.agrees) })
}

// claim lists the wanted studies at the PACS that nothing stands for, and takes those that a person claimed for the subject.
func (l *locator) claim() {
	v := l.rules.Decisions.of(l.subject.Number(), "")
	for _, c := range l.rules.Candidates.which(func(c *examination) bool {
		return l.byUID[c.uid] == nil && l.samePatient(c) && c.isOf(l.reader.patients)
	}) {
		pseudo := l.subject.UID(c.uid)
		switch {
		case v.chosen[pseudo]:
			l.studyOf(c.uid, ByReview)
		case v.rejected[pseudo] || l.offered[c.uid] || !l.rules.inScope(c.modalities):
		default:
			l.found.Unclaimed = append(l.found.Unclaimed, Unclaimed{l.subject.Number(), l.offer(c, nil)})
		}
	}
	slices.SortFunc(l.found.Unclaimed, func(a, b Unclaimed) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.StudyUID, b.StudyUID))
	})
}
