package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// because is the sentence that explains why a rule has no value, from its steps.
func (s *Steps) because(rule *rule) string {
	if code, ok := strings.CutPrefix(string(s.Missing), ecrf.AbsentPrefix); ok {
		return "The resource has no value and says why: dataAbsentReason " + code + "."
	}
	switch s.Missing {
	case ecrf.NoEvent:
		return s.withoutEvent(rule)
	case ecrf.NoResource:
		return s.withoutResource()
	case ecrf.Status:
		return "What the rule asks for is there only with a status that never counts."
	case ecrf.Certainty:
		return "The diagnosis is only suspected, excluded or refuted."
	case ecrf.OutsideWindow:
		return "No resource lies within the window: " + s.Says.Window + "."
	case ecrf.NoValue:
		return s.withoutValue(rule)
	case ecrf.Unmapped:
		return "The code of the source has no row in the code map " + s.Says.Map + "."
	case ecrf.Unconvertible:
		return "What the source wrote cannot be made the item's " + kindOf(rule.item) + "."
	case ecrf.Ambiguous:
		return s.several(rule)
	case ecrf.OutOfRange:
		return "The value is outside of what the item allows and is not delivered."
	case ecrf.NotApplicable:
		return s.notApplicable(rule)
	}
	return ""
}

func (s *Steps) withoutEvent(rule *rule) string {
	names := rule.eventNames()
	for _, u := range s.Inputs {
		if u.Missing == ecrf.NoEvent {
			names = append(names, u.Name)
		}
	}
	slices.Sort(names)
	return "The rule counts from an event that did not happen: " + strings.Join(slices.Compact(names), ", ") + "."
}

func (s *Steps) withoutResource() string {
	types := strings.Join(s.Says.Resource, ", ")
	if n := len(s.Resources); n > 0 {
		return fmt.Sprintf("The subject has %d of %s, and the rule's condition holds for none.", n, types)
	}
	return "The subject has no " + types + " that consent and de-identification let through."
}

func (s *Steps) withoutValue(rule *rule) string {
	if rule.studyUID {
		return "Linkage found no Study Instance UID in the imaging study."
	}
	return "The chosen resource has nothing where the rule looks, and does not say why."
}

func (s *Steps) several(rule *rule) string {
	switch {
	case rule.derive.age != nil:
		return "The birth date is written too coarsely to tell the age."
	case len(s.Candidates) > 1 && !s.Candidates[0].Chosen:
		return fmt.Sprintf("%d resources count, and the rule does not choose between them.", len(s.Candidates))
	}
	return "The chosen resource has several different values."
}

func (s *Steps) notApplicable(rule *rule) string {
	for _, u := range s.Inputs {
		if u.Value == "" {
			return "It is derived from " + u.Name + ", which is empty."
		}
	}
	switch {
	case rule.optional:
		return "The resource has no such value; the item is optional, so that nothing is missing."
	case rule.derive.age != nil:
		return "The birth date is not known."
	}
	return "The formula gives nothing for these inputs."
}

func kindOf(item *ecrf.Item) string {
	if item.Unit != "" {
		return string(item.Type) + " in " + item.Unit
	}
	return string(item.Type)
}
