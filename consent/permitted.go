package consent

import (
	"iter"

	"github.com/crflink/crflink/fhir"
)

// Permitted is the part of a patient's record that a decision covers. Admit is its only constructor; the zero value
// holds nothing. Whoever takes a Permitted can rely on its having been checked.
type Permitted struct {
	kept *permitted
}

type permitted struct {
	decision  Decision
	zone      *Policy
	patient   *fhir.Resource
	resources []*fhir.Resource
	byKey     map[fhir.Key]*fhir.Resource
	hideDeath bool

	parts  []Permitted    // of a combination
	partOf map[string]int // by form
}

// Granted reports whether anything may be used at all. It is false for the zero value and for patients who are held or
// excluded.
func (p Permitted) Granted() bool { return p.kept != nil }

// Decision returns the decision behind it; the zero Decision, which is held, for the zero value.
func (p Permitted) Decision() Decision {
	if p.kept == nil {
		return Decision{}
	}
	return p.kept.decision
}

// Windows returns the intervals of days whose data may be used.
func (p Permitted) Windows() []Interval { return p.Decision().Windows() }

// Patient returns the Patient resource, or nil when there is none. Its deceased[x] must be dropped when HidesDeath.
func (p Permitted) Patient() *fhir.Resource {
	if p.kept == nil {
		return nil
	}
	return p.kept.patient
}

// HidesDeath reports whether Patient.deceased[x] must not be used: always, unless it is a full date inside one
// interval of the window. A mere yes or no has no date that could be checked.
func (p Permitted) HidesDeath() bool { return p.kept == nil || p.kept.hideDeath }

// Resources yields what was kept, the Patient included, in the order of the record.
func (p Permitted) Resources() iter.Seq[*fhir.Resource] {
	return func(yield func(*fhir.Resource) bool) {
		if p.kept == nil {
			return
		}
		for _, r := range p.kept.resources {
			if !yield(r) {
				return
			}
		}
	}
}

// Find returns a kept resource by type and id, or nil.
func (p Permitted) Find(key fhir.Key) *fhir.Resource {
	if p.kept == nil {
		return nil
	}
	return p.kept.byKey[key]
}

// Covers reports whether data of the type from the days first to last would be kept: the same test for what comes from
// elsewhere than FHIR, such as a PACS.
func (p Permitted) Covers(typ string, first, last fhir.Day) bool {
	return p.kept != nil && p.kept.decision.windowsFor(typ).covers(first, last)
}

// CoversDate is Covers for a date as it was written; one without a day is not covered.
func (p Permitted) CoversDate(typ string, d fhir.DateTime) bool {
	if p.kept == nil || d.Precision < fhir.DayPrecision {
		return false
	}
	first, last := d.Days(p.kept.zone.zone)
	return p.Covers(typ, first, last)
}
