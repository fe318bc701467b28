package ecrf

import "context"

// Eraser is a Target that can remove subjects. A target that is none leaves a task to a person.
type Eraser interface {
	Target
	// Erase removes all that the target holds of the subjects, and nothing else. It returns how many cells that were. When it
	// returns no error they are gone durably; again, or with subjects that the target never had, is no error.
	Erase(ctx context.Context, e Erasure) (cells int, err error)
}

// Erasure says what is to be erased.
type Erasure struct {
	Subjects []string
	Record   DeliveryRecord // what the target took of them, as far as the ledger knows; nil when nothing is known
}
