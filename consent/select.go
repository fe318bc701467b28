package consent

import (
	"time"

	"github.com/crflink/crflink/fhir"
)

// selectResults chooses one ResultType: consent-status before document before policy; of several consent-status
// Consents the newest by meta.lastUpdated. ResultTypes repeat each other, so adding them up would count one signature
// several times. Presence decides, not quality: a damaged consent-status is selected and grants nothing, because
// falling back would grant what it may have refused.
func (e *evaluation) selectResults() {
	var have [resultUnknown + 1]int
	for i := range e.docs {
		if d := &e.docs[i]; d.candidate() {
			have[d.result]++
		}
	}
	chosen, kinds := resultPolicy, 0
	for _, r := range [...]resultType{resultPolicy, resultDocument, resultStatus} {
		if have[r] > 0 {
			chosen = r
			kinds++
		}
	}
	if kinds+min(have[resultUnknown], 1) > 1 {
		e.warn |= MixedResultTypes
	}
	for i := range e.docs {
		d := &e.docs[i]
		d.selected = d.candidate() && d.result == chosen || d.owner == ofLinked && d.status == statusActive
	}
	if chosen == resultStatus && have[resultStatus] > 1 {
		e.newestStatus()
	}
}

// candidate reports whether the document competes for selection. Records that are only linked never grant; their
// denies count whatever their ResultType.
func (d *document) candidate() bool {
	return d.owner != ofLinked && (d.status == statusActive || d.status == statusDamaged)
}

// newestStatus keeps the newest of several aggregated states. Where that is not certain, all stay and a person must
// look.
func (e *evaluation) newestStatus() {
	newest, count, certain := time.Time{}, 0, true
	for i := range e.docs {
		if d := &e.docs[i]; d.candidate() && d.result == resultStatus {
			t, ok := lastUpdated(d.res)
			certain = certain && ok
			switch {
			case count == 0 || t.After(newest):
				newest, count = t, 1
			case t.Equal(newest):
				count++
			}
		}
	}
	if !certain || count > 1 {
		e.review = true
		return
	}
	for i := range e.docs {
		if d := &e.docs[i]; d.candidate() && d.result == resultStatus {
			t, _ := lastUpdated(d.res)
			d.selected = t.Equal(newest)
		}
	}
}

func lastUpdated(res *fhir.Resource) (time.Time, bool) {
	d, ok := readDate(res.Path("meta", "lastUpdated"))
	if !ok {
		return time.Time{}, false
	}
	return d.Instant()
}

// lookForHiddenDenies finds denies in Consents that were not selected and that are not certainly older than what was:
// selection must never hide a refusal.
func (e *evaluation) lookForHiddenDenies() {
	for _, g := range e.grants {
		d := &e.docs[g.doc]
		if !g.deny || d.selected || d.status != statusActive && d.status != statusDamaged {
			continue
		}
		for i := range e.docs {
			s := &e.docs[i]
			if !s.selected || !s.candidate() || s.tried == 0 {
				continue
			}
			matters := s.tried&g.codes != 0 || g.codes&e.policy.gate != 0
			if matters && !d.when.before(s.when) {
				e.review = true
			}
		}
	}
}
