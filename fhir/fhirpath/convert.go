package fhirpath

import (
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// The types of the model, by ID, and those that the engine itself asks for.
var (
	types       = model.All()
	systemTypes = func() (t [typeInfo + 1]*model.Type) {
		for k := Boolean; k <= Quantity; k++ {
			t[k] = model.LookupSystem(k.String())
		}
		t[typeInfo] = typeOfType
		return t
	}()
	typeOfType    = &model.Type{Name: "TypeInfo", Kind: model.System} // of what type() returns
	typeNever     = &model.Type{Name: "Never", Kind: model.System}    // a FHIR type in the System namespace: nothing is one
	anyResource   = model.Lookup("Resource")
	anyElement    = model.Lookup("Element")
	typeQuantity  = model.Lookup("Quantity")
	typeExtension = model.Lookup("Extension")
	typeReference = model.Lookup("Reference")
	// primitiveKind says which system type a primitive stands for, by type ID (FHIR R4, FHIRPath: 2.1.9.1.2).
	primitiveKind = primitiveKinds()
)

func primitiveKinds() []Kind {
	kinds := make([]Kind, len(types))
	for i, t := range types {
		switch {
		case t.Kind == model.System || t.Kind != model.Primitive:
			continue
		case t.Name == "boolean":
			kinds[i] = Boolean
		case t.IsA(model.Lookup("integer")):
			kinds[i] = Integer
		case t.Name == "decimal":
			kinds[i] = Decimal
		case t.Name == "date":
			kinds[i] = Date
		case t.Name == "dateTime" || t.Name == "instant":
			kinds[i] = DateTime
		case t.Name == "time":
			kinds[i] = Time
		default:
			kinds[i] = String
		}
	}
	return kinds
}

// systemOf returns the value that an element stands for. A text that is no value of its type (a date such as
// 2020-13) stands for a String. An element of unknown type goes by its JSON kind.
func systemOf(n fhir.Node, t *model.Type) (Value, bool) {
	switch n.Kind() {
	case fhir.Bool:
		return booleanValue(n.IsTrue()), true
	case fhir.Number:
		return numberOf(n.Text(), primitiveKind[t.ID])
	case fhir.String:
		return textOf(n.Text(), primitiveKind[t.ID])
	case fhir.Object:
		if t.IsA(typeQuantity) {
			return quantityOf(n)
		}
	}
	return Value{}, false
}

func numberOf(text string, kind Kind) (Value, bool) {
	d, ok := parseDec(text)
	if !ok {
		return Value{}, false
	}
	if kind != Decimal && d.big == nil && d.exp == 0 && int64(int32(d.coef)) == d.coef { // #nosec G115 -- compared
		return integerValue(d.coef), true
	}
	v := decimalValue(d)
	v.text = text
	return v, true
}

func textOf(text string, kind Kind) (Value, bool) {
	if kind == Date || kind == DateTime || kind == Time {
		if m, ok := parseMoment(text, kind); ok {
			return momentValue(m), true
		}
	}
	return stringValue(text), true
}

const ucumSystem = "http://unitsofmeasure.org"

// quantityOf reads a Quantity element. One with a comparator is not a value but a bound, so it stands for none; one
// whose code is not from UCUM keeps its unit and is comparable to the same unit only.
func quantityOf(n fhir.Node) (Value, bool) {
	number, comparator := n.Get("value"), n.Get("comparator")
	if number.Kind() != fhir.Number || comparator.Kind() == fhir.String {
		return Value{}, false
	}
	d, ok := parseDec(number.Text())
	if !ok {
		return Value{}, false
	}
	system, code, unit := n.Get("system").Text(), n.Get("code").Text(), n.Get("unit").Text()
	switch {
	case system == ucumSystem && code != "":
		v := quantityValue(d, code, false)
		v.flags |= flagElement
		return v, true
	case system == "" && code == "" && unit == "":
		return quantityValue(d, "1", false), true
	}
	v := quantityValue(d, unit, false)
	if unit == "" {
		v.text = code
	}
	v.flags |= flagForeign
	return v, true
}

const jsonString = fhir.String
