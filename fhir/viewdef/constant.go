package viewdef

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/internal/finding"
)

// constantTypes are the types that a constant can have, with what FHIRPath makes of them.
var constantTypes = map[string]fhirpath.Kind{
	"valueBase64Binary": fhirpath.String, "valueBoolean": fhirpath.Boolean, "valueCanonical": fhirpath.String, "valueCode": fhirpath.String,
	"valueDate": fhirpath.Date, "valueDateTime": fhirpath.DateTime, "valueDecimal": fhirpath.Decimal, "valueId": fhirpath.String,
	"valueInstant": fhirpath.DateTime, "valueInteger": fhirpath.Integer, "valueInteger64": fhirpath.Long, "valueMarkdown": fhirpath.String,
	"valueOid": fhirpath.String, "valuePositiveInt": fhirpath.Integer, "valueString": fhirpath.String, "valueTime": fhirpath.Time,
	"valueUnsignedInt": fhirpath.Integer, "valueUri": fhirpath.String, "valueUrl": fhirpath.String, "valueUuid": fhirpath.String,
}

// reserved are the variables that have a meaning already.
var reserved = []string{rowIndex, "context", "resource", "rootResource", "ucum", "sct", "loinc"}

// constants declares the constants as variables.
func (c *compiler) constants(v *View, root *value) {
	list := c.of(root, "constant", array)
	if list == nil {
		return
	}
	for _, item := range list.items {
		if !c.members(item, "a constant", constantMembers, func(name string) bool { return strings.HasPrefix(name, "value") }) {
			continue
		}
		name := c.required(item, "a constant", "name", text)
		if name == nil {
			continue
		}
		c.identifier(name, "constant")
		_, twice := c.variables[name.text]
		switch {
		case slices.Contains(reserved, name.text):
			c.report(name.pos, "", "%%%s has a meaning of its own", name.text)
			continue
		case twice:
			c.report(name.pos, "", "there are two constants named %s", name.text)
			continue
		}
		// A constant whose value is wrong is declared all the same: one mistake, one finding.
		c.variables[name.text] = fhirpath.Type{}
		if found, ok := c.constant(item); ok {
			v.vars[name.text] = []fhirpath.Value{found}
			c.variables[name.text] = fhirpath.Type{Names: []string{found.TypeName()}}
		}
	}
}

// constant reads the value of a constant.
func (c *compiler) constant(item *value) (v fhirpath.Value, ok bool) {
	var given []member
	for _, m := range item.members {
		if strings.HasPrefix(m.name, "value") {
			given = append(given, m)
		}
	}
	if len(given) != 1 {
		c.report(item.pos, "for example valueString", "a constant needs one value, this has %d", len(given))
		return v, false
	}
	m := given[0]
	kind, known := constantTypes[m.name]
	if !known {
		names := make([]string, 0, len(constantTypes))
		for name := range constantTypes {
			names = append(names, name)
		}
		slices.Sort(names)
		c.report(m.pos, finding.DidYouMean(m.name, names), "a constant cannot be a %s", m.name)
		return v, false
	}
	want, problem := literal(kind, m.name, m.value, &v)
	switch {
	case m.value.form != want:
		c.report(m.value.pos, "", "%s must be %s, this is %s", m.name, want, m.value.form)
	case problem != "":
		c.report(m.value.pos, "", "%s: %s", m.name, problem)
	default:
		return v, true
	}
	return v, false
}

// literal makes the value of a constant. want is the form in which JSON writes its type.
func literal(kind fhirpath.Kind, name string, in *value, out *fhirpath.Value) (want form, problem string) {
	switch kind {
	case fhirpath.Boolean:
		*out = fhirpath.NewBoolean(in.text == "true")
		return boolean, ""
	case fhirpath.String:
		*out = fhirpath.NewString(in.text)
		return text, ""
	case fhirpath.Integer, fhirpath.Long, fhirpath.Decimal:
		want := number
		if kind == fhirpath.Long { // FHIR writes integer64 as a string
			want = text
		}
		return want, numeric(kind, name, in.text, out)
	}
	v, err := fhirpath.NewMoment(kind, in.text)
	if err != nil {
		return text, err.Error()
	}
	*out = v
	return text, ""
}

func numeric(kind fhirpath.Kind, name, written string, out *fhirpath.Value) (problem string) {
	if kind == fhirpath.Decimal {
		d, _, err := apd.NewFromString(written)
		if err == nil {
			*out, err = fhirpath.NewDecimal(d)
		}
		if err != nil {
			return "not a number that FHIRPath can hold"
		}
		return ""
	}
	i, err := strconv.ParseInt(written, 10, 64)
	switch {
	case err != nil:
		return "not a whole number of 64 bits"
	case kind == fhirpath.Integer && int64(int32(i)) != i: // #nosec G115 -- compared
		return "more than 32 bits"
	case name == "valuePositiveInt" && i < 1 || name == "valueUnsignedInt" && i < 0:
		return "too small"
	}
	*out = fhirpath.NewInteger(i)
	return ""
}
