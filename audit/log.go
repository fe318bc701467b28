package audit

import (
	"context"
	"iter"

	"github.com/crflink/crflink/pseudonym"
)

// Log stores entries in the order of their numbers. It never changes or removes one. All methods are safe for concurrent
// use, also by several processes on one log. An implementation passes the suite audit/audittest.
type Log interface {
	// Append calls next with the head of the log and stores the entries that it returns, whole or not at all, in one
	// transaction. A durable append is on disk when the call returns; another with the next that is, or with whatever the
	// same database stores durably.
	Append(ctx context.Context, durable bool, next func(last Head) ([]Entry, error)) error
	// Head returns number and digest of the last entry as they are stored.
	Head(ctx context.Context) (Head, error)
	// Entry returns the entry of a number; ok is false when there is none.
	Entry(ctx context.Context, number int64) (e Entry, ok bool, err error)
	// Entries yields the entries from a number on, in their order, as they are when the iteration begins.
	Entries(ctx context.Context, from int64) iter.Seq2[Entry, error]
	// Marks yields the newest mark of every subject that has one, in any order.
	Marks(ctx context.Context) iter.Seq2[Standing, error]
}

// Standing is the newest mark of a subject.
type Standing struct {
	Subject pseudonym.AuditName
	Mark    Mark
}
