package odm

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/ucum"
)

// assumedDecimals is how many decimals a float has whose SignificantDigits are not given.
const assumedDecimals = 3

var oidPrefix = regexp.MustCompile(`^(ODM\.)?(IT|ITEM|I|IG|GROUP|F|FO|FORM|SE|EVENT|CL|MU|ST|S)\.([A-Za-z].*)$`)

// bare is an OID without the prefix that says what it is the OID of.
func bare(oid string) string {
	if m := oidPrefix.FindStringSubmatch(oid); m != nil {
		return m[3]
	}
	return oid
}

// label is what people read of a definition: its question, its description, or its name.
func (m *metadata) label(n *node) string {
	return cmp.Or(m.translated(n.first("Question")), m.translated(n.first("Description")), n.get("Name"), n.get("OID"))
}

// translated is the text in the chosen language, or else the first.
func (m *metadata) translated(n *node) string {
	all := n.all("TranslatedText")
	if len(all) == 0 {
		return strings.TrimSpace(n.text.String())
	}
	chosen := all[0]
	if m.language == "" {
		m.language = chosen.get("lang")
	}
	for _, t := range all {
		if lang := t.get("lang"); lang == m.language {
			chosen = t
		}
	}
	for _, t := range all {
		if lang := t.get("lang"); t != chosen && lang != "" && lang != chosen.get("lang") && !slices.Contains(m.otherLanguages, lang) {
			m.otherLanguages = append(m.otherLanguages, lang)
		}
	}
	return strings.TrimSpace(chosen.text.String())
}

func (m *metadata) item(n *node) ecrf.DraftItem {
	it := ecrf.DraftItem{Name: n.get("OID"), Want: bare(n.get("OID")), Label: m.label(n), Length: max(number(n.get("Length")), 0)}
	m.dataType(n, &it)
	if field := n.get("redcap:FieldType"); field != "" {
		m.redcap(n, &it, field)
	}
	if ref := n.first("CodeListRef").get("CodeListOID"); ref != "" && it.Skip == "" {
		m.coded(&it, ref)
	}
	if it.Skip == "" {
		m.unit(n, &it)
		for _, check := range n.all("RangeCheck") {
			m.rangeCheck(check, &it)
		}
	}
	return it
}

// itemTypes are the data types of ODM 1.3.2 and 2.0 (section 2.13 of either) that our types can hold.
var itemTypes = map[string]ecrf.Type{
	"text": ecrf.Text, "string": ecrf.Text, "URI": ecrf.Text, "integer": ecrf.Integer, "decimal": ecrf.Decimal, "float": ecrf.Decimal,
	"double": ecrf.Decimal, "date": ecrf.Date, "partialDate": ecrf.PartialDate, "incompleteDate": ecrf.PartialDate,
	"datetime": ecrf.DateTime, "boolean": ecrf.Boolean,
}

// displayForm is how version 2.0 says how many digits a number has behind its point.
var displayForm = regexp.MustCompile(`^[0-9]+\.([0-9])$`)

func (m *metadata) dataType(n *node, it *ecrf.DraftItem) {
	name := n.get("DataType")
	known, ok := itemTypes[name]
	switch {
	case ok:
		it.Type = known
	case name == "partialDatetime" || name == "incompleteDatetime":
		it.Type = ecrf.PartialDate
		m.draft.Remark(ecrf.Changed, it.Name, "the item's data type "+name+" became partial-date; the time of day is lost")
	case name == "hexBinary" || name == "base64Binary" || name == "hexFloat" || name == "base64Float":
		it.Skip = "a binary value, which is no value of a form"
	default:
		it.Type = ecrf.Text
		m.draft.Remark(ecrf.Changed, it.Name, fmt.Sprintf("the item's data type %q is not checked; it is a text", name))
	}
	if it.Type != ecrf.Decimal {
		return
	}
	it.Decimals = number(n.get("SignificantDigits"))
	if shown := displayForm.FindStringSubmatch(n.get("DisplayFormat")); it.Decimals < 0 && shown != nil {
		it.Decimals = number(shown[1])
	}
	if it.Decimals < 0 {
		it.Decimals = assumedDecimals
		m.draft.Remark(ecrf.Assumed, it.Name, "3 decimals, because the source has no SignificantDigits; values are rounded to them")
	}
}

// redcap knows what REDCap's own attributes say beside ODM's.
func (m *metadata) redcap(n *node, it *ecrf.DraftItem, field string) {
	it.Length = 0 // REDCap writes 999 wherever it has no length
	variable := cmp.Or(n.get("redcap:Variable"), it.Name)
	it.Want = it.Name
	switch {
	case variable == m.recordID:
		it.Skip = "the record ID, which is the subject's number"
	case field == "calc":
		it.Skip = "calculated by REDCap"
	case field == "file":
		it.Skip = "a file or signature, which is no value of a form"
	case field == "descriptive":
		it.Skip = "a text for the reader, which holds no value"
	case strings.HasSuffix(variable, "_complete") && n.get("redcap:SectionHeader") == "Form Status", strings.HasSuffix(it.Name, "_timestamp") && m.isSurveyTime(it.Name):
		it.Skip = "the state of a form, which REDCap keeps itself"
	case field == "checkbox":
		m.checkbox(n, it, variable)
	case field == "yesno" || field == "truefalse":
		it.Type = ecrf.Boolean
	case field == "slider":
		it.Type = ecrf.Integer
	}
	if n.get("redcap:Identifier") == "y" {
		it.Note = "identifier"
		m.draft.Remark(ecrf.Look, it.Name, "marked as an identifier in REDCap; leave it without a rule unless the protocol allows it")
	}
	if n.get("redcap:BranchingLogic") != "" {
		m.draft.Remark(ecrf.LeftOut, it.Name, "branching logic (REDCap hides the field, and takes imported values all the same)")
	}
}

// isSurveyTime reports whether an item is the time at which a form was filled as a survey.
func (m *metadata) isSurveyTime(name string) bool {
	form, _ := strings.CutSuffix(name, "_timestamp")
	return slices.ContainsFunc(m.order, func(n *node) bool { return n.name == "FormDef" && n.get("redcap:FormName") == form })
}

// checkbox names the item after the choice that it is a yes or no of.
func (m *metadata) checkbox(n *node, it *ecrf.DraftItem, variable string) {
	it.Type = ecrf.Boolean
	_, code, ok := strings.Cut(it.Name, "___")
	if !ok {
		return
	}
	it.Want = variable + "_" + code
	for choice := range strings.SplitSeq(n.get("redcap:CheckboxChoices"), "|") {
		value, label, _ := strings.Cut(strings.TrimSpace(choice), ",")
		if strings.EqualFold(strings.TrimSpace(value), code) {
			it.Label += ": " + strings.TrimSpace(label)
		}
	}
}

// coded makes the item a choice, unless it is a yes or no whose list says so.
func (m *metadata) coded(it *ecrf.DraftItem, list string) {
	def := m.defs["CodeList"][list]
	if def == nil {
		m.draft.Remark(ecrf.LeftOut, it.Name, "a reference to a code list that is not defined")
		return
	}
	if it.Type == ecrf.Boolean && m.saysYesOrNo(list, def) {
		return
	}
	it.Type, it.CodeList = ecrf.Choice, list
}

// saysYesOrNo reports whether a code list has no other codes than those of a boolean. Each list is looked at once.
func (m *metadata) saysYesOrNo(oid string, def *node) bool {
	answer, known := m.yesNo[oid]
	if !known {
		answer = !slices.ContainsFunc(m.codes(def), func(c ecrf.Code) bool { return !slices.Contains(yesAndNo, strings.ToLower(c.Value)) })
		m.yesNo[oid] = answer
	}
	return answer
}

var yesAndNo = []string{"0", "1", "true", "false"}

func (m *metadata) codeLists() {
	m.each("CodeList", func(n *node) {
		oid := n.get("OID")
		if len(n.all("ExternalCodeList")) > 0 {
			m.draft.Remark(ecrf.LeftOut, oid, "the codes of an external code list are not in the document")
		}
		l := ecrf.DraftCodeList{Name: oid, Want: bare(oid), Codes: m.codes(n)}
		if field, ok := strings.CutSuffix(oid, ".choices"); ok && n.get("redcap:Variable") != "" {
			l.Want, l.Inline = field, true
		}
		m.draft.CodeLists = append(m.draft.CodeLists, l)
	})
}

func (m *metadata) codes(list *node) []ecrf.Code {
	var items []*node
	for _, c := range list.children {
		if c.name == "CodeListItem" || c.name == "EnumeratedItem" {
			items = append(items, c)
		}
	}
	var codes []ecrf.Code
	for _, c := range ordered(items) {
		value := c.get("CodedValue")
		codes = append(codes, ecrf.Code{Value: value, Label: cmp.Or(m.translated(c.first("Decode")), value)})
	}
	return codes
}

// unit takes over the first unit of the item: its UCUM alias, its name or symbol where that is UCUM, or a common spelling.
func (m *metadata) unit(n *node, it *ecrf.DraftItem) {
	refs := n.all("MeasurementUnitRef")
	if len(refs) == 0 {
		m.codedUnit(n, it)
		return
	}
	if len(refs) > 1 {
		m.draft.Remark(ecrf.LeftOut, it.Name, "further units of the item; the first counts")
	}
	u := m.units[refs[0].get("MeasurementUnitOID")]
	if u == nil {
		m.draft.Remark(ecrf.LeftOut, it.Name, "a reference to a unit that is not defined")
		return
	}
	spellings := []string{m.translated(u.first("Symbol")), u.get("Name")}
	for _, alias := range u.all("Alias") {
		if strings.EqualFold(alias.get("Context"), "UCUM") {
			spellings = slices.Insert(spellings, 0, alias.get("Name"))
		}
	}
	for _, s := range spellings {
		if code := unitCode(s); code != "" {
			it.Unit = code
			if code != s {
				m.draft.Remark(ecrf.Changed, s+" → "+code, "the unit became its UCUM code")
			}
			return
		}
	}
	it.Note = "unit: " + cmp.Or(spellings...)
	m.draft.Remark(ecrf.LeftOut, it.Name, fmt.Sprintf("the unit %q, which is no UCUM code", cmp.Or(spellings...)))
}

// codedUnit takes over the unit of an item of version 2.0, where it is a code of UCUM.
func (m *metadata) codedUnit(n *node, it *ecrf.DraftItem) {
	for _, coding := range n.all("Coding") {
		if coding.get("System") == ucumSystem && it.Unit == "" {
			it.Unit = unitCode(coding.get("Code"))
		}
	}
}

// commonUnits are spellings of units that are found in forms and are not UCUM.
var commonUnits = map[string]string{
	"year": "a", "years": "a", "jahre": "a", "month": "mo", "months": "mo", "monate": "mo", "week": "wk", "weeks": "wk", "wochen": "wk",
	"day": "d", "days": "d", "tage": "d", "hour": "h", "hours": "h", "stunden": "h", "minutes": "min", "minuten": "min", "seconds": "s",
	"°c": "Cel", "c": "Cel", "°f": "[degF]", "bpm": "/min", "beats/min": "/min", "mmhg": "mm[Hg]", "10^9/l": "10*9/L", "10^12/l": "10*12/L",
	"kg/m²": "kg/m2", "kg/m^2": "kg/m2", "m²": "m2", "iu/l": "[IU]/L", "inch": "[in_i]", "inches": "[in_i]", "lb": "[lb_av]", "lbs": "[lb_av]",
	"percent": "%", "prozent": "%", "µmol/l": "umol/L", "µg/l": "ug/L", "µg/ml": "ug/mL",
}

func unitCode(s string) string {
	s = strings.TrimSpace(s)
	if code, ok := commonUnits[strings.ToLower(strings.ReplaceAll(s, "μ", "µ"))]; ok {
		return code
	}
	if s == "" || ucum.Validate(s) != nil {
		return ""
	}
	return s
}

// rangeCheck takes over inclusive bounds. A bound that excludes its value moves by one for an integer; for another type it
// becomes inclusive.
func (m *metadata) rangeCheck(n *node, it *ecrf.DraftItem) {
	values := n.all("CheckValue")
	if len(values) != 1 {
		m.draft.Remark(ecrf.LeftOut, it.Name, "a range check that is an expression or a list")
		return
	}
	value := strings.TrimSpace(values[0].text.String())
	if it.Type == ecrf.DateTime && len(value) == len("2006-01-02") {
		value += "T00:00:00"
	}
	switch comparator := n.get("Comparator"); comparator {
	case "GE":
		it.Min = value
	case "LE":
		it.Max = value
	case "GT":
		it.Min = m.exclusive(it, value, 1)
	case "LT":
		it.Max = m.exclusive(it, value, -1)
	default:
		m.draft.Remark(ecrf.LeftOut, it.Name, "a range check with the comparator "+comparator)
	}
}

func (m *metadata) exclusive(it *ecrf.DraftItem, value string, step int) string {
	if n, err := strconv.Atoi(value); err == nil && it.Type == ecrf.Integer {
		return strconv.Itoa(n + step)
	}
	m.draft.Remark(ecrf.Changed, it.Name, "a bound that excludes its own value includes it here")
	return value
}
