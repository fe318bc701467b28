package ecrf

import (
	"slices"
	"strings"
)

// MissingReason says why a cell has no value. The list is published: reports, tables and ODM annotations use it.
type MissingReason string

// The reasons.
const (
	NoResource    MissingReason = "no-resource"    // the patient has no resource that the rule asks for
	OutsideWindow MissingReason = "outside-window" // there are some, all outside the rule's time window
	NoEvent       MissingReason = "no-event"       // the event from which the window counts did not happen
	NoValue       MissingReason = "no-value"       // the resource has nothing where the rule looks, and says not why
	Unmapped      MissingReason = "unmapped"       // the source's code is not in the rule's code map
	Unconvertible MissingReason = "unconvertible"  // the source's unit cannot be converted into the item's, or the text is no value of the item's type
	Status        MissingReason = "status"         // only with a status that does not count, such as entered-in-error
	Certainty     MissingReason = "certainty"      // only suspected, refuted or otherwise not confirmed
	Ambiguous     MissingReason = "ambiguous"      // several candidates, and the rule does not choose between them
	OutOfRange    MissingReason = "out-of-range"   // outside the item's range or length
	NotApplicable MissingReason = "not-applicable" // the rule does not apply to this instance
	NoConsent     MissingReason = "no-consent"     // the consent does not cover the data that the item needs
	Suppressed    MissingReason = "suppressed"     // disclosure control withholds the value from a delivery; the ledger has it
)

// AbsentPrefix opens the reasons that the source itself gave: absent: and a code of the FHIR code system
// http://terminology.hl7.org/CodeSystem/data-absent-reason.
const AbsentPrefix = "absent:"

// absentCodes is the code system data-absent-reason, version 4.0.1 of FHIR.
var absentCodes = []string{
	"unknown", "asked-unknown", "temp-unknown", "not-asked", "asked-declined", "masked", "not-applicable",
	"unsupported", "as-text", "error", "not-a-number", "negative-infinity", "positive-infinity", "not-performed", "not-permitted",
}

// Absent returns the reason for a dataAbsentReason code; a code that FHIR does not list becomes unknown.
func Absent(code string) MissingReason {
	if !slices.Contains(absentCodes, code) {
		code = "unknown"
	}
	return MissingReason(AbsentPrefix + code)
}

// MissingReasons returns the published list in a fixed order.
func MissingReasons() []MissingReason {
	reasons := []MissingReason{
		NoResource, OutsideWindow, NoEvent, NoValue, Unmapped, Unconvertible, Status, Certainty, Ambiguous, OutOfRange, NotApplicable, NoConsent, Suppressed,
	}
	for _, code := range absentCodes {
		reasons = append(reasons, Absent(code))
	}
	return reasons
}

// Valid reports whether the reason is on the published list.
func (r MissingReason) Valid() bool {
	if code, ok := strings.CutPrefix(string(r), AbsentPrefix); ok {
		return slices.Contains(absentCodes, code)
	}
	switch r {
	case NoResource, OutsideWindow, NoEvent, NoValue, Unmapped, Unconvertible, Status, Certainty, Ambiguous, OutOfRange, NotApplicable, NoConsent, Suppressed:
		return true
	}
	return false
}
