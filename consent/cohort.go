package consent

import (
	"slices"
	"time"

	"github.com/crflink/crflink/fhir"
)

// OutOfCohort returns the decision about a patient whom the study does not ask for: one that was permitted is held for the
// reason; any other stays as it is.
func (d Decision) OutOfCohort(reason Reason) Decision {
	d.parts = each1(d.parts, func(p Decision) Decision { return p.OutOfCohort(reason) })
	if d.outcome == Granted {
		d.outcome, d.reason, d.windows, d.types, d.withdrawal = Held, reason, nil, nil, NoWithdrawal
	}
	return d
}

// During returns the decision with windows that lie inside the spans: data may be used only as far as the study collects. Where
// nothing is left the patient is out of the cohort.
func (d Decision) During(spans []Interval, reason Reason) Decision {
	if d.outcome != Granted {
		return d
	}
	narrowed := d
	narrowed.windows = Common(d.windows, spans)
	if d.types != nil {
		narrowed.types = make(map[string]days, len(d.types))
		for typ, w := range d.types {
			narrowed.types[typ] = Common(w, spans)
		}
	}
	narrowed.parts = each1(d.parts, func(p Decision) Decision { return p.During(spans, reason) })
	if len(narrowed.windows) == 0 && !slices.ContainsFunc(narrowed.parts, func(p Decision) bool { return p.outcome == Granted }) {
		return d.OutOfCohort(reason)
	}
	return narrowed
}

func each1(parts []Decision, do func(Decision) Decision) []Decision {
	if parts == nil {
		return nil
	}
	out := make([]Decision, len(parts))
	for i, p := range parts {
		out[i] = do(p)
	}
	return out
}

// Common returns the days that both have, as intervals in order.
func Common(a, b []Interval) []Interval {
	return intersect(nil, days(slices.Clone(a)).normalise(), days(slices.Clone(b)).normalise())
}

// Either returns the days that one of the two has, as intervals in order.
func Either(a, b []Interval) []Interval { return days(slices.Concat(a, b)).normalise() }

// ParticipationOf returns the days of participation in a ResearchStudy ("ResearchStudy/ID"), by ResearchSubjects of the person
// with one of the statuses and a period that can be read; none when there is no such ResearchSubject. No statuses are those
// of whoever is or was in the study.
func ParticipationOf(facts Facts, reference string, statuses []string, zone *time.Location) []Interval {
	if len(statuses) == 0 {
		statuses = defaults(StudyConsent, "").Study.Statuses
	}
	e := evaluation{facts: &facts, policy: &Policy{zone: zone, set: settings{Study: study{Reference: reference, Statuses: statuses}}}}
	e.person = facts.person()
	e.readSubjects()
	return e.inStudy
}

// SubjectStatuses are the codes of ResearchSubject.status (FHIR R4).
func SubjectStatuses() []string {
	return []string{"candidate", "eligible", "follow-up", "ineligible", "not-registered", "off-study", "on-study", "on-study-intervention",
		"on-study-observation", "pending-on-study", "potential-candidate", "screening", "withdrawn"}
}

// IsPatient reports whether the key is one of the person's own records, merged ones included.
func (f Facts) IsPatient(key fhir.Key) bool {
	p := f.person()
	return p.byKey(key) == ofOwn
}
