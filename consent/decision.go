package consent

import (
	"slices"
	"time"

	"github.com/crflink/crflink/fhir"
)

// Withdrawal says whether readable denies took something away.
type Withdrawal uint8

// The extents of a withdrawal.
const (
	NoWithdrawal       Withdrawal = iota // nothing was refused in a form that can be read
	PartialWithdrawal                    // the window is smaller than it would be without the denies
	CompleteWithdrawal                   // the patient is excluded because of them
)

// String returns none, partial or complete.
func (w Withdrawal) String() string {
	return [...]string{"none", "partial", "complete"}[min(w, CompleteWithdrawal)]
}

// Decision is what the policy says of one patient at one as-of. Only Evaluate makes one; the zero value is held.
// It holds ids of the source: of the patient and of Consents. They are for reports that the user asked for, and for
// nothing else.
type Decision struct {
	patient    fhir.Key
	policy     string // hash
	day        fhir.Day
	outcome    Outcome
	reason     Reason
	windows    days
	types      map[string]days
	consents   []string
	warnings   Warnings
	withdrawal Withdrawal
	refused    int64 // microseconds since 1970

	parts  []Decision     // of a combination
	partOf map[string]int // by form
}

// Patient returns the patient that the decision is about.
func (d Decision) Patient() fhir.Key { return d.patient }

// PolicyHash returns the hash of the policy that decided.
func (d Decision) PolicyHash() string { return d.policy }

// AsOf returns the calendar day for which the decision holds.
func (d Decision) AsOf() fhir.Day { return d.day }

// Outcome returns whether data may be used.
func (d Decision) Outcome() Outcome { return d.outcome }

// Reason returns why.
func (d Decision) Reason() Reason {
	if d.reason == "" {
		return NoDecision
	}
	return d.reason
}

// Windows returns the intervals whose data may be used, in order; none unless the outcome is Granted.
func (d Decision) Windows() []Interval { return slices.Clone(d.windows) }

// WindowsFor returns the intervals for a resource type: smaller than Windows when the policy demands further codes.
func (d Decision) WindowsFor(typ string) []Interval { return slices.Clone(d.windowsFor(typ)) }

func (d Decision) windowsFor(typ string) days {
	if w, ok := d.types[typ]; ok {
		return w
	}
	return d.windows
}

// Consents returns the ids of the Consents that took part, in order.
func (d Decision) Consents() []string { return slices.Clone(d.consents) }

// Warnings returns remarks about the facts.
func (d Decision) Warnings() Warnings { return d.warnings }

// Refused returns the last instant that the newest readable refusal may mean; ok is false when the decision is not Excluded
// because of a Consent.
func (d Decision) Refused() (at time.Time, ok bool) {
	return time.UnixMicro(d.refused).UTC(), d.outcome == Excluded && d.refused != 0
}

// Withdrawal returns whether readable denies took something away. Only these may start an erasure.
func (d Decision) Withdrawal() Withdrawal { return d.withdrawal }
