package disclosure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/ecrf"
)

// Rules say how a delivery is made k-anonymous.
type Rules struct {
	K     int      // least number of subjects in a class; at least 2
	Items []string // the quasi-identifiers, as form.item
	Steps []Step   // tried in this order, each beside those before it, until every class has K subjects
}

// Step generalises one quasi-identifier. Exactly one of its members besides Item is set; a later step of the same item takes
// the place of an earlier one.
type Step struct {
	Item      string // form.item
	Band      int    // of a number: bands of this width, written as their least number
	Prefix    int    // of a text: its first characters
	Precision string // of a date: month or year
}

// String tells the step as a report does.
func (s Step) String() string {
	switch {
	case s.Band > 0:
		return fmt.Sprintf("%s in bands of %d", s.Item, s.Band)
	case s.Prefix > 0:
		return fmt.Sprintf("%s to its first %d characters", s.Item, s.Prefix)
	}
	return fmt.Sprintf("%s to the %s", s.Item, s.Precision)
}

// Check reports what is wrong with the rules for a dictionary, everything at once.
func (r *Rules) Check(d *ecrf.Dictionary) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if r.K < 2 {
		say("k is %d; a class must have at least 2 subjects", r.K)
	}
	if len(r.Items) == 0 {
		say("there is no quasi-identifier")
	}
	for i, name := range r.Items {
		form, item := lookUp(d, name)
		switch {
		case item == nil:
			say("the dictionary has no item %q; write form.item", name)
		case form.Repeating:
			say("%s stands in a repeating form and cannot be a quasi-identifier", name)
		case slices.Contains(r.Items[:i], name):
			say("%s is there twice", name)
		}
	}
	for _, s := range r.Steps {
		_, item := lookUp(d, s.Item)
		switch {
		case !slices.Contains(r.Items, s.Item):
			say("%s is generalised, but is no quasi-identifier", s.Item)
		case item != nil && !s.fits(item):
			say("%s is of type %s and cannot be generalised so: band: N is for numbers, prefix: N for texts, precision: month or year for dates", s.Item, item.Type)
		}
	}
	return problems
}

func lookUp(d *ecrf.Dictionary, name string) (*ecrf.Form, *ecrf.Item) {
	formName, itemName, _ := strings.Cut(name, ".")
	form := d.Form(formName)
	if form == nil {
		return nil, nil
	}
	return form, form.Item(itemName)
}

func (s Step) fits(it *ecrf.Item) bool {
	set := 0
	for _, is := range []bool{s.Band != 0, s.Prefix != 0, s.Precision != ""} {
		if is {
			set++
		}
	}
	switch it.Type {
	case ecrf.Integer, ecrf.Decimal:
		return set == 1 && s.Band > 0
	case ecrf.Text:
		return set == 1 && s.Prefix > 0
	case ecrf.Date, ecrf.PartialDate:
		return set == 1 && (s.Precision == "month" || s.Precision == "year")
	}
	return false
}

// generalise returns the value of a coarser item; "" when it has none.
func (s Step) generalise(value string) string {
	switch {
	case value == "":
		return ""
	case s.Band > 0:
		return band(value, s.Band)
	case s.Prefix > 0:
		if runes := []rune(value); len(runes) > s.Prefix {
			return string(runes[:s.Prefix])
		}
		return value
	}
	length := map[string]int{"month": len("2006-01"), "year": len("2006")}[s.Precision]
	if len(value) < length {
		return "" // coarser than the others: it would be a class of its own
	}
	return value[:length]
}

// band returns the least number of the band that a number lies in.
func band(value string, width int) string {
	var n, w, quotient, least apd.Decimal
	if _, _, err := n.SetString(value); err != nil || n.Form != apd.Finite {
		return ""
	}
	w.SetInt64(int64(width))
	exact := apd.BaseContext.WithPrecision(64)
	if _, err := exact.Quo(&quotient, &n, &w); err != nil {
		return ""
	}
	if _, err := exact.Floor(&quotient, &quotient); err != nil {
		return ""
	}
	if _, err := exact.Mul(&least, &quotient, &w); err != nil {
		return ""
	}
	whole, err := least.Int64()
	if err != nil {
		return ""
	}
	return strconv.FormatInt(whole, 10)
}

// coarser returns the dictionary as the steps leave it: a generalised number has no decimals and no bounds, a generalised
// date is a partial one.
func coarser(d *ecrf.Dictionary, steps map[string]Step) *ecrf.Dictionary {
	return d.With(func(form string, it *ecrf.Item) {
		s, ok := steps[form+"."+it.Name]
		if !ok {
			return
		}
		it.Min, it.Max = "", ""
		switch {
		case s.Band > 0:
			it.Type, it.Decimals = ecrf.Integer, 0
			it.Label = strings.TrimSpace(fmt.Sprintf("%s (least of %d)", it.Label, s.Band))
		case s.Precision != "":
			it.Type = ecrf.PartialDate
		}
	})
}
