package model

import (
	"slices"
	"testing"
)

func TestElementsAreInherited(t *testing.T) {
	p := Lookup("Patient")
	for _, name := range []string{"id", "meta", "extension", "birthDate", "contact"} {
		if p.Element(name) == nil {
			t.Errorf("Patient.%s is unknown", name)
		}
	}
	if p.Element("birthdate") != nil {
		t.Error("names are case-sensitive")
	}
	if !p.IsA(Lookup("DomainResource")) || !p.IsA(Lookup("Resource")) || p.IsA(Lookup("Element")) {
		t.Error("Patient is a DomainResource and a Resource, not an Element")
	}
	if !Lookup("code").IsA(Lookup("string")) || !Lookup("Age").IsA(Lookup("Quantity")) || Lookup("url").IsA(Lookup("string")) {
		t.Error("inheritance of data types")
	}
}

func TestCardinalityAndChoicesAreKnown(t *testing.T) {
	o := Lookup("Observation")
	v := o.Element("value")
	if v == nil || !v.Choice || v.Many || len(v.Types) != 11 {
		t.Fatalf("Observation.value: %+v", v)
	}
	e, typ := o.ChoiceOf("valueCodeableConcept")
	if e != v || typ != Lookup("CodeableConcept") {
		t.Errorf("valueCodeableConcept: %v %v", e, typ)
	}
	if e, typ = o.ChoiceOf("effectiveDateTime"); e == nil || typ != Lookup("dateTime") {
		t.Errorf("effectiveDateTime: %v %v", e, typ)
	}
	if e, _ = o.ChoiceOf("valueAddress"); e != nil {
		t.Error("an Observation has no valueAddress")
	}
	if !o.Element("category").Many || o.Element("code").Many {
		t.Error("cardinality of category and code")
	}
	if s := o.Element("specimen"); !slices.Equal(s.Target, []string{"Specimen"}) {
		t.Errorf("targets of specimen: %v", s.Target)
	}
}

func TestNestedElementsMayReferToOthers(t *testing.T) {
	item := Lookup("Questionnaire.item")
	if item == nil || item.Kind != Nested || item.Element("item").Types[0] != item {
		t.Fatal("Questionnaire.item.item is a Questionnaire.item")
	}
	if !item.IsA(Lookup("BackboneElement")) {
		t.Error("an item is a BackboneElement")
	}
}

func TestEveryTypeIsComplete(t *testing.T) {
	resources := 0
	for i, typ := range All() {
		if int(typ.ID) != i {
			t.Errorf("%s has ID %d at %d", typ, typ.ID, i)
		}
		if typ.Kind == Resource && !typ.Abstract {
			resources++
		}
		for _, e := range typ.Elements() {
			if len(e.Types) == 0 || slices.Contains(e.Types, nil) {
				t.Errorf("%s.%s has an unknown type", typ, e.Name)
			}
		}
	}
	if resources < 146 {
		t.Errorf("%d resource types, R4 has at least 146", resources)
	}
}
