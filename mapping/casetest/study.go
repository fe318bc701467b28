package casetest

import (
	"context"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pseudonym"
)

// Study is what cases are run against.
type Study struct {
	Mapping    *mapping.Mapping
	Dictionary *ecrf.Dictionary
	Zone       *time.Location
	Sources    []string // aliases of a study with several
	// Admit makes the de-identified record of a case's resources: a policy that permits everything, a vault that is
	// forgotten afterwards, and the study's profile with dates kept.
	Admit func(ctx context.Context, asOf time.Time, from *fhir.Record) (*pseudonym.Record, error)
}

// File is one test file, checked.
type File struct {
	Name  string
	Cases []Case
}

// Case is one test.
type Case struct {
	Name    string
	Line    int
	asOf    time.Time
	subject fhir.Key
	given   []*fhir.Resource
	entered ecrf.Entries
	expect  []expectation
	source  string // whose the resources are; "" where the study has one
	again   bool   // a case that names no source, for one with rules of its own
}

// expectation is what one form or item must hold.
type expectation struct {
	at       yamldoc.Value
	path     string // as written
	form     *ecrf.Form
	event    string     // of the dictionary; "" is every event in which the mapping fills the form
	item     *ecrf.Item // nil: the number of instances
	instance int        // of a repeating form, from 1; 0 for a single form
	is       is
	value    string // canonical
	missing  ecrf.MissingReason
	count    int
}

// is says what kind of expectation it is.
type is uint8

const (
	isValue   is = iota // the value
	isMissing           // a reason
	isPresent           // any value
	isCount             // so many instances
)
