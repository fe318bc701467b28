package questionnaire

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// inInteger reports whether a canonical integer is one of FHIR, which has 32 bits.
func inInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 32)
	return err == nil
}

// responses makes the QuestionnaireResponses of one delivery.
type responses struct {
	dictionary *ecrf.Dictionary
	authored   string
	zone       *time.Location
	large      map[string]int // integers that FHIR cannot hold, by item
}

// of is one form instance as a QuestionnaireResponse.
func (r *responses) of(facts *ecrf.Facts, cells []ecrf.StoredCell) object {
	first, form := &cells[0], r.dictionary.Form(cells[0].Form)
	var items []object
	for i := range cells {
		if it := form.Item(cells[i].Item); it != nil {
			items = append(items, r.item(it, &cells[i]))
		}
	}
	where := []object{{"url": eventOf, "valueCode": first.Event}}
	if first.Repeat > 0 {
		where = append(where, object{"url": repeatOf, "valueInteger": first.Repeat})
	}
	if facts.Site != "" {
		where = append(where, object{"url": siteOf, "valueString": facts.Site})
	}
	return object{
		"resourceType": "QuestionnaireResponse", "id": instanceID(r.dictionary.Study, facts.Subject, first), "extension": where,
		"questionnaire": canonical(r.dictionary, form.Name) + "|" + r.dictionary.Version, "status": status(form, cells), "authored": r.authored,
		"subject": object{"type": "Patient", "identifier": object{"system": urn + r.dictionary.Study + ":subject", "value": facts.Subject}},
		"item":    []object{{"linkId": form.Name, "item": items}},
	}
}

// instanceID names a form instance by a hash, so that it is the same in every delivery.
func instanceID(study, subject string, c *ecrf.StoredCell) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{study, subject, c.Event, c.Form, strconv.Itoa(c.Repeat)}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// status is completed where nothing that is required is missing.
func status(form *ecrf.Form, cells []ecrf.StoredCell) string {
	filled := map[string]bool{}
	for i := range cells {
		filled[cells[i].Item] = cells[i].Value != ""
	}
	for i := range form.Items {
		if form.Items[i].Required && !filled[form.Items[i].Name] {
			return "in-progress"
		}
	}
	return "completed"
}

func (r *responses) item(it *ecrf.Item, c *ecrf.StoredCell) object {
	o := object{"linkId": it.Name}
	var more []object
	answer, ok := r.answer(it, c.Value)
	if ok {
		o["answer"] = []object{answer}
	} else {
		more = append(more, object{"url": absentReason, "valueCode": absent(c.Missing)})
	}
	if c.Missing != "" {
		more = append(more, object{"url": missingReason, "valueCode": string(c.Missing)})
	}
	if len(more) > 0 {
		o["extension"] = more
	}
	return o
}

// answer is a canonical text as the value of an answer; ok is false for none.
func (r *responses) answer(it *ecrf.Item, text string) (answer object, ok bool) {
	switch {
	case text == "":
		return nil, false
	case it.Type == ecrf.Integer && !inInteger(text):
		r.large[it.Name]++
		return nil, false
	case it.Type == ecrf.Integer:
		return object{"valueInteger": json.Number(text)}, true
	case it.Type == ecrf.Decimal:
		return object{"valueDecimal": json.Number(text)}, true
	case it.Type == ecrf.Boolean:
		return object{"valueBoolean": text == "true"}, true
	case it.Type == ecrf.Date || it.Type == ecrf.PartialDate:
		return object{"valueDate": text}, true
	case it.Type == ecrf.DateTime:
		return r.moment(text)
	case it.Type == ecrf.Choice:
		coding := object{"system": listSystem(r.dictionary, it.CodeList), "code": text}
		if label, ok := r.dictionary.CodeList(it.CodeList).Label(text); ok {
			coding["display"] = label
		}
		return object{"valueCoding": coding}, true
	}
	return object{"valueString": text}, true
}

// moment is a local time of the study with its zone, without which FHIR has no time of day.
func (r *responses) moment(text string) (object, bool) {
	at, err := time.ParseInLocation("2006-01-02T15:04:05", text, r.zone)
	return object{"valueDateTime": at.Format(time.RFC3339)}, err == nil
}

// absent is the nearest code of FHIR's data-absent-reason.
func absent(reason ecrf.MissingReason) string {
	if code, ok := strings.CutPrefix(string(reason), ecrf.AbsentPrefix); ok {
		return code
	}
	switch reason {
	case ecrf.NotApplicable:
		return "not-applicable"
	case ecrf.NoConsent:
		return "not-permitted"
	case ecrf.Suppressed:
		return "masked"
	case ecrf.Unconvertible, ecrf.OutOfRange:
		return "unsupported"
	}
	return "unknown"
}

func (r *responses) problems() []string {
	var all []string
	for i := range r.dictionary.Forms {
		for _, name := range r.dictionary.Forms[i].ItemNames() {
			if n := r.large[name]; n > 0 {
				all = append(all, fmt.Sprintf("item %s: %d values are too large for an integer of FHIR and were left out", name, n))
			}
		}
	}
	return all
}
