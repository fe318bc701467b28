package synth

import "github.com/crflink/crflink/fhir"

// decide tells what the consents must lead to. Every pattern of drawConsents knows its own answer:
//
//   - MDAT_wissenschaftlich_nutzen must be permitted on the as-of day; MDAT_erheben bounds the data.
//   - A later document overrides an earlier one; within one document a refusal wins. After a complete withdrawal the past stays closed
//     until a retrospective consent opens it.
//   - A retrospective code opens the past back to 1900-01-01.
//   - When a hospital stay that is closed covers the first day of MDAT_erheben, the period begins with that stay.
//   - Missing, expired or unreadable consent holds the patient; only a refusal that can be read excludes.
//   - Enrolment is asked last: a permitted patient without study number is not-enrolled.
func (p *patient) decide() Decision {
	d := p.decision
	if d.outcome != "permitted" {
		return Decision{Outcome: d.outcome, Reason: d.reason}
	}
	window := []Span{{p.shifted(d), d.last}}
	if p.subject() == "" {
		return Decision{"not-enrolled", "no-subject-number", window}
	}
	return Decision{d.outcome, d.reason, window}
}

// shifted returns the first day of the window: the earliest beginning of a stay that covers the consent's own first day.
func (p *patient) shifted(d expected) (first fhir.Day) {
	first = d.first
	if !d.shifts {
		return first
	}
	for i := range p.stays {
		s := &p.stays[i]
		if s.orphan || s.void() || s.when.kind != period {
			continue
		}
		if s.when.start.day < d.first && d.first <= s.when.end.day && s.when.start.day < first {
			first = s.when.start.day
		}
	}
	return first
}
