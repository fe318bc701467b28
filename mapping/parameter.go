package mapping

import (
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/ucum"
	"github.com/crflink/crflink/internal/yamldoc"
)

// parameter is a typed constant of the mapping file. Expressions use it as %name.
type parameter struct {
	name    string
	at      yamldoc.Value
	literal string // in FHIRPath; "" for a date, which is a variable because it moves with the subject's days
	day     fhir.Day
}

// calendar reports whether the parameter is a day of the calendar.
func (p *parameter) calendar() bool { return p.literal == "" }

// parameterParts are the keys of a parameter.
var parameterParts = []string{"type", "value", "unit"}

// parameterTypes are the types of parameters.
var parameterTypes = []string{"text", "integer", "decimal", "boolean", "date", "quantity"}

func readParameters(v yamldoc.Value) map[string]*parameter {
	all := map[string]*parameter{}
	for _, e := range v.Entries() {
		if p, ok := readParameter(e); ok {
			all[e.Key()] = p
		}
	}
	return all
}

func readParameter(v yamldoc.Value) (*parameter, bool) {
	const hint = "NAME: {type: decimal, value: 0.2}"
	p := &parameter{name: v.Key(), at: v}
	parts := v.Fields(parameterParts...)
	typ, okType := need(v, parts, "type", hint)
	value, okValue := need(v, parts, "value", hint)
	if !okType || !okValue {
		return nil, false
	}
	kind := typ.OneOf(parameterTypes...)
	if u := parts["unit"]; u.Exists() && kind != "quantity" {
		u.Errorf("leave it out, or write type: quantity", "only a quantity has a unit")
	}
	if !slices.Contains(parameterTypes, typ.Text()) {
		return nil, false
	}
	return p, p.read(kind, value, parts["unit"])
}

// read checks the value and writes it as a literal.
func (p *parameter) read(kind string, value, unit yamldoc.Value) bool {
	text := value.Text()
	var err error
	switch kind {
	case "text":
		p.literal = "'" + quoting.Replace(text) + "'"
		return true
	case "date":
		if p.day, err = fhir.ParseDay(text); err != nil {
			value.Errorf("a day such as 2024-01-31", "the parameter is no date")
		}
		return err == nil
	case "quantity":
		return p.quantity(value, unit)
	}
	switch kind {
	case "integer":
		_, err = strconv.ParseInt(text, 10, 32)
	case "decimal":
		_, err = measuredText(text)
	case "boolean":
		_, err = strconv.ParseBool(text)
	}
	if err != nil || kind == "boolean" && text != "true" && text != "false" || strings.ContainsAny(text, "eE") && kind == "decimal" {
		value.Errorf("", "the parameter is no %s", kind)
		return false
	}
	if kind == "decimal" && !strings.Contains(text, ".") {
		text += ".0"
	}
	p.literal = "(" + strings.TrimPrefix(text, "+") + ")"
	return true
}

func (p *parameter) quantity(value, unit yamldoc.Value) bool {
	d := decimalOf(value)
	if d == nil {
		return false
	}
	if !unit.Exists() {
		value.Errorf("unit: UCUM_CODE, for example ng/mL", "the quantity has no unit")
		return false
	}
	if err := ucum.Validate(unit.Text()); err != nil {
		unit.Errorf("a UCUM code, such as ng/mL", "%v", err)
		return false
	}
	p.literal = "(" + d.Text('f') + " '" + quoting.Replace(unit.Text()) + "')"
	return true
}

// parameters checks the names and returns the variables of all expressions: the days of the calendar.
func (c *compiler) parameters() map[string]fhirpath.Type {
	vars := map[string]fhirpath.Type{}
	for name, p := range c.file.parameters {
		if identifier(name) != name {
			c.atKey(p.at, "use letters, digits and _", "%q cannot name a parameter", name)
		}
		_, isName := c.file.names[name]
		_, isExpression := c.file.expressions[name]
		if isName || isExpression {
			c.atKey(p.at, "rename one of the two", "%%%s is a parameter and also a name or expression of the file", name)
		}
		if p.calendar() {
			vars[name] = fhirpath.Type{Names: []string{"System.Date"}}
		}
	}
	return vars
}
