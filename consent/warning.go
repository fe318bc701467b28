package consent

import "encoding/json"

// Warnings is a set of remarks about the facts behind a decision. They change nothing in it.
type Warnings uint32

// The warnings.
const (
	MixedResultTypes  Warnings = 1 << iota // Consents of several ResultTypes; one was selected
	InactiveConsent                        // a Consent that is not active was passed over
	ForeignConsent                         // a Consent of another form was passed over
	ForeignDeny                            // a Consent of another form denies a code that the policy uses
	OpenEndedPermit                        // a permit without end was rejected or given the code system's period
	UnreadablePermit                       // a permit that cannot be read was passed over
	UnreadableDeny                         // a deny that cannot be read completely was widened
	RestrictedPermit                       // a permit with restrictions that the policy cannot judge was passed over
	LongCollection                         // data collection (.6) is permitted for longer than the template's five years
	FuturePermit                           // a permit of a Consent dated after as-of was passed over
	UnmappedCode                           // a code of a local system that the policy's site codes do not map
	MinorConsent                           // a parental or minor's consent takes part
	OtherPatientFacts                      // a fact of another patient was passed over
	PatientMissing                         // there is no Patient resource
	NoProtection                           // the policy is none
	TooManyProvisions                      // more provisions than a patient can have signed
)

var warningCodes = [...]string{
	"mixed-result-types", "inactive-consent", "foreign-consent", "foreign-deny", "open-ended-permit",
	"unreadable-permit", "unreadable-deny", "restricted-permit", "long-collection", "future-permit", "unmapped-code",
	"minor-consent", "other-patient-facts", "patient-missing", "no-protection",
	"too-many-provisions",
}

// Has reports whether all of the given warnings are in the set.
func (w Warnings) Has(x Warnings) bool { return w&x == x }

// Codes returns the published codes in a fixed order.
func (w Warnings) Codes() []string {
	codes := []string{}
	for i, code := range warningCodes {
		if w&(1<<i) != 0 {
			codes = append(codes, code)
		}
	}
	return codes
}

// MarshalJSON writes the codes as a list.
func (w Warnings) MarshalJSON() ([]byte, error) { return json.Marshal(w.Codes()) }
