package pseudonym

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// Traits are what both the hospital's record and a form say about a person. They tell whether a subject's form is another
// person's. They are taken before anything is generalised, can only be compared, and print as dots.
type Traits struct{ year, sex string }

// unreadable is a trait that is there and cannot be read: it agrees with nothing.
const unreadable = "unreadable"

// Genders are the codes of Patient.gender (FHIR R4, AdministrativeGender). Unknown says nothing about a person.
func Genders() []string { return []string{"male", "female", "other", genderUnknown} }

const genderUnknown = "unknown"

// TraitsOf returns the traits of a Patient.
func TraitsOf(patient *fhir.Resource) Traits {
	t := Traits{sex: strings.Clone(patient.Get("gender").Text())}
	if birth := patient.Get("birthDate").Text(); birth != "" {
		t.year = unreadable
		if d, err := fhir.ParseDateTime(birth); err == nil {
			t.year = strconv.Itoa(d.Year)
		}
	}
	return t
}

// Format writes no trait.
func (Traits) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, dots) }

// BornIn reports whether the year that a person entered, in four digits, may be the subject's year of birth. It may when one
// of the two is not there.
func (t Traits) BornIn(year string) bool {
	return t.year == "" || year == "" || t.year == year
}

// OfSex reports whether what a person entered may be the subject's sex. It may when one of the two is not there or unknown,
// or when codes, the form's codes by administrative gender, have none for the record's.
func (t Traits) OfSex(entered string, codes map[string]string) bool {
	if t.sex == "" || t.sex == genderUnknown || entered == "" {
		return true
	}
	if unknown, ok := codes[genderUnknown]; ok && entered == unknown {
		return true
	}
	code, ok := codes[t.sex]
	return !ok || code == entered
}
