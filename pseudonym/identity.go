package pseudonym

import (
	"context"
	"errors"
	"fmt"

	"github.com/crflink/crflink/fhir"
)

// IdentityRule says which identifier names a patient at the site. A server that is reloaded under new technical ids
// still yields the same subjects.
type IdentityRule struct {
	System    string // the system of a Patient.identifier
	PatientID bool   // Patient.id instead; only where the site guarantees that it never changes
}

// What an identity rule may answer for a patient.
var (
	ErrNoIdentity      = errors.New("the patient has no identifier of the configured system")
	ErrManyIdentities  = errors.New("the patient has several identifiers of the configured system")
	ErrEnrolment       = errors.New("the enrolment is unclear")
	errNoPatient       = fmt.Errorf("%w: there is no Patient resource", ErrNoIdentity)
	errNoIdentitySetup = errors.New("subject identity: neither an identifier system nor Patient.id is configured")
)

// Identify returns the patient's identity: the one value of the system that is not marked as old.
func (r IdentityRule) Identify(patient *fhir.Resource) (Identity, error) {
	switch {
	case patient == nil:
		return Identity{}, errNoPatient
	case r.PatientID && r.System != "":
		return Identity{}, errors.New("subject identity: an identifier system and Patient.id are configured; choose one")
	case r.PatientID && patient.ID != "":
		return Identity{System: "Patient.id", Value: patient.ID}, nil
	case r.PatientID:
		return Identity{}, ErrNoIdentity
	case r.System == "":
		return Identity{}, errNoIdentitySetup
	}
	value, err := oneIdentifier(patient.Node, r.System)
	if err != nil {
		return Identity{}, err
	}
	return Identity{System: r.System, Value: value}, nil
}

// oneIdentifier returns the one value that a resource's identifiers of the system have.
func oneIdentifier(resource fhir.Node, system string) (string, error) {
	value := ""
	for id := range resource.Get("identifier").Elements() {
		v := id.Get("value").Text()
		if id.Get("system").Text() != system || v == "" || id.Get("use").Text() == "old" {
			continue
		}
		if value != "" && v != value {
			return "", ErrManyIdentities
		}
		value = v
	}
	if value == "" {
		return "", ErrNoIdentity
	}
	return value, nil
}

// Enrolment is a subject number that was assigned outside of crflink.
type Enrolment struct{ Number, Site string }

// Numbering finds the number that enrolment assigned. ok is false while there is none.
type Numbering interface {
	Number(id Identity, resources Resources) (e Enrolment, ok bool, err error)
}

// Prefetcher is a Numbering that asks a service, which is best done for many patients at once. Number then knows the
// answers. An error means that the service cannot be used at all; a patient whose number alone could not be had is told
// by Number.
type Prefetcher interface {
	Numbering
	Prefetch(ctx context.Context, ids []Identity) error
}

// ResearchSubjects takes numbers from ResearchSubject.identifier of a system, ignoring such of status candidate,
// ineligible and entered-in-error.
type ResearchSubjects struct {
	System string
	Site   string // the site of all numbers
}

// Number returns the one number that the patient's ResearchSubjects have in the system.
func (n ResearchSubjects) Number(_ Identity, resources Resources) (Enrolment, bool, error) {
	number := ""
	for r := range resources.Resources() {
		if r.Type != "ResearchSubject" || notOnStudy[r.Get("status").Text()] {
			continue
		}
		v, err := oneIdentifier(r.Node, n.System)
		if errors.Is(err, ErrNoIdentity) {
			continue
		}
		if err != nil || number != "" && v != number {
			return Enrolment{}, false, errors.New("ResearchSubject: the patient has several subject numbers of the configured system")
		}
		number = v
	}
	return Enrolment{Number: number, Site: n.Site}, number != "", nil
}

var notOnStudy = map[string]bool{"candidate": true, "ineligible": true, "entered-in-error": true}

// Issued is a Numbering that assigns nothing: crflink issues the numbers.
type Issued struct {
	Format NumberFormat
	Site   string
}

// Number never finds one.
func (Issued) Number(Identity, Resources) (Enrolment, bool, error) {
	return Enrolment{}, false, nil
}

// ListedNumbers is a Numbering from an enrolment list.
type ListedNumbers map[string]Enrolment

// Number returns the list's entry for the patient's identifier.
func (l ListedNumbers) Number(id Identity, _ Resources) (Enrolment, bool, error) {
	e, ok := l[id.Value]
	return e, ok, nil
}

// Find returns the subject of a patient by the site's identity rule and the study's numbering. A patient without a
// number is ErrNotEnrolled and waits.
func (v *Vault) Find(ctx context.Context, resources Resources, rule IdentityRule, numbers Numbering) (Subject, error) {
	id, err := rule.Identify(resources.Patient())
	if err != nil {
		return Subject{}, err
	}
	if issued, ok := numbers.(Issued); ok {
		return v.Issue(ctx, id, issued.Format, issued.Site)
	}
	if service, ok := numbers.(Prefetcher); ok {
		if err := service.Prefetch(ctx, []Identity{id}); err != nil {
			return Subject{}, err
		}
	}
	e, ok, err := numbers.Number(id, resources)
	if err != nil {
		return Subject{}, fmt.Errorf("%w: %w", ErrEnrolment, err)
	}
	if !ok {
		return Subject{}, ErrNotEnrolled
	}
	return v.Enrol(ctx, id, e.Number, e.Site)
}
