package mapping

import (
	"github.com/crflink/crflink/ecrf"
)

// rule is a compiled rule of one item.
type rule struct {
	id       string // form.item, and the rule's name in provenance
	at       string // where it is written, as file and line
	item     *ecrf.Item
	selector // empty for derived items and for items of a repeating form, whose resource the form selects
	value    *expression
	choose   choice
	codes    *codeMap
	number   *numberRule
	days     *daysRule
	derive   derivation
	of       string   // a qualifier's item: the comparator of that item's value is this one's
	studyUID bool     // the pseudonymous study UID of the imaging study
	entered  *entered // of an event: the date that a person entered in the target
	optional bool     // a value that is not there is not missing

	variants map[string]*rule // for resources of sources with rules of their own, by alias
	nowhere  bool             // no source but those has the rule
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
	chooseMean    choiceKind = "mean"
	chooseList    choiceKind = "list"
)

var choiceKinds = []string{
	string(chooseOnly), string(chooseFirst), string(chooseLast), string(chooseNearest), string(chooseMin), string(chooseMax),
	string(chooseExists), string(chooseCount), string(chooseMean), string(chooseList),
}

// ties says which of two candidates counts that the choice cannot tell apart.
type ties string

// The rules for ties.
const (
	tiesEarlier   ties = "earlier" // the one of the earlier date; the default
	tiesLater     ties = "later"
	tiesAmbiguous ties = "ambiguous" // neither, where their values differ
)

// tieRules are the rules that a choice can have; other choices know no ties.
var tieRules = map[choiceKind][]string{
	chooseNearest: {string(tiesEarlier), string(tiesLater), string(tiesAmbiguous)},
	chooseMin:     {string(tiesEarlier), string(tiesLater)},
	chooseMax:     {string(tiesEarlier), string(tiesLater)},
	chooseFirst:   {string(tiesAmbiguous)},
	chooseLast:    {string(tiesAmbiguous)},
}

// listOrder is the order of the values of a list.
type listOrder string

// The orders. Undated values stand last.
const (
	byEarliest listOrder = "earliest" // by date; the default
	byLatest   listOrder = "latest"   // the newest first
	byValue    listOrder = "value"    // by the text
)

var listOrders = []string{string(byEarliest), string(byLatest), string(byValue)}

type choice struct {
	kind    choiceKind
	event   string // nearest to this event
	day     int    // and this many days after it: the planned day of a visit
	atVisit bool   // nearest to the planned day of the form's visit
	ties    ties
	order   listOrder
}

// daysRule gives the days from a moment to another. From and to name an event or an item of the form; to may be an
// expression on the candidate instead.
type daysRule struct {
	from, to string
	toDate   *expression
}

// uses returns the names of what the rule needs of its form, and of other forms as form.item.
func (r *rule) uses() []string {
	if r.of != "" {
		return []string{r.of}
	}
	return r.derive.uses()
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
	rules       []*rule
	earliest    bool // of several rules the earliest day counts, else that of the first rule that gives one
}

// form is a compiled form.
type form struct {
	name   string
	event  string // the dictionary's event in which the form is filled
	repeat *repeat
	rules  []*rule

	looksBack bool // an item is made of others of the form
}

// repeat says what a repeating form has one instance of.
type repeat struct {
	selector
	id    string
	at    string      // where it is written, as file and line
	key   *expression // stable key of the instance
	order *expression // date that instances are numbered by; nil is the resource's own

	variants map[string]*repeat // for resources of sources with rules of their own, by alias
}

// forSource is the repeat rule for resources of a source.
func (r *repeat) forSource(alias string) *repeat {
	if own := r.variants[alias]; own != nil {
		return own
	}
	return r
}
