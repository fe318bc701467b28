package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/fhir/ucum"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// matches reports a condition that no resource can meet.
func (c *compiler) matches(e *expression, _ string, origins []origin) {
	for _, t := range slices.Sorted(maps.Keys(e.byType)) {
		if at, never := e.byType[t].Never(); never {
			c.at(origins[min(at, len(origins)-1)], "", "the condition can never be true, so that the rule finds nothing")
			return
		}
	}
}

// Codes of required value sets of FHIR R4 that conditions test most.
var (
	eventStatus = []string{"preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"}
	fixedCodes  = map[string][]string{
		"Patient.gender":                  {"male", "female", "other", "unknown"},
		"Observation.status":              {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"},
		"Procedure.status":                eventStatus,
		"MedicationAdministration.status": {"in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"},
		"MedicationStatement.status":      {"active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"},
		"MedicationRequest.status":        {"active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"},
		"MedicationRequest.intent": {
			"proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option",
		},
		"Encounter.status": {
			"planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown",
		},
		"DiagnosticReport.status": {
			"registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled", "entered-in-error", "unknown",
		},
		"ImagingStudy.status": {"registered", "available", "cancelled", "entered-in-error", "unknown"},
	}
)

// bindings reports comparisons of an element with codes that FHIR does not allow there.
func (c *compiler) bindings(x *fhirpath.Expr, origins []origin) {
	for _, cmp := range x.Comparisons() {
		if len(cmp.Paths) != 1 {
			continue
		}
		codes := fixedCodes[cmp.Paths[0].String()]
		if codes == nil || slices.ContainsFunc(cmp.Texts, func(s string) bool { return slices.Contains(codes, s) }) {
			continue
		}
		c.at(origins[min(cmp.Offset, len(origins)-1)], finding.DidYouMean(cmp.Texts[0], codes), "%s is never %q in FHIR", cmp.Paths[0], cmp.Texts[0])
	}
}

// unitsFit reports a value whose expression asks for units none of which converts into the item's.
func (c *compiler) unitsFit(v yamldoc.Value, r *rule) {
	if r.value == nil || r.number == nil || r.number.petActivity {
		return
	}
	if r.number.unit == "" {
		c.unitMissing(v, r)
		return
	}
	var asked []string
	for _, t := range slices.Sorted(maps.Keys(r.value.byType)) {
		for _, cmp := range r.value.byType[t].Comparisons() {
			if ofQuantity(cmp.Paths) {
				asked = append(asked, cmp.Texts...)
			}
		}
	}
	if len(asked) > 0 && !slices.ContainsFunc(asked, r.number.reads) {
		v.Errorf("mend the unit here or in the dictionary, or give factor or molar-mass",
			"the rule takes values in %s, which do not convert into the unit %s of item %s", strings.Join(asked, ", "), r.item.Unit, r.item.Name)
	}
}

// measures are the types whose number means nothing without its unit.
var measures = []string{"Quantity", "SimpleQuantity", "Age", "Distance", "Duration", "System.Quantity"}

// unitMissing warns of measurements for an item without unit, which holds scores and counts only. Forms of REDCap come without
// units, and then no measurement would ever arrive.
func (c *compiler) unitMissing(v yamldoc.Value, r *rule) {
	if !slices.ContainsFunc(r.value.names(), func(name string) bool { return slices.Contains(measures, name) }) {
		return
	}
	c.warn(v, "the dictionary gives item "+r.item.Name+" no unit: a quantity in any unit but 1 is unconvertible; give it unit: CODE (UCUM)")
}

// reads reports whether a value in the unit converts into the item's; what is no unit may be anything.
func (r *numberRule) reads(unit string) bool {
	if s, ok := r.spellings[unit]; ok {
		unit = s
	}
	if ucum.Validate(unit) != nil {
		return true
	}
	one, _ := measuredText("1")
	one.unit = unit
	_, err := r.inUnit(one)
	return err == nil
}

// ofQuantity reports whether the paths are the unit or the code of a Quantity.
func ofQuantity(paths []fhirpath.Path) bool {
	for _, p := range paths {
		segments := strings.Split(p.Element, ".")
		last := segments[len(segments)-1]
		if len(segments) < 2 || last != "code" && last != "unit" {
			return false
		}
		t := model.Lookup(p.Type)
		for _, s := range segments[:len(segments)-1] {
			name, choice := strings.CutSuffix(s, "[x]")
			if t == nil {
				return false
			}
			e := t.Element(name)
			switch {
			case e == nil:
				return false
			case choice && !slices.ContainsFunc(e.Types, func(t *model.Type) bool { return t.Name == "Coding" }):
				t = model.Lookup("Quantity")
			case len(e.Types) == 1:
				t = e.Types[0]
			default:
				return false
			}
		}
		if t == nil || t.Name != "Quantity" && t.Name != "SimpleQuantity" {
			return false
		}
	}
	return len(paths) > 0
}
