package ecrf

// Policy says what may be done to a target's cell.
type Policy string

// The policies. OwnValuesOnly is the default.
const (
	OwnValuesOnly Policy = "own-values-only" // fill empty cells, update values of ours that nobody touched
	FillEmptyOnly Policy = "fill-empty-only" // fill empty cells, change nothing
	SuggestOnly   Policy = "suggest-only"    // write nothing; a person decides on every value
	Always        Policy = "always"          // overwrite a person's entry too; needs a documented reason
)

// Action is what is to be done with one cell of a target.
type Action string

// The actions. Those that begin with "query" write nothing and ask a person.
const (
	Keep           Action = "keep"            // nothing to do
	Fill           Action = "fill"            // write into an empty cell
	Update         Action = "update"          // replace our own value, which nobody touched
	Overwrite      Action = "overwrite"       // replace a person's entry: policy Always only
	QueryConflict  Action = "query-conflict"  // a person's entry differs
	QueryCleared   Action = "query-cleared"   // a person cleared our value
	QueryVanished  Action = "query-vanished"  // the source no longer has the value we wrote
	QueryChanged   Action = "query-changed"   // the source changed a value we wrote, and the policy does not update
	QuerySuggested Action = "query-suggested" // the source has a value, and the policy does not write
)

// Writes reports whether the action changes the target.
func (a Action) Writes() bool { return a == Fill || a == Update || a == Overwrite }

// LastWritten is the value that we last wrote to a cell of a target, as read back. The zero value means: never.
type LastWritten struct {
	Value string
	Wrote bool
}

// Merge decides what to do with one cell of a target, under the policy of OwnValuesOnly.
func Merge(stored, incoming string, last LastWritten) Action {
	return OwnValuesOnly.Merge(stored, incoming, last)
}

// Merge decides what to do with one cell of a target: stored is what the target holds now, incoming what the ledger
// has, last what we wrote before. "" means no value. All three are canonical texts of the item.
//
//	stored  incoming  last           action
//	= incoming        any            keep
//	empty   value     never          fill
//	empty   value     wrote          query-cleared: a person removed it; do not refill
//	value   value     = stored       update
//	value   value     never, other   query-conflict: a person's entry
//	value   empty     = stored       query-vanished: never a silent clear
//	value   empty     other          query-conflict: a person replaced our value, and the source withdrew it
//	value   empty     never          keep: a person's entry where we have nothing to say
//
// An unknown policy keeps everything.
func (p Policy) Merge(stored, incoming string, last LastWritten) Action {
	ours := last.Wrote && stored == last.Value
	switch {
	case stored == incoming:
		return Keep
	case stored == "" && last.Wrote && last.Value != "":
		return p.allow(QueryCleared)
	case stored == "":
		return p.allow(Fill)
	case incoming == "" && ours:
		return QueryVanished
	case incoming == "" && !last.Wrote:
		return Keep
	case incoming == "":
		return QueryConflict
	case ours:
		return p.allow(Update)
	}
	return p.allow(QueryConflict)
}

// allow turns the action of the default policy into the one that p allows.
func (p Policy) allow(a Action) Action {
	switch p {
	case OwnValuesOnly, "":
		return a
	case FillEmptyOnly:
		if a == Update {
			return QueryChanged
		}
		return a
	case SuggestOnly:
		if a.Writes() {
			return QuerySuggested
		}
		return a
	case Always:
		switch a {
		case QueryConflict:
			return Overwrite
		case QueryCleared:
			return Fill
		}
		return a
	}
	return Keep
}
