package ecrf

import "context"

// Reader is a target, or an export of one, that can be read. An implementation passes targettest.Read.
type Reader interface {
	Name() string // as configured
	// Entered returns what stands in the cells of the subjects, by study number, as the target writes it, without white
	// space around it. Cells of forms that do not repeat have Repeat 0. A cell without an entry is absent, and so is a
	// subject that the target does not know. It may be asked for any number of subjects, concurrently. The error holds
	// no value and no study number.
	Entered(ctx context.Context, subjects []string, cells []CellKey) (map[string]Entries, error)
}

// Entries are the entries of one subject.
type Entries map[CellKey]string
