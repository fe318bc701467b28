package ecrf

import (
	"cmp"
	"slices"
	"strings"
)

// item makes a valid item. What its type cannot have is left out and remarked.
func (b *drafter) item(from *DraftItem, form string) Item {
	it := Item{Type: from.Type, Required: from.Required, Name: b.itemNames.name(wanted(from.Name, from.Want), form)}
	it.Label = cmp.Or(b.label("item", from.Name, from.Label), it.Name)
	b.comments.Sources.Items[it.Name] = from.Name
	b.comments.Items[it.Name] = joinComment(b.source("item", from.Name, it.Name), from.Note)
	if !slices.Contains(Types(), it.Type) {
		it.Type = Text
		b.remark(Changed, from.Name, "the item's type %q is none of a dictionary; it is a text", string(from.Type))
	}
	if it.Type == Choice {
		b.choice(from, &it)
	}
	b.numbers(from, &it)
	b.length(from, &it)
	b.bounds(from, &it)
	return it
}

func joinComment(a, b string) string {
	b, _ = plainText(b)
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func (b *drafter) choice(from *DraftItem, it *Item) {
	it.CodeList = b.lists[from.CodeList]
	if it.CodeList == "" {
		it.Type = Text
		b.remark(Changed, from.Name, "the choice has no code list that could be taken over; it is a text")
	}
}

func (b *drafter) numbers(from *DraftItem, it *Item) {
	numeric := it.Type == Integer || it.Type == Decimal
	if unit, _ := plainText(from.Unit); unit != "" {
		if numeric {
			it.Unit = unit
		} else {
			b.remark(LeftOut, from.Name, "the unit of an item that is no number")
		}
	}
	if it.Type == Decimal {
		it.Decimals = min(max(from.Decimals, 0), maxDecimals)
		if it.Decimals != from.Decimals {
			b.remark(Changed, from.Name, "a dictionary has 0 to 12 decimals")
		}
	}
}

func (b *drafter) length(from *DraftItem, it *Item) {
	switch {
	case from.Length == 0 || from.Length == MaxText || it.Type != Text:
	case from.Length < 1 || from.Length > MaxText:
		b.remark(LeftOut, from.Name, "a length that a dictionary cannot have")
	default:
		it.Length = from.Length
	}
}

func (b *drafter) bounds(from *DraftItem, it *Item) {
	it.Min, it.Max = b.bound(from, it, from.Min), b.bound(from, it, from.Max)
	if it.Min != "" && it.Max != "" && it.compare(it.Min, it.Max) > 0 {
		it.Min, it.Max = "", ""
		b.remark(LeftOut, from.Name, "a range whose least value is greater than its greatest")
	}
}

func (b *drafter) bound(from *DraftItem, it *Item, text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if !slices.Contains(attributes["min"], it.Type) {
		b.remark(LeftOut, from.Name, "the range of an item of type %s", it.Type)
		return ""
	}
	spelt, err := it.spellBound(text)
	if err != nil {
		b.remark(LeftOut, from.Name, "a range bound that is no constant of type %s", it.Type)
		return ""
	}
	return spelt
}
