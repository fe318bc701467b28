package ecrf

import (
	"context"
	"slices"
	"time"
)

// Cause is why a person must look at a cell of a target.
type Cause string

// The causes.
const (
	CauseConflict  Cause = "conflict"   // a person's entry differs from the value of the source
	CauseCleared   Cause = "cleared"    // a person cleared our value
	CauseVanished  Cause = "vanished"   // the source no longer has the value that we wrote
	CauseChanged   Cause = "changed"    // the source changed a value that we wrote, and the policy does not update
	CauseSuggested Cause = "suggested"  // the source has a value, and the policy leaves it to a person
	CauseRace      Cause = "race"       // somebody edited the cell while it was written
	CauseRejected  Cause = "rejected"   // the target does not take the value
	CauseUncovered Cause = "no-consent" // the consent no longer covers a value that we wrote
	CauseFrozen    Cause = "frozen"     // the source has another value, and the form is frozen
	CauseLocked    Cause = "locked"     // the source has another value, and a person has locked the form or the record
)

// Causes lists them in the order above.
func Causes() []Cause {
	return []Cause{CauseConflict, CauseCleared, CauseVanished, CauseChanged, CauseSuggested, CauseRace, CauseRejected, CauseUncovered, CauseFrozen, CauseLocked}
}

// QueryState is how far a query is.
type QueryState string

// The states. A query is resolved when its cause is gone, and closed by a person who gives a reason.
const (
	QueryOpen     QueryState = "open"
	QueryAnswered QueryState = "answered"
	QueryResolved QueryState = "resolved"
	QueryClosed   QueryState = "closed"
)

// QueryStates lists them in the order above.
func QueryStates() []QueryState {
	return []QueryState{QueryOpen, QueryAnswered, QueryResolved, QueryClosed}
}

// Pending reports whether somebody still has to do something.
func (s QueryState) Pending() bool { return s == QueryOpen || s == QueryAnswered }

// Doubt is what a delivery found in a cell of a target. Stored is what the target holds, Incoming what the source has.
type Doubt struct {
	Subject string
	CellKey
	Cause            Cause
	Stored, Incoming string
}

// DataQuery is a doubt that a person has to settle. There is one per target, cell and cause.
type DataQuery struct {
	ID     int64
	Target string
	Site   string
	Doubt
	State    QueryState
	Assignee string
	History  []QueryStep // oldest first
}

// QueryStep is one line of a query's history. By is a person, or "" for a delivery.
type QueryStep struct {
	At   time.Time
	By   string
	Did  QueryDeed
	Text string // the assignee, the comment, or the reason
}

// QueryDeed is what was done to a query.
type QueryDeed string

// The deeds. The first three are a delivery's.
const (
	Opened    QueryDeed = "opened"
	Reopened  QueryDeed = "reopened"
	Resolved  QueryDeed = "resolved"
	Assigned  QueryDeed = "assigned"
	Commented QueryDeed = "commented"
	Closed    QueryDeed = "closed"
)

// After returns the state of a query to which something was done.
func (s QueryState) After(did QueryDeed) QueryState {
	switch did {
	case Opened, Reopened:
		return QueryOpen
	case Resolved:
		return QueryResolved
	case Closed:
		return QueryClosed
	case Commented:
		if s == QueryOpen {
			return QueryAnswered
		}
	case Assigned:
	}
	return s
}

// QueryLedger keeps the queries. What it changes is durable when the call returns.
type QueryLedger interface {
	// SettleQueries takes the doubts of a delivery to the subjects. A doubt opens a query, unless there is one; one that was
	// resolved is reopened, and so is one that a person closed when target or source hold something else since. A pending one
	// about these subjects without its doubt is resolved, but for such about a race, which only a person can settle.
	SettleQueries(ctx context.Context, run RunID, target string, subjects []string, doubts []Doubt) (opened int, err error)
	// Queries returns all, by number.
	Queries(ctx context.Context) ([]DataQuery, error)
	// StepQuery does something to a query; an unknown number is ErrNoQuery.
	StepQuery(ctx context.Context, id int64, step QueryStep) error
}

// Next returns what a delivery does to a query that there is, or to one that is not there (state ""), when it finds the doubt;
// "" is nothing. same says that target and source hold what they held when it was last touched.
func (s QueryState) Next(same bool) QueryDeed {
	switch {
	case s == "":
		return Opened
	case s == QueryResolved, s == QueryClosed && !same:
		return Reopened
	}
	return ""
}

// Sticky reports whether queries of the cause stay when their doubt is gone.
func (c Cause) Sticky() bool { return c == CauseRace }

// Valid reports whether the cause is on the published list.
func (c Cause) Valid() bool { return slices.Contains(Causes(), c) }
