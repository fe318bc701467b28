package authorisation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/crflink/crflink/fhir"
)

// Authorisation is what a study was allowed. It is not changed after it was read. A nil Authorisation was never given: it
// has no approvals and recipients, and refuses nothing.
type Authorisation struct {
	Approvals  []Approval
	Recipients []Recipient
	Scope      *Scope   // nil permits every element
	ValidUntil fhir.Day // the last day on which data may be used
	EraseBy    fhir.Day // the last day on which data may still be there
}

// Bodies that approve.
const (
	UseAndAccess = "use-and-access"
	Ethics       = "ethics"
	OtherBody    = "other"
)

// Bodies lists the bodies that a study file may name.
func Bodies() []string { return []string{UseAndAccess, Ethics, OtherBody} }

// Approval is the decision of one body.
type Approval struct {
	Body   string // one of Bodies
	Number string // under which the body keeps it
}

// Recipient receives data.
type Recipient struct {
	Name    string   // of the person or institution
	Contact string   // how they are told that a patient withdrew; may be empty
	Age     []string // public keys to which research packages are encrypted; none is readable packages
	Outputs []string // names of targets, and of the outputs that are none: ImagingOutput, ExportOutput
}

// The outputs that are no targets.
const (
	ImagingOutput = "imaging" // the folder with sessions.csv
	ExportOutput  = "export"  // research packages
)

// ErrRefused is wrapped by every refusal of what the authorisation does not cover.
var ErrRefused = errors.New("outside the study's authorisation")

// On returns nil when data may be used on the day, the calendar day in the study's time zone, and else a refusal.
func (a *Authorisation) On(day fhir.Day) error {
	switch {
	case a == nil:
		return nil
	case day > a.EraseBy:
		return fmt.Errorf("%w: the data had to be erased by %s; run crflink retire", ErrRefused, a.EraseBy)
	case day > a.ValidUntil:
		return fmt.Errorf("%w: it ended on %s; have it extended, or run crflink retire by %s", ErrRefused, a.ValidUntil, a.EraseBy)
	}
	return nil
}

// To returns nil when somebody may receive the output, and else a refusal.
func (a *Authorisation) To(output string) error {
	if a == nil || len(a.RecipientsOf(output)) > 0 {
		return nil
	}
	return fmt.Errorf("%w: no recipient is named for the output %s", ErrRefused, output)
}

// RecipientsOf returns who receives an output, in the order of the study file.
func (a *Authorisation) RecipientsOf(output string) []Recipient {
	if a == nil {
		return nil
	}
	var all []Recipient
	for _, r := range a.Recipients {
		if slices.Contains(r.Outputs, output) {
			all = append(all, r)
		}
	}
	return all
}

// Numbers returns the approvals as "body number", in the order of the study file.
func (a *Authorisation) Numbers() []string {
	if a == nil {
		return nil
	}
	all := make([]string, len(a.Approvals))
	for i, p := range a.Approvals {
		all[i] = p.Body + " " + p.Number
	}
	return all
}
