package fhir

import (
	"fmt"
	"regexp"
)

// Partial is a Source of several sources that may go on without one of them.
type Partial interface {
	Source

	// Tolerate lets the source go on without those of its sources that do not answer. Before, one of them ends everything.
	Tolerate()

	// Sources tells of each of its sources how it stands.
	Sources() []PartState

	// Sits reports in which of its sources a patient is, by alias and in order.
	Sits(patient Key) []string
}

// IsAlias reports whether a text can name a source among several: it stands in ids, before a dot.
func IsAlias(text string) bool { return aliasForm.MatchString(text) }

var aliasForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)

// PartState is how one of several sources stands.
type PartState struct {
	Alias    string
	Patients int   // that it has
	Silent   error // why nothing can be had of it; nil while it answers
}

// UnreachedError is what a Partial answers, wrapped or not, where it takes a source that does not answer.
type UnreachedError struct {
	Alias string
	Err   error
}

func (e *UnreachedError) Error() string { return fmt.Sprintf("source %s: %v", e.Alias, e.Err) }

// Unwrap returns why the source does not answer.
func (e *UnreachedError) Unwrap() error { return e.Err }
