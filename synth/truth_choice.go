package synth

import (
	"math"
	"slices"

	"github.com/crflink/crflink/fhir"
)

// candidate is a fact as a rule sees it.
type candidate struct {
	when           moment // beginning
	void, doubtful bool
	values         []string  // codes or texts
	quantity       *quantity // or a number with a unit
	text           bool      // a text where a quantity is wanted
	absent         string
	result         int // OBI number; 0 is none
	issued         int64
	fact           int // index of the fact
}

func (c *candidate) hasValue() bool { return len(c.values) > 0 || c.quantity != nil || c.text }

// emptiness says why a candidate has no value.
func (c *candidate) emptiness() string {
	if c.absent != "" {
		return "absent:" + c.absent
	}
	return "no-value"
}

// rule says which candidates count and which of them decides.
type rule struct {
	choose      string // first, last, nearest
	window      bool
	first, last int // days from the index, both included
}

// open bounds nothing.
const open = math.MaxInt32

var (
	firstOf   = rule{choose: "first"}
	lastOf    = rule{choose: "last"}
	nearestOf = rule{choose: "nearest"}
)

// around is the nearest in a window of days before and after the index.
func around(before, after int) rule { return rule{"nearest", true, -before, after} }

func (r *rule) needsIndex() bool { return r.window || r.choose == "nearest" }

// remaining drops candidates step by step and says which step left none.
func (t *teller) remaining(cs []candidate, r rule) (left []candidate, reason string) {
	if r.needsIndex() && !t.indexed {
		return nil, "no-event"
	}
	if len(cs) == 0 {
		return nil, "no-resource"
	}
	left = newestEditions(cs)
	steps := []struct {
		reason string
		drop   func(candidate) bool
	}{
		{"status", func(c candidate) bool { return c.void }},
		{"certainty", func(c candidate) bool { return c.doubtful }},
		{"outside-window", func(c candidate) bool { return r.window && t.outside(c.when.day, r) }},
	}
	for _, s := range steps {
		if left = slices.DeleteFunc(left, s.drop); len(left) == 0 {
			return nil, s.reason
		}
	}
	return left, ""
}

func (t *teller) outside(day fhir.Day, r rule) bool {
	distance := int(day - t.index)
	return r.first != -open && distance < r.first || r.last != open && distance > r.last
}

// newestEditions keeps of results that were issued again the newest.
func newestEditions(cs []candidate) []candidate {
	return slices.DeleteFunc(cs, func(c candidate) bool {
		return c.result != 0 && slices.ContainsFunc(cs, func(o candidate) bool { return o.result == c.result && o.issued > c.issued })
	})
}

// decider returns the candidate that decides, or the reason why there is none.
func (t *teller) decider(cs []candidate, r rule) (c *candidate, reason string) {
	left, reason := t.remaining(cs, r)
	if reason != "" {
		return nil, reason
	}
	if slices.ContainsFunc(left, func(c candidate) bool { return c.hasValue() }) {
		left = slices.DeleteFunc(left, func(c candidate) bool { return !c.hasValue() })
	}
	best := &left[0]
	for i := range left {
		if t.better(&left[i], best, r.choose) {
			best = &left[i]
		}
	}
	return best, ""
}

func (t *teller) better(a, b *candidate, choose string) bool {
	switch choose {
	case "last":
		return a.when.unix() > b.when.unix()
	case "nearest":
		x, y := distance(a.when.day, t.index), distance(b.when.day, t.index)
		return x < y || x == y && a.when.unix() < b.when.unix()
	}
	return a.when.unix() < b.when.unix()
}

func distance(a, b fhir.Day) fhir.Day { return max(a-b, b-a) }

// coded puts the value that a map gives for the deciding candidate's codes; translate gives "" for a code that it does not know.
func (t *teller) coded(item string, cs []candidate, r rule, translate func(string) string) {
	c, reason := t.decider(cs, r)
	if reason != "" {
		t.miss(item, reason)
		return
	}
	t.code(item, c, translate)
}

func (t *teller) code(item string, c *candidate, translate func(string) string) {
	if len(c.values) == 0 {
		t.miss(item, c.emptiness())
		return
	}
	value := ""
	for _, code := range c.values {
		v := translate(code)
		if v != "" && value != "" && v != value {
			t.miss(item, "ambiguous")
			return
		}
		if v != "" {
			value = v
		}
	}
	if value == "" {
		t.miss(item, "unmapped")
		return
	}
	t.put(item, value)
}

// itself keeps a code as it is.
func itself(code string) string { return code }

// exists puts 1 or 0, or no-event.
func (t *teller) exists(item string, cs []candidate, r rule) {
	switch _, reason := t.remaining(cs, r); reason {
	case "":
		t.put(item, "1")
	case "no-event":
		t.miss(item, reason)
	default:
		t.put(item, "0")
	}
}

// count puts how many candidates are left, or no-event.
func (t *teller) count(item string, cs []candidate, r rule) {
	left, reason := t.remaining(cs, r)
	if reason == "no-event" {
		t.miss(item, reason)
		return
	}
	t.put(item, itoa(len(left)))
}
