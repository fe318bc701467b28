package consent

import (
	"slices"
	"time"

	"github.com/crflink/crflink/fhir"
)

// Needed returns what tells, of a record's resources, those that a decision about it can depend on, under whichever policy and on
// whatever day. All do but Encounters: such a one only moves the begin of a permit that begins during it, so that it has to be a stay
// of days of which a Consent of the record names one. Where records are linked, Consents of others count, and every Encounter is needed.
//
// What is needed of a record is needed of one that holds nothing else.
func Needed(rec *fhir.Record) func(*fhir.Resource) bool {
	n := needs{record: rec}
	return n.has
}

// needs are the days that the Consents of a record name.
type needs struct {
	record *fhir.Record
	read   bool
	all    bool
	named  days
}

func (n *needs) has(res *fhir.Resource) bool {
	if res.Type != "Encounter" {
		return true
	}
	if !n.read {
		n.read, n.all = true, isLinked(n.record)
		n.named = namedDays(n.record)
	}
	return n.all || isStay(res) && n.touches(res)
}

func isLinked(rec *fhir.Record) bool {
	if len(rec.LinkedFrom()) > 0 {
		return true
	}
	for p := range rec.OfType("Patient") {
		if p.Get("link").Exists() {
			return true
		}
	}
	return false
}

// zones is how many days two time zones can be apart in what they make of two instants.
const zones = 2

// namedDays returns all days that any text in a Consent of the record may mean.
func namedDays(rec *fhir.Record) (named days) {
	for c := range rec.OfType("Consent") {
		for d := range c.Dates() {
			first, last := d.Days(time.UTC)
			named = append(named, Interval{first - zones, last + zones})
		}
	}
	return named
}

// touches reports whether a Consent names a day of the Encounter's, or one beside it.
func (n *needs) touches(res *fhir.Resource) bool {
	start, ok1 := readDate(res.Path("period", "start"))
	end, ok2 := readDate(res.Path("period", "end"))
	if !ok1 || !ok2 {
		return false
	}
	first, _ := start.Days(time.UTC)
	_, last := end.Days(time.UTC)
	return slices.ContainsFunc(n.named, func(i Interval) bool { return first <= i.End && i.Start <= last })
}
