package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// crossing is a use of an item of another form, as %`form.item` or form.item, by the item of a form.
type crossing struct {
	at   yamldoc.Value
	to   string // form.item
	user string // form.item
}

// otherItem finds the item that form.item names. Only single forms have one value of it.
func (c *compiler) otherItem(name string) (item *ecrf.Item, why, hint string) {
	formName, itemName, _ := strings.Cut(name, ".")
	f := c.dictionary.Form(formName)
	switch {
	case f == nil:
		return nil, fmt.Sprintf("the dictionary has no form %q", formName), finding.DidYouMean(formName, c.dictionary.FormNames())
	case f.Repeating:
		return nil, fmt.Sprintf("form %s repeats, so that %s has no one value", formName, name), "use an item of a form that does not repeat"
	}
	if n := c.visitsNamed(formName); n > 1 {
		return nil, fmt.Sprintf("form %s is filled at %d visits, so that %s has no one value", formName, n, name), "use an item of a form that is filled once"
	}
	if item = f.Item(itemName); item == nil {
		return nil, fmt.Sprintf("form %q has no item %q", formName, itemName), finding.DidYouMean(itemName, f.ItemNames())
	}
	return item, "", ""
}

// acrossForms returns the items that other forms use, and reports those without a rule and those that use each other in a
// circle.
func (c *compiler) acrossForms(forms []form) map[string]*formRule {
	all := map[string]*formRule{}
	for i := range forms {
		for _, r := range forms[i].rules {
			all[r.id] = &formRule{&forms[i], r}
		}
	}
	used := map[string]*formRule{}
	for _, x := range c.crossing {
		if r := all[x.to]; r != nil {
			used[x.to] = r
		} else {
			x.at.Errorf("write a rule for "+x.to, "no rule fills item %s, which %s is derived from", x.to, x.user)
		}
	}
	for _, x := range c.crossing {
		if way := circle(all, x.to, []string{x.user}); way != nil {
			x.at.Errorf("", "items are derived from each other in a circle: %s", strings.Join(way, " from "))
			break // the others of the circle say the same
		}
	}
	return used
}

// circle returns the way from the item back to the first of way, or nil.
func circle(all map[string]*formRule, item string, way []string) []string {
	if slices.Contains(way, item) {
		if item == way[0] {
			return append(way, item)
		}
		return nil // a circle that does not pass the first
	}
	r := all[item]
	if r == nil {
		return nil
	}
	for _, next := range r.rule.uses() {
		if found := circle(all, r.form.itemID(next), append(slices.Clone(way), item)); found != nil {
			return found
		}
	}
	return nil
}

// itemID is form.item of a name that a rule of the form uses.
func (f *form) itemID(name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	return f.name + "." + name
}

// other fills an item of another, single form, and before it the items that it needs itself.
func (r *run) other(name string, to *formRule) (outcome, error) {
	if o, ok := r.across[name]; ok {
		return o, nil
	}
	of, err := r.ofOther(to.form)
	switch {
	case err != nil:
		return outcome{}, err
	case of == nil:
		return missing(ecrf.NoConsent), nil
	case of != r:
		return of.other(name, to)
	}
	outer := r.event
	r.event = to.form.event
	defer func() { r.event = outer }()
	done := &doneItems{}
	if err := r.needs(to, done); err != nil {
		return outcome{}, err
	}
	o, err := r.filled(to.rule, nil, done)
	if err != nil {
		return o, err
	}
	if r.across == nil {
		r.across = map[string]outcome{}
	}
	r.across[name] = o
	return o, nil
}

// needs fills the items of its own form that a rule needs. That they need each other in no circle has been checked.
func (r *run) needs(to *formRule, done *doneItems) error {
	for _, name := range to.rule.uses() {
		i := slices.IndexFunc(to.form.rules, func(x *rule) bool { return x.item.Name == name })
		if _, ok := done.get(name); ok || i < 0 {
			continue
		}
		needed := &formRule{to.form, to.form.rules[i]}
		if err := r.needs(needed, done); err != nil {
			return err
		}
		if _, err := r.filled(needed.rule, nil, done); err != nil {
			return err
		}
	}
	return nil
}
