package mapping

import "github.com/crflink/crflink/ecrf"

// Trace receives how Fill came to the cells of one item. Set Rule, and Event for a form that is filled at several visits, and give the trace to one Fill as Input.Trace. All
// that it holds are terms of the de-identified record: keyed references, and dates as the study's date mode leaves them.
type Trace struct {
	Rule   string  // form.item
	Event  string  // of the dictionary, for a form that is filled in several; "" is any
	Events []Steps // of the events from which the rule counts, those first from which others count
	Form   *Steps  // of a repeating form: which resources have an instance
	Cells  []Steps // of the item's rule, once for each instance of a repeating form

	follow []string // names of the events
}

// Steps is how one rule came to its result, in the order in which it was worked off. Steps that the rule did not reach
// are empty.
type Steps struct {
	Rule       string             `json:"rule"`                 // form.item, the name of an event, or the form of a repeat rule
	Says       Says               `json:"says"`                 // the rule as it is written
	Own        []OwnRule          `json:"own,omitempty"`        // the rule for resources of sources that say something of their own
	Source     string             `json:"source,omitempty"`     // of several sources: that of the chosen resource, by alias
	Instance   string             `json:"instance,omitempty"`   // the resource that the form instance is made from
	Date       string             `json:"date,omitempty"`       // of that resource
	Key        string             `json:"key,omitempty"`        // of the form instance, pseudonymous
	Order      string             `json:"-"`                    // of the form instance
	Resources  []Seen             `json:"resources,omitempty"`  // every resource of the rule's types
	Candidates []Considered       `json:"candidates,omitempty"` // those that count, the chosen one first
	ChosenBy   string             `json:"chosenBy,omitempty"`   // what made the first candidate the chosen one
	Inputs     []Used             `json:"inputs,omitempty"`     // of a derived item
	Formula    string             `json:"formula,omitempty"`    // of a derived item
	Changes    []Change           `json:"changes,omitempty"`    // from what the source wrote to the value
	Value      string             `json:"value,omitempty"`      // canonical text
	Missing    ecrf.MissingReason `json:"missing,omitempty"`
	Because    string             `json:"because,omitempty"` // the sentence that explains Missing

	offered []taken // candidates before the choice
}

// OwnRule is a rule as it is for resources of one source.
type OwnRule struct {
	Source string `json:"source"` // alias
	Says   Says   `json:"says"`
}

// Says is a rule as the mapping file writes it, except for window and choose, which are spelled out.
type Says struct {
	At       string   `json:"at,omitempty"`      // file and line of the rule, or of what a source says of its own
	Entered  string   `json:"entered,omitempty"` // the item in which a person enters the date
	Resource []string `json:"resource,omitempty"`
	Where    string   `json:"where,omitempty"`
	Date     string   `json:"date,omitempty"`
	Window   string   `json:"window,omitempty"`
	Choose   string   `json:"choose,omitempty"`
	Value    string   `json:"value,omitempty"`
	Map      string   `json:"map,omitempty"`
}

// Fate is what became of a resource of the rule's types.
type Fate string

// The fates, in the order in which a rule meets out one of them.
const (
	WhereFalse      Fate = "where-false"    // the rule's condition does not hold
	Reissued        Fate = "reissued"       // a newer issue of the same result counts instead
	StatusFate      Fate = "status"         // its status never counts
	CertaintyFate   Fate = "certainty"      // the diagnosis is suspected, excluded or refuted
	UndatedFate     Fate = "undated"        // it has no date, and the rule has a window
	OutsideFate     Fate = "outside-window" // its date lies outside the rule's window
	CountedFate     Fate = "counted"        // it is a candidate
	AnotherInstance Fate = "same-key"       // it counts, and another resource stands for its instance
)

// Fates lists them in that order.
func Fates() []Fate {
	return []Fate{WhereFalse, Reissued, StatusFate, CertaintyFate, UndatedFate, OutsideFate, CountedFate, AnotherInstance}
}

// Seen is a resource of the rule's types.
type Seen struct {
	Resource string `json:"resource"`         // type and keyed id
	Source   string `json:"source,omitempty"` // of several, by alias
	Fate     Fate   `json:"fate"`
	Date     string `json:"date,omitempty"`   // as it is written, of resources for which the condition holds
	Days     *int   `json:"days,omitempty"`   // from the window's event to the date; before it is negative
	Detail   string `json:"detail,omitempty"` // the code of its status or certainty
}

// Considered is a resource that counts, with what the rule takes from it.
type Considered struct {
	Resource string `json:"resource"`
	Source   string `json:"source,omitempty"` // of several, by alias
	Date     string `json:"date,omitempty"`
	Days     *int   `json:"days,omitempty"`   // from the event of the choice or window to the date
	Value    string `json:"value,omitempty"`  // as the source writes it
	Chosen   bool   `json:"chosen,omitempty"` // exactly one is, unless the candidates are ambiguous
	Note     string `json:"note,omitempty"`
}

// Used is what a derived item is computed from.
type Used struct {
	Name    string             `json:"name"` // of an item of the form or of an event
	Value   string             `json:"value,omitempty"`
	Missing ecrf.MissingReason `json:"missing,omitempty"`
}

// Change is one transformation of a value. To is empty when it failed.
type Change struct {
	What string `json:"what"` // one of the change names
	From string `json:"from"`
	To   string `json:"to,omitempty"`
	Note string `json:"note,omitempty"`
}

// The names of changes.
const (
	ChangeRead       = "read"       // a number is taken from what the source wrote
	ChangeComparator = "comparator" // a value with a comparator
	ChangeSpelling   = "spelling"   // a printed unit stands for a UCUM code
	ChangeUnit       = "unit"       // conversion into the item's unit
	ChangeActivity   = "activity"   // the unit of a PET activity was decided
	ChangeRound      = "round"      // to the item's decimals
	ChangeMap        = "map"        // a row of a code map
	ChangeDay        = "day"        // the day of an instant or the start of a period
	ChangeComputed   = "computed"   // a number of days, years or resources; from nothing
	ChangeStudyUID   = "study-uid"  // the pseudonymous Study Instance UID
	ChangeCanonical  = "canonical"  // the spelling that the study stores
	ChangeAllowed    = "allowed"    // what the item allows
)

// Changes lists the names of changes.
func Changes() []string {
	return []string{ChangeRead, ChangeComparator, ChangeSpelling, ChangeUnit, ChangeActivity, ChangeRound, ChangeMap, ChangeDay,
		ChangeComputed, ChangeStudyUID, ChangeCanonical, ChangeAllowed}
}
