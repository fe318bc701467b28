package odm

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crflink/crflink/ecrf"
)

// Code lists of our annotations. No list of a study can have their names, which hold a dot.
const (
	missingList = "CL.crflink.missing"
	stateList   = "CL.crflink.state"
)

// Prefixes of OIDs.
const (
	studyOID, versionOID, eventOID, formOID, groupOID = "S.", "MDV.", "SE.", "F.", "IG."
	itemOID, listOID, unitOID, siteOID, userOID       = "I.", "CL.", "MU.", "L.", "U."
)

func (s *document) study() {
	d := s.d.Dictionary
	s.x.open("Study", "OID", studyOID+d.Study)
	s.x.open("GlobalVariables")
	s.x.text("StudyName", d.Study)
	s.x.text("StudyDescription", s.description())
	s.x.text("ProtocolName", d.Study)
	s.x.close("GlobalVariables")
	s.units()
	s.x.open("MetaDataVersion", "OID", versionOID+d.Version, "Name", "Version "+d.Version)
	s.protocol()
	s.events()
	s.forms()
	for i := range d.Forms {
		for j := range d.Forms[i].Items {
			s.item(&d.Forms[i].Items[j])
		}
	}
	s.codeLists()
	s.x.close("MetaDataVersion")
	s.x.close("Study")
}

func (s *document) description() string {
	return joinNonEmpty(" ", append([]string{"Data of study " + s.d.Dictionary.Study + "."}, s.d.Notices...)...)
}

func (s *document) units() {
	var units []string
	seen := map[string]bool{}
	for i := range s.d.Dictionary.Forms {
		for _, it := range s.d.Dictionary.Forms[i].Items {
			if it.Unit != "" && !seen[it.Unit] {
				seen[it.Unit] = true
				units = append(units, it.Unit)
			}
		}
	}
	if len(units) == 0 {
		return
	}
	s.x.open("BasicDefinitions")
	for _, u := range units {
		s.x.open("MeasurementUnit", "OID", unitOID+u, "Name", u)
		s.translated("Symbol", u)
		s.x.empty("Alias", "Context", "UCUM", "Name", u)
		s.x.close("MeasurementUnit")
	}
	s.x.close("BasicDefinitions")
}

func (s *document) protocol() {
	s.x.open("Protocol")
	for i, e := range s.d.Dictionary.Events {
		s.x.empty("StudyEventRef", "StudyEventOID", eventOID+e.Name, "OrderNumber", strconv.Itoa(i+1), "Mandatory", "No")
	}
	s.x.close("Protocol")
}

func (s *document) events() {
	for _, e := range s.d.Dictionary.Events {
		s.x.open("StudyEventDef", "OID", eventOID+e.Name, "Name", e.Label, "Repeating", "No", "Type", "Scheduled")
		for i, f := range e.Forms {
			s.x.empty("FormRef", "FormOID", formOID+f, "OrderNumber", strconv.Itoa(i+1), "Mandatory", "No")
		}
		s.x.close("StudyEventDef")
	}
}

// forms writes each form with one item group. The group has all the form's items and does not repeat; the form does.
func (s *document) forms() {
	forms := s.d.Dictionary.Forms
	for i := range forms {
		f := &forms[i]
		s.x.open("FormDef", "OID", formOID+f.Name, "Name", f.Label, "Repeating", yesNo(f.Repeating))
		s.x.empty("ItemGroupRef", "ItemGroupOID", groupOID+f.Name, "OrderNumber", "1", "Mandatory", "No")
		s.x.close("FormDef")
	}
	for i := range forms {
		f := &forms[i]
		s.x.open("ItemGroupDef", "OID", groupOID+f.Name, "Name", f.Label, "Repeating", "No")
		for j := range f.Items {
			s.x.empty("ItemRef", "ItemOID", itemOID+f.Items[j].Name, "OrderNumber", strconv.Itoa(j+1), "Mandatory", yesNo(f.Items[j].Required))
		}
		s.x.close("ItemGroupDef")
	}
}

var dataTypes = map[ecrf.Type]string{
	ecrf.Text: "text", ecrf.Integer: "integer", ecrf.Decimal: "float", ecrf.Date: "date", ecrf.PartialDate: "partialDate",
	ecrf.DateTime: "datetime", ecrf.Boolean: "boolean", ecrf.Choice: "text",
}

func (s *document) item(it *ecrf.Item) {
	length, digits := s.length(it), ""
	if it.Type == ecrf.Decimal {
		digits = strconv.Itoa(it.Decimals)
	}
	s.x.open("ItemDef", "OID", itemOID+it.Name, "Name", it.Name, "DataType", dataTypes[it.Type], "Length", length, "SignificantDigits", digits)
	s.translated("Question", it.Label)
	if it.Unit != "" {
		s.x.empty("MeasurementUnitRef", "MeasurementUnitOID", unitOID+it.Unit)
	}
	s.rangeCheck(it, "GE", it.Min, tooLittle)
	s.rangeCheck(it, "LE", it.Max, tooMuch)
	if it.Type == ecrf.Choice {
		s.x.empty("CodeListRef", "CodeListOID", listOID+it.CodeList)
	}
	s.x.close("ItemDef")
}

// length is the greatest number of characters of an item, where its type has one.
func (s *document) length(it *ecrf.Item) string {
	switch it.Type {
	case ecrf.Text:
		return strconv.Itoa(it.Limit())
	case ecrf.Choice:
		return strconv.Itoa(codeLength(s.d.Dictionary.CodeList(it.CodeList)))
	case ecrf.Decimal:
		return strconv.Itoa(numberLength(it))
	}
	return ""
}

const (
	tooLittle = "The value is less than the least that is expected."
	tooMuch   = "The value is greater than the greatest that is expected."
)

func (s *document) rangeCheck(it *ecrf.Item, comparator, bound, message string) {
	if bound == "" {
		return
	}
	s.x.open("RangeCheck", "Comparator", comparator, "SoftHard", "Soft")
	s.x.text("CheckValue", bound)
	if it.Unit != "" && !s.o.two() {
		s.x.empty("MeasurementUnitRef", "MeasurementUnitOID", unitOID+it.Unit)
	}
	s.translated("ErrorMessage", message)
	s.x.close("RangeCheck")
}

// numberLength is the greatest number of characters of a decimal: sign, digits, point. Without bounds it is that of
// the greatest number that the dictionary lets in.
func numberLength(it *ecrf.Item) int {
	const open = 64
	if it.Min == "" || it.Max == "" {
		return open
	}
	longest := 1
	for _, bound := range []string{it.Min, it.Max} {
		whole, _, _ := strings.Cut(bound, ".")
		longest = max(longest, len(whole))
	}
	if it.Decimals > 0 {
		longest += 1 + it.Decimals
	}
	return longest
}

func codeLength(list *ecrf.CodeList) int {
	longest := 1
	if list != nil {
		for _, c := range list.Codes {
			longest = max(longest, utf8.RuneCountInString(c.Value))
		}
	}
	return longest
}

func (s *document) codeLists() {
	for i := range s.d.Dictionary.CodeLists {
		list := &s.d.Dictionary.CodeLists[i]
		s.x.open("CodeList", "OID", listOID+list.Name, "Name", list.Name, "DataType", "text")
		for j, c := range list.Codes {
			s.code(c.Value, c.Label, j)
		}
		s.x.close("CodeList")
	}
	s.x.open("CodeList", "OID", missingList, "Name", "Why an item has no value", "DataType", "text")
	for i, r := range ecrf.MissingReasons() {
		s.code(string(r), strings.NewReplacer("-", " ", ":", ": ").Replace(string(r)), i)
	}
	s.x.close("CodeList")
	s.x.open("CodeList", "OID", stateList, "Name", "State of an item", "DataType", "text")
	for i, state := range ecrf.States() {
		s.code(string(state), string(state), i)
	}
	s.x.close("CodeList")
}

func (s *document) code(value, label string, i int) {
	s.x.open("CodeListItem", "CodedValue", value, "OrderNumber", strconv.Itoa(i+1))
	s.translated("Decode", label)
	s.x.close("CodeListItem")
}
