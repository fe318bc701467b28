package ecrf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

func (p *parser) item(v yamldoc.Value, form string) Item {
	f := v.Fields("name", "label", "type", "unit", "decimals", "min", "max", "length", "codelist", "required")
	it := Item{
		Name: p.name(v, f, "an item"), Type: p.itemType(v, f), Unit: f["unit"].Text(), Decimals: f["decimals"].Int(),
		Length: f["length"].Int(), CodeList: f["codelist"].Text(), Required: f["required"].Bool(),
	}
	it.Label = label(f, it.Name)
	it.At.Line, it.At.Col = v.Pos()
	p.uniqueItem(f["name"], it.Name, form)
	p.applicable(f, it)
	p.codes(v, f, it)
	it.Min, it.Max = p.bound(f["min"], it), p.bound(f["max"], it)
	if it.Min != "" && it.Max != "" && it.compare(it.Min, it.Max) > 0 {
		f["min"].Errorf("", "min is greater than max")
	}
	return it
}

func (p *parser) itemType(v yamldoc.Value, f map[string]yamldoc.Value) Type {
	text := p.require(v, f, "type")
	if text == "" || slices.Contains(Types(), Type(text)) {
		return Type(text)
	}
	var known []string
	for _, t := range Types() {
		known = append(known, string(t))
	}
	f["type"].Errorf(finding.DidYouMean(text, known), "no item type is named %q", text)
	return ""
}

func (p *parser) uniqueItem(v yamldoc.Value, name, form string) {
	if name == "" {
		return
	}
	if slices.Contains(reservedNames, name) || strings.HasSuffix(name, "_complete") {
		v.Errorf("choose another name; eCRF systems and our tables use this one for themselves", "%q is a reserved name", name)
	}
	if other, taken := p.names[name]; taken {
		v.Errorf("item names are unique over all forms, as in REDCap", "item %q is in form %q already", name, other)
		return
	}
	p.names[name] = form
}

// attributes lists which types may have which attribute.
var attributes = map[string][]Type{
	"unit":     {Integer, Decimal},
	"decimals": {Decimal},
	"min":      {Integer, Decimal, Date, PartialDate, DateTime},
	"max":      {Integer, Decimal, Date, PartialDate, DateTime},
	"length":   {Text},
	"codelist": {Choice},
}

func (p *parser) applicable(f map[string]yamldoc.Value, it Item) {
	for key, types := range attributes {
		if it.Type != "" && f[key].Exists() && !slices.Contains(types, it.Type) {
			f[key].Errorf("remove it", "an item of type %s has no %s", it.Type, key)
		}
	}
	if it.Decimals < 0 || it.Decimals > maxDecimals {
		f["decimals"].Errorf("", "decimals is between 0 and %d", maxDecimals)
	}
	if f["length"].Exists() && (it.Length < 1 || it.Length > MaxText) {
		f["length"].Errorf("", "length is between 1 and %d", MaxText)
	}
}

func (p *parser) codes(v yamldoc.Value, f map[string]yamldoc.Value, it Item) {
	if it.Type != Choice {
		return
	}
	if !f["codelist"].Exists() {
		v.Errorf("name one of codelists", "an item of type choice needs a codelist")
		return
	}
	var known []string
	for _, l := range p.d.CodeLists {
		known = append(known, l.Name)
	}
	if !slices.Contains(known, it.CodeList) {
		f["codelist"].Errorf(finding.DidYouMean(it.CodeList, known), "no code list is named %q", it.CodeList)
	}
}

// bound returns a range bound in canonical text. It may have more decimals than the item.
func (p *parser) bound(v yamldoc.Value, it Item) string {
	if !v.Exists() || !slices.Contains(attributes["min"], it.Type) || it.Decimals < 0 || it.Decimals > maxDecimals {
		return ""
	}
	spelt, err := it.spellBound(strings.TrimSpace(v.Text()))
	if err != nil {
		v.Errorf(fmt.Sprintf("write a value of type %s", it.Type), "%s: %v", v.Key(), err)
	}
	return spelt
}

// spellBound returns a range bound in canonical text, with the decimals of the item or as many more as it is written with.
func (it *Item) spellBound(text string) (string, error) {
	if it.Type != Decimal {
		return it.spell(text)
	}
	_, fraction, _ := strings.Cut(text, ".")
	return spellNumber(text, min(max(it.Decimals, len(fraction)), maxNumber), true)
}
