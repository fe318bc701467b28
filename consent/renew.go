package consent

import (
	"time"

	"github.com/crflink/crflink/fhir"
)

// EvaluateAfter decides about a patient who withdrew at an earlier moment, whether or not the source still knows of it. It
// is Evaluate, but what that permits stands only if Consents that are later than the withdrawal permit it by themselves: a
// dateTime certainly after it, and a period that begins no earlier than its day. Else the patient is held, NotRenewed. A
// policy that asks for no Consent cannot be renewed.
func EvaluateAfter(facts Facts, policy *Policy, asOf, withdrawn time.Time) Decision {
	if policy.parts != nil {
		return policy.after(facts, asOf, withdrawn)
	}
	d := Evaluate(facts, policy, asOf)
	if d.outcome != Granted {
		return d
	}
	if policy.set.Kind == BroadConsent || policy.set.Kind == StudyConsent {
		at := withdrawn.UnixMicro()
		renewed := evaluate(facts, policy, asOf, moment{at, at, true}, fhir.DayOf(withdrawn.In(policy.zone)))
		switch {
		case renewed.outcome == Granted && policy.set.AfterWithdrawal == Revive:
			return d
		case renewed.outcome == Granted:
			return renewed
		}
	}
	return Decision{patient: d.patient, policy: d.policy, day: d.day, outcome: Held, reason: NotRenewed, consents: d.consents, warnings: d.warnings}
}
