package fhirpath

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/model"
)

// member finds the element that a name means on what left may hold, and what it holds in turn.
func (k *compiler) member(e *expr, left static) (static, bool) {
	s := static{many: left.many, unordered: left.unordered}
	switch {
	case left.none:
		return static{none: true}, true
	case left.set == nil:
		s.many, k.untraced = true, true
		return s, true
	}
	found, anything := false, false
	for _, t := range left.set {
		if t.Kind == model.System {
			if kind, ok := computedElements[kindOfSystem(t)][e.name]; ok {
				s, found = s.orKind(kind), true
			}
			continue
		}
		if t == anyElement || t.Kind == model.Resource && t.Abstract {
			s, anything, found = k.abstractMember(s, t, e, anything)
			continue
		}
		if elem := t.Element(e.name); elem != nil && (elem.Name == "id" || elem.Name == "extension" || t.Kind != model.Primitive) {
			s, found = s.with(elem), true
		}
	}
	if !found {
		k.unknownElement(e, left)
	}
	if anything {
		s.set, s.many = nil, true
	}
	s.paths = k.extend(left, e.name)
	return s, found
}

// abstractMember is a member of something that is known as Resource or Element only: it may be anything.
func (k *compiler) abstractMember(s static, t *model.Type, e *expr, anything bool) (_ static, any, found bool) {
	if elem := t.Element(e.name); elem != nil {
		return s.with(elem), anything, true
	}
	return s, true, true
}

// with adds what an element may hold.
func (s static) with(elem *model.Element) static {
	s.many = s.many || elem.Many
	s.set = slices.Clip(s.set)
	for _, t := range elem.Types {
		if !slices.Contains(s.set, t) {
			s.set = append(s.set, t)
		}
	}
	s.targets = append(slices.Clip(s.targets), elem.Target...)
	return s
}

// unknownElement reports a name that none of the types has, with the nearest one that some has.
func (k *compiler) unknownElement(e *expr, left static) {
	hint := ""
	var names []string
	for _, t := range left.set {
		if elem, typ := t.ChoiceOf(e.name); elem != nil {
			hint = "write " + elem.Name + ".ofType(" + typ.Name + ")"
		}
		for _, elem := range t.Elements() {
			names = append(names, elem.Name)
		}
		if t.Kind == model.Primitive && e.name == "value" {
			hint = "leave it out: a primitive is its value"
		}
	}
	if hint == "" {
		hint = didYouMean(e.name, names)
	}
	k.report(e.pos, hint, "%s has no element %s", left, e.name)
}

// needKind reports what can never be of an accepted kind.
func (k *compiler) needKind(pos int, s static, accepted kinds, what string) bool {
	if s.none || s.kinds()&accepted != 0 {
		return true
	}
	k.report(pos, k.kindHint(s, accepted), "%s takes %s, this is %s", what, accepted, s)
	return false
}

func (k *compiler) kindHint(s static, accepted kinds) string {
	t := s.single()
	switch {
	case t == nil || accepted&kindSet(String) == 0:
		return ""
	case t.Name == "CodeableConcept":
		return "use coding.code, coding.display or text"
	case t.Name == "Coding":
		return "use code or display"
	case t.Name == "Identifier":
		return "use value"
	case t.Name == "Reference":
		return "use reference or resolve()"
	case t.Name == "HumanName":
		return "use family or given"
	case t.Kind == model.System && accepted == kindsText:
		return "use toString()"
	}
	return ""
}

// ordered reports positions in a collection without order.
func (k *compiler) ordered(pos int, s static, what string) {
	if k.opts.Ordered && s.unordered {
		k.report(pos, "", "%s needs an order, and the collection has none", what)
	}
}

// didYouMean names the nearest of several names, if one is near.
func didYouMean(name string, names []string) string {
	best, distance := "", len(name)/2+1
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return "did you mean " + n + "?"
		}
		if d := editDistance(name, n); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

func nearestType(name string) string {
	var names []string
	for _, t := range model.All() {
		if t.Kind != model.System && t.Name != "" {
			names = append(names, t.Name)
		}
	}
	return didYouMean(name, names)
}

// editDistance counts insertions, deletions and replacements between two names.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, replace)
		}
	}
	return row[len(b)]
}
