package questionnaire

import (
	"encoding/json"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// Systems and extensions of what is written; a study's name follows the prefix.
const (
	urn        = "urn:crflink:"
	extensions = "http://hl7.org/fhir/StructureDefinition/"
	ucumSystem = "http://unitsofmeasure.org"

	absentReason  = extensions + "data-absent-reason"
	missingReason = urn + "missing" // as the published list of missing reasons has it
	eventOf       = urn + "event"
	repeatOf      = urn + "repeat"
	siteOf        = urn + "site"
)

// object is a JSON object under way. Its members are written in the order of their names, so equal content gives equal bytes.
type object map[string]any

// idOf makes an id of a name: FHIR allows no underscore.
func idOf(name string) string { return strings.ReplaceAll(name, "_", "-") }

func canonical(d *ecrf.Dictionary, form string) string {
	return urn + d.Study + ":questionnaire:" + form
}

func listSystem(d *ecrf.Dictionary, list string) string { return urn + d.Study + ":codelist:" + list }

// questionnaireOf is a form as a Questionnaire: one group, which repeats where the form does.
func questionnaireOf(d *ecrf.Dictionary, f *ecrf.Form) object {
	var items, lists []object
	seen := map[string]bool{}
	for i := range f.Items {
		it := &f.Items[i]
		items = append(items, itemOf(it))
		if list := d.CodeList(it.CodeList); list != nil && !seen[list.Name] {
			seen[list.Name] = true
			lists = append(lists, valueSetOf(d, list))
		}
	}
	q := object{
		"resourceType": "Questionnaire", "id": idOf(f.Name), "url": canonical(d, f.Name), "version": d.Version, "name": f.Name, "title": f.Label,
		"status": "active", "subjectType": []string{"Patient"},
		"item": []object{{"linkId": f.Name, "text": f.Label, "type": "group", "repeats": f.Repeating, "item": items}},
	}
	if len(lists) > 0 {
		q["contained"] = lists
	}
	return q
}

func valueSetOf(d *ecrf.Dictionary, list *ecrf.CodeList) object {
	var concepts []object
	for _, c := range list.Codes {
		concepts = append(concepts, object{"code": c.Value, "display": c.Label})
	}
	return object{
		"resourceType": "ValueSet", "id": idOf(list.Name), "status": "active",
		"compose": object{"include": []object{{"system": listSystem(d, list.Name), "concept": concepts}}},
	}
}

// questionTypes are the item types of R4 that our types become.
var questionTypes = map[ecrf.Type]string{
	ecrf.Text: "text", ecrf.Integer: "integer", ecrf.Decimal: "decimal", ecrf.Date: "date", ecrf.PartialDate: "date", ecrf.DateTime: "dateTime",
	ecrf.Boolean: "boolean", ecrf.Choice: "choice",
}

func itemOf(it *ecrf.Item) object {
	o := object{"linkId": it.Name, "text": it.Label, "type": questionTypes[it.Type], "required": it.Required}
	var more []object
	for name, bound := range map[string]string{"minValue": it.Min, "maxValue": it.Max} {
		if value, key := boundOf(it, bound); key != "" {
			more = append(more, object{"url": extensions + name, key: value})
		}
	}
	if len(more) == 2 && more[0]["url"] != extensions+"minValue" {
		more[0], more[1] = more[1], more[0]
	}
	if it.Type == ecrf.Decimal {
		more = append(more, object{"url": extensions + "maxDecimalPlaces", "valueInteger": it.Decimals})
	}
	if it.Unit != "" {
		more = append(more, object{"url": extensions + "questionnaire-unit", "valueCoding": object{"system": ucumSystem, "code": it.Unit, "display": it.Unit}})
	}
	if len(more) > 0 {
		o["extension"] = more
	}
	if it.Type == ecrf.Text && it.Length > 0 {
		o["maxLength"] = it.Length
	}
	if it.Type == ecrf.Choice {
		o["answerValueSet"] = "#" + idOf(it.CodeList)
	}
	return o
}

// boundOf is a bound as the extension minValue or maxValue has it; the key is "" where it cannot have it.
func boundOf(it *ecrf.Item, bound string) (value any, key string) {
	switch {
	case bound == "":
		return nil, ""
	case it.Type == ecrf.Integer && inInteger(bound):
		return json.Number(bound), "valueInteger"
	case it.Type == ecrf.Decimal:
		return json.Number(bound), "valueDecimal"
	case it.Type == ecrf.Date || it.Type == ecrf.PartialDate:
		return bound, "valueDate"
	}
	return nil, ""
}
