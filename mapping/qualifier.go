package mapping

import (
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// qualifies returns the item that a rule's qualifier fills; "" is none.
func (s ruleSpec) qualifies() string {
	if s.qualifier.IsMapping() {
		for _, e := range s.qualifier.Entries() {
			if e.Key() == "item" && e.Exists() && !e.IsMapping() && !e.IsList() {
				return e.Text()
			}
		}
		return ""
	}
	if !s.qualifier.Exists() || s.qualifier.IsList() {
		return ""
	}
	return s.qualifier.Text()
}

// qualifierParts are the keys of the long form of a qualifier.
var qualifierParts = []string{"item", "map"}

// qualifier makes the rule of the item that keeps the comparator of r's value: qualifier: ITEM or {item, map}.
func (c *compiler) qualifier(f *ecrf.Form, form formSpec, s ruleSpec, r *rule) *rule {
	keeps := r.number != nil && r.number.keeps
	switch {
	case !s.qualifier.Exists() && keeps:
		s.compare.Errorf("qualifier: ITEM names the item that holds <, <=, > or >=", "the comparator is kept, and no item is named to hold it")
		return nil
	case !s.qualifier.Exists():
		return nil
	case !keeps:
		s.qualifier.Errorf("write comparator: keep", "qualifier has no effect: the comparator is not kept")
		return nil
	}
	at, codes := s.qualifier, yamldoc.Value{}
	if at.IsMapping() {
		parts := at.Fields(qualifierParts...)
		named, ok := need(at, parts, "item", "qualifier: {item: ITEM, map: MAP}")
		if !ok {
			return nil
		}
		at, codes = named, parts["map"]
	}
	item := f.Item(at.Text())
	switch {
	case item == nil:
		at.Errorf(finding.DidYouMean(at.Text(), f.ItemNames()), "form %q has no item %q", f.Name, at.Text())
		return nil
	case form.writes(item.Name) > 1:
		at.Errorf("remove the rule of "+item.Name+", or the qualifier", "item %s is filled by two rules", item.Name)
		return nil
	}
	return c.qualifierRule(f, at, codes, item, r)
}

// comparators are the codes of FHIR's QuantityComparator.
var comparators = []string{"<", "<=", ">=", ">"}

func (c *compiler) qualifierRule(f *ecrf.Form, at, codes yamldoc.Value, item *ecrf.Item, r *rule) *rule {
	q := &rule{id: f.Name + "." + item.Name, at: r.at, item: item, of: r.item.Name, optional: true}
	if codes.Exists() {
		q.codes = c.codeMap(codes, item)
		return q
	}
	for _, sign := range comparators {
		if _, err := item.Canonical(sign); err != nil {
			at.Errorf("give it type text, or a code list with "+sign+", or a map: qualifier: {item: ITEM, map: MAP}",
				"item %s of type %s cannot hold the comparator %s", item.Name, item.Type, sign)
			break
		}
	}
	return q
}

// writes counts the rules that fill an item.
func (s formSpec) writes(item string) int {
	n := 0
	for _, r := range s.items {
		if r.name == item {
			n++
		}
		if r.qualifies() == item {
			n++
		}
	}
	return n
}

// qualifier is the comparator of the value that another item got.
func qualifier(rule *rule, of outcome, reached func(MapRow)) outcome {
	sign := of.comparator
	if of.value == "" || sign == "" {
		return missing(ecrf.NotApplicable)
	}
	if rule.codes != nil {
		mapped, ok := rule.codes.lookup("", sign, reached)
		if !ok {
			return missing(ecrf.Unmapped)
		}
		sign = mapped
	}
	o := canonical(rule.item, sign)
	o.from = of.from
	return o
}
