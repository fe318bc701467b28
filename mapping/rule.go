package mapping

import (
	"github.com/crflink/crflink/ecrf"
)

// rule is a compiled rule of one item.
type rule struct {
	id       string // form.item, and the rule's name in provenance
	item     *ecrf.Item
	selector // empty for derived items and for items of a repeating form, whose resource the form selects
	value    *expression
	choose   choice
	codes    *codeMap
	number   *numberRule
	days     *daysRule
	derive   derivation
	studyUID bool // the pseudonymous study UID of the imaging study
	optional bool // a value that is not there is not missing
}

// selector says which resources are candidates.
type selector struct {
	types   []string
	where   *expression // nil selects all
	date    *expression // nil is the resource's own date
	window  *window
	include []string // status and certainty values that count although they usually do not
}

// choiceKind is how one candidate is chosen among several.
type choiceKind string

// The choices. only is the default: candidates that disagree make the cell ambiguous.
const (
	chooseOnly    choiceKind = "only"
	chooseFirst   choiceKind = "first"
	chooseLast    choiceKind = "last"
	chooseNearest choiceKind = "nearest"
	chooseMin     choiceKind = "min"
	chooseMax     choiceKind = "max"
	chooseExists  choiceKind = "exists"
	chooseCount   choiceKind = "count"
)

var choiceKinds = []string{
	string(chooseOnly), string(chooseFirst), string(chooseLast), string(chooseNearest), string(chooseMin), string(chooseMax),
	string(chooseExists), string(chooseCount),
}

type choice struct {
	kind  choiceKind
	event string // nearest to this event
}

// daysRule gives the days from a moment to another. From and to name an event or an item of the form; to may be an
// expression on the candidate instead.
type daysRule struct {
	from, to string
	toDate   *expression
}

// derivation computes an item from events and other items.
type derivation struct {
	days *daysRule
	age  *ageRule
	expr *itemExpression
}

func (d derivation) exists() bool { return d.days != nil || d.age != nil || d.expr != nil }

// ageRule gives the subject's age in completed years at an event.
type ageRule struct{ at string }

// event is a compiled event.
type event struct {
	name, label string
	rule        rule
}

// form is a compiled form.
type form struct {
	name   string
	event  string // the dictionary's event in which the form is filled
	repeat *repeat
	rules  []*rule
}

// repeat says what a repeating form has one instance of.
type repeat struct {
	selector
	id    string
	key   *expression // stable key of the instance
	order *expression // date that instances are numbered by; nil is the resource's own
}
