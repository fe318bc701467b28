package ecrf

// State is what is known about a cell, in the ledger and at one target.
type State string

// The states. In the ledger a cell is new, written, query, outdated or withdrawn; the rest belong to one target's view of it.
// Unchanged is what a target held already and we did not write.
const (
	New       State = "new"       // computed, and not yet written to any target that keeps cells
	Written   State = "written"   // the target holds what we wrote
	Unchanged State = "unchanged" // nothing to do
	Conflict  State = "conflict"  // the target holds a person's value; ours was not written
	Query     State = "query"     // a person must look: the source no longer supports the value, or someone cleared it
	Rejected  State = "rejected"  // the target refused the value
	Locked    State = "locked"    // the target's form is locked
	Outdated  State = "outdated"  // computed by a mapping that has changed since
	Withdrawn State = "withdrawn" // the consent no longer covers it; the value is removed
)

// States lists them in the order above.
func States() []State {
	return []State{New, Written, Unchanged, Conflict, Query, Rejected, Locked, Outdated, Withdrawn}
}
