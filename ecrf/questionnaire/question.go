package questionnaire

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/ucum"
)

// assumedDecimals is how many decimals a number has where the extension maxDecimalPlaces does not say.
const assumedDecimals = 3

// itemTypes are the item types of R4 (value set item-type) that our types can hold.
var itemTypes = map[string]ecrf.Type{
	"boolean": ecrf.Boolean, "decimal": ecrf.Decimal, "quantity": ecrf.Decimal, "integer": ecrf.Integer, "date": ecrf.Date, "dateTime": ecrf.DateTime,
	"string": ecrf.Text, "text": ecrf.Text, "url": ecrf.Text, "time": ecrf.Text, "choice": ecrf.Choice, "open-choice": ecrf.Choice,
}

// question takes over a question with at most one answer.
func (x *reader) question(it *item) ecrf.DraftItem {
	d := ecrf.DraftItem{Name: it.LinkID, Want: linkName("item", it.LinkID), Label: it.label(), Required: it.Required, Length: it.MaxLength}
	var ok bool
	if d.Type, ok = itemTypes[it.Type]; !ok {
		d.Skip = fmt.Sprintf("an item of type %q, which is no value of a form", it.Type)
		return d
	}
	if it.Type == "time" {
		d.Length = len("15:04:05")
	}
	if it.isChoice() {
		x.choice(it, &d)
	} else if len(it.AnswerOption) > 0 {
		d.Type = ecrf.Choice
		x.choice(it, &d)
	}
	x.number(it, &d)
	x.bounds(it, &d)
	return d
}

func (x *reader) choice(it *item, d *ecrf.DraftItem) {
	if it.Type == "open-choice" {
		x.draft.Remark(ecrf.LeftOut, it.LinkID, "answers in free text beside the options of an open choice")
	}
	if codes := x.codes(it); len(codes) > 0 {
		d.CodeList = x.list(it, codes)
		return
	}
	d.Type = ecrf.Text
	x.draft.Remark(ecrf.Changed, cmp.Or(it.AnswerValueSet, it.LinkID), "the options are not in the file; the item is a text ("+it.LinkID+")")
}

// list adds the code list of the options, once for a value set.
func (x *reader) list(it *item, codes []ecrf.Code) string {
	name, want := it.LinkID, linkName("list", it.LinkID)
	if it.AnswerValueSet != "" {
		name, want = it.AnswerValueSet, strings.TrimPrefix(it.AnswerValueSet, "#")
		if i := strings.LastIndexByte(want, '/'); i >= 0 {
			want = want[i+1:]
		}
	}
	if !x.lists[name] {
		x.lists[name] = true
		x.draft.CodeLists = append(x.draft.CodeLists, ecrf.DraftCodeList{Name: name, Want: want, Inline: it.AnswerValueSet == "", Codes: codes})
	}
	return name
}

// codes returns the options of a question.
func (x *reader) codes(it *item) []ecrf.Code {
	if it.AnswerValueSet != "" {
		return x.valueSet(it.AnswerValueSet)
	}
	var codes []ecrf.Code
	for _, o := range it.AnswerOption {
		switch {
		case o.ValueCoding != nil:
			codes = append(codes, codeOf(*o.ValueCoding))
		default:
			text := cmp.Or(o.ValueString, o.ValueInteger.String(), o.ValueDate, o.ValueTime)
			if o.ValueReference != nil {
				text = o.ValueReference.Reference
			}
			codes = append(codes, ecrf.Code{Value: text, Label: text})
		}
	}
	return codes
}

func codeOf(c coding) ecrf.Code {
	code := cmp.Or(c.Code, c.Display)
	return ecrf.Code{Value: code, Label: cmp.Or(c.Display, code)}
}

// valueSet returns the codes of a contained value set, each of which is read once.
func (x *reader) valueSet(url string) []ecrf.Code {
	codes, known := x.sets[url]
	if !known {
		codes = x.contained(url)
		x.sets[url] = codes
	}
	return codes
}

func (x *reader) contained(url string) []ecrf.Code {
	i := slices.IndexFunc(x.resource.Contained, func(v valueSet) bool {
		return v.ResourceType == "ValueSet" && (v.ID != "" && "#"+v.ID == url || v.URL != "" && v.URL == url)
	})
	if i < 0 {
		return nil
	}
	list, ok := x.resource.Contained[i].codes()
	if !ok {
		return nil
	}
	var codes []ecrf.Code
	for _, c := range list {
		codes = append(codes, codeOf(c))
	}
	return codes
}

const maxChoiceLabel = 2000

// options makes a yes or no of each option of a choice with any number of answers.
func (x *reader) options(it *item) []ecrf.DraftItem {
	var items []ecrf.DraftItem
	label := it.label()
	if len(label) > maxChoiceLabel { // it stands before the label of each option
		label = strings.ToValidUTF8(label[:maxChoiceLabel], "") + "…"
		x.draft.Remark(ecrf.Changed, it.LinkID, "the text of a choice is longer than 2000 characters and was cut")
	}
	for _, c := range x.codes(it) {
		if x.items++; x.items > maxItems {
			break
		}
		items = append(items, ecrf.DraftItem{
			Name: it.LinkID + " " + c.Value, Want: linkName("item", it.LinkID) + "_" + c.Value, Label: label + ": " + c.Label, Type: ecrf.Boolean,
		})
	}
	x.draft.Remark(ecrf.Changed, it.LinkID, "a choice with any number of answers became one yes or no per option")
	if it.Required {
		x.draft.Remark(ecrf.LeftOut, it.LinkID, "that one of the options is required")
	}
	return items
}

func (x *reader) number(it *item, d *ecrf.DraftItem) {
	if d.Type == ecrf.Decimal {
		d.Decimals = assumedDecimals
		if e, ok := it.extensionNamed("maxDecimalPlaces"); !ok {
			x.draft.Remark(ecrf.Assumed, it.LinkID, "3 decimals, because the source does not limit them; values are rounded to them")
		} else if n, err := e.ValueInteger.Int64(); err == nil && n >= 0 && n < 100 {
			d.Decimals = int(n)
		}
	}
	if e, ok := it.extensionNamed("questionnaire-unit"); ok && e.ValueCoding != nil {
		x.unit(it, d, *e.ValueCoding)
	} else if e, ok := it.extensionNamed("questionnaire-unitOption"); ok && e.ValueCoding != nil {
		x.unit(it, d, *e.ValueCoding)
		x.draft.Remark(ecrf.Look, it.LinkID, "the questionnaire offers several units; the first counts")
	}
}

func (x *reader) unit(it *item, d *ecrf.DraftItem, c coding) {
	if ucum.Validate(c.Code) == nil && c.Code != "" {
		d.Unit = c.Code
		return
	}
	d.Note = "unit: " + cmp.Or(c.Code, c.Display)
	x.draft.Remark(ecrf.LeftOut, it.LinkID, fmt.Sprintf("the unit %q, which is no UCUM code", cmp.Or(c.Code, c.Display)))
}

// bounds takes over the extensions minValue and maxValue.
func (x *reader) bounds(it *item, d *ecrf.DraftItem) {
	if e, ok := it.extensionNamed("minValue"); ok {
		d.Min = spell(d.Type, e.value())
	}
	if e, ok := it.extensionNamed("maxValue"); ok {
		d.Max = spell(d.Type, e.value())
	}
}

// spell spells a bound of date and time without its zone, which a form does not have.
func spell(t ecrf.Type, value string) string {
	const local = len("2006-01-02T15:04:05")
	if t == ecrf.DateTime && len(value) > local {
		return value[:local]
	}
	if t == ecrf.DateTime && len(value) == len("2006-01-02") {
		return value + "T00:00:00"
	}
	return value
}
