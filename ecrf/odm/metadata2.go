package odm

import (
	"strconv"

	"github.com/crflink/crflink/ecrf"
)

// ucumSystem marks the unit of an item in version 2.0, which has no element for units.
const ucumSystem = "http://unitsofmeasure.org"

// study2 writes the metadata as version 2.0 has them: a form is an item group of type Form.
func (s *document) study2() {
	d := s.d.Dictionary
	s.x.open("Study", "OID", studyOID+d.Study, "StudyName", d.Study, "ProtocolName", d.Study)
	s.translated("Description", s.description())
	s.x.open("MetaDataVersion", "OID", versionOID+d.Version, "Name", "Version "+d.Version)
	for _, e := range d.Events {
		s.x.open("StudyEventDef", "OID", eventOID+e.Name, "Name", e.Label, "Repeating", "No", "Type", "Scheduled")
		for i, f := range e.Forms {
			s.x.empty("ItemGroupRef", "ItemGroupOID", formOID+f, "OrderNumber", strconv.Itoa(i+1), "Mandatory", "No")
		}
		s.x.close("StudyEventDef")
	}
	for i := range d.Forms {
		s.form2(&d.Forms[i])
	}
	for i := range d.Forms {
		for j := range d.Forms[i].Items {
			s.item2(&d.Forms[i].Items[j])
		}
	}
	s.codeLists()
	s.x.close("MetaDataVersion")
	s.x.close("Study")
}

func (s *document) form2(f *ecrf.Form) {
	repeating := "No"
	if f.Repeating {
		repeating = "Simple"
	}
	s.x.open("ItemGroupDef", "OID", formOID+f.Name, "Name", f.Label, "Repeating", repeating, "Type", "Form")
	for j := range f.Items {
		s.x.empty("ItemRef", "ItemOID", itemOID+f.Items[j].Name, "OrderNumber", strconv.Itoa(j+1), "Mandatory", yesNo(f.Items[j].Required))
	}
	s.x.close("ItemGroupDef")
}

func (s *document) item2(it *ecrf.Item) {
	dataType, shown := dataTypes[it.Type], ""
	if it.Type == ecrf.Decimal {
		dataType, shown = "decimal", s.length(it)+"."+strconv.Itoa(it.Decimals)
	}
	s.x.open("ItemDef", "OID", itemOID+it.Name, "Name", it.Name, "DataType", dataType, "Length", s.length(it), "DisplayFormat", shown)
	s.translated("Question", it.Label)
	s.rangeCheck(it, "GE", it.Min, tooLittle)
	s.rangeCheck(it, "LE", it.Max, tooMuch)
	if it.Type == ecrf.Choice {
		s.x.empty("CodeListRef", "CodeListOID", listOID+it.CodeList)
	}
	if it.Unit != "" {
		s.x.empty("Coding", "Code", it.Unit, "System", ucumSystem)
	}
	s.x.close("ItemDef")
}

// translated writes an element that holds a text in the dictionary's language.
func (s *document) translated(name, content string) {
	kind := "" // version 2.0 wants to know whether it is plain text
	if s.o.two() {
		kind = "text/plain"
	}
	s.x.open(name)
	s.x.text("TranslatedText", content, "Type", kind)
	s.x.close(name)
}
