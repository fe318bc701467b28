package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/yamldoc"
)

// The FHIR and FHIRPath types that become a number, a date and a yes or no.
var (
	numberTypes = []string{
		"Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration", "decimal", "integer", "positiveInt", "unsignedInt",
		"System.Integer", "System.Long", "System.Decimal", "System.Quantity",
	}
	dateTypes = []string{"date", "dateTime", "instant", "Period", "System.Date", "System.DateTime"}
	yesTypes  = []string{"boolean", "System.Boolean"}
)

// fits reports a value none of whose possible types becomes a value of the item. What is not known is let through.
func (c *compiler) fits(v yamldoc.Value, r *rule) {
	if r.value == nil {
		return
	}
	for _, t := range slices.Sorted(maps.Keys(r.value.byType)) {
		c.typeFits(v, r, r.value.byType[t].Type().Names)
	}
}

func (c *compiler) typeFits(v yamldoc.Value, r *rule, names []string) {
	fit := func(name string) bool { return becomes(r.item.Type, name) || r.codes != nil && coded(name) }
	if len(names) == 0 || slices.ContainsFunc(names, fit) {
		return
	}
	v.Errorf(fitHint(r.item.Type), "the value is %s, which item %s of type %s cannot hold", strings.Join(names, " or "), r.item.Name, r.item.Type)
}

// date compiles an expression whose value is used as a date.
func (c *compiler) date(v yamldoc.Value, types []string) *expression {
	e := c.expression(v, types)
	names := e.names()
	if len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return becomes(ecrf.Date, name) }) {
		v.Errorf(fitHint(ecrf.Date), "a date is needed here, this is %s", strings.Join(names, " or "))
	}
	return e
}

// becomes reports whether a value of the named type may become one of the item's type.
func becomes(item ecrf.Type, name string) bool {
	switch {
	case numeric(item):
		return slices.Contains(numberTypes, name)
	case dated(item):
		return slices.Contains(dateTypes, name)
	case item == ecrf.Boolean:
		return slices.Contains(yesTypes, name)
	}
	return coded(name)
}

// coded reports whether values of the type have one text: primitives, codings, and FHIRPath's own but quantities.
func coded(name string) bool {
	if name == "Coding" || name == "CodeableConcept" {
		return true
	}
	if strings.HasPrefix(name, "System.") {
		return name != "System.Quantity"
	}
	t := model.Lookup(name)
	return t != nil && t.Kind == model.Primitive
}

func fitHint(item ecrf.Type) string {
	switch {
	case numeric(item):
		return "take a Quantity or a number, for example value.ofType(Quantity)"
	case dated(item):
		return "take a date, dateTime, instant or Period"
	case item == ecrf.Boolean:
		return "take a boolean, or ask with exists()"
	}
	return "take a code, Coding, CodeableConcept or text"
}
