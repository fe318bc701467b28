package ecrf

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// texts are what labels and codes look like in the wild, and what YAML readers stumble over.
func someText(t *rapid.T, label string) string {
	s := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{"yes", "No", "null", "~", "1", "0x1F", "1e3", "2024-01-01", "a: b", "a #b", "- a", "{a}", "[a]", "'", "\"", "\\", "%a", "@a", "`a", "|", ">", "&a", "*a", "!a", "?", "<5", "a, b", "Größe (cm)", "a\nb", "\u2028", "=", ".5", ".inf", ".NaN", "012", "+1", "1_000", "12:30:45", "<<"}),
	).Draw(t, label)
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if forbidden(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))), " ")
}

// someDraft is a foreign study with arbitrary names and texts.
func someDraft(t *rapid.T) *Draft {
	d := &Draft{Version: someText(t, "version")}
	for i := range rapid.IntRange(0, 3).Draw(t, "lists") {
		l := DraftCodeList{Name: string(rune('A' + i)), Inline: rapid.Bool().Draw(t, "inline")}
		for range rapid.IntRange(0, 4).Draw(t, "codes") {
			l.Codes = append(l.Codes, Code{someText(t, "code"), someText(t, "label")})
		}
		d.CodeLists = append(d.CodeLists, l)
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "forms") {
		f := DraftForm{Name: string(rune('F'+i)) + someText(t, "form"), Label: rapid.String().Draw(t, "label"), Repeating: rapid.Bool().Draw(t, "repeating")}
		for range rapid.IntRange(0, 5).Draw(t, "items") {
			f.Items = append(f.Items, someItem(t))
		}
		if rapid.Bool().Draw(t, "group") {
			f.Groups = append(f.Groups, DraftForm{Name: someText(t, "group"), Repeating: true, Items: []DraftItem{someItem(t)}})
		}
		d.Forms = append(d.Forms, f)
	}
	for range rapid.IntRange(0, 2).Draw(t, "events") {
		e := DraftEvent{Name: someText(t, "event"), Repeating: rapid.Bool().Draw(t, "repeats")}
		for _, f := range d.Forms {
			if rapid.Bool().Draw(t, "in") {
				e.Forms = append(e.Forms, f.Name)
			}
		}
		d.Events = append(d.Events, e)
	}
	return d
}

func someItem(t *rapid.T) DraftItem {
	bound := rapid.OneOf(rapid.SampledFrom([]string{"", "0", "-1.50", "100", "2024-02-29", "2024", "2024-01-01T00:00:00", "today", "1e3", "-0"}), rapid.String())
	return DraftItem{
		Name: someText(t, "item"), Label: rapid.String().Draw(t, "label"), Type: rapid.SampledFrom(append(Types(), "other")).Draw(t, "type"),
		Unit:     rapid.SampledFrom([]string{"", "mg/dL", "10*9/L", "[iU]/L", "%", "{score}"}).Draw(t, "unit"),
		Decimals: rapid.IntRange(-1, 14).Draw(t, "decimals"), Min: bound.Draw(t, "min"), Max: bound.Draw(t, "max"),
		Length: rapid.IntRange(-1, MaxText+1).Draw(t, "length"), CodeList: rapid.SampledFrom([]string{"", "A", "B", "C"}).Draw(t, "list"),
		Required: rapid.Bool().Draw(t, "required"), Note: rapid.String().Draw(t, "note"),
		Skip: rapid.SampledFrom([]string{"", "", "", "calculated"}).Draw(t, "skip"),
	}
}

func TestADictionaryThatIsWrittenAndReadAgainIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, comments, _, err := someDraft(t).Dictionary("some-study")
		if err != nil {
			t.Skip(err)
		}
		comments.Head = []string{rapid.String().Draw(t, "head")}
		var first, second strings.Builder
		if err := WriteDictionary(&first, d, comments); err != nil {
			t.Fatal(err)
		}
		again, _, err := ParseDictionary("dictionary.yaml", []byte(first.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, first.String())
		}
		if d.Hash() != again.Hash() {
			t.Fatalf("the dictionary changed:\n%s", first.String())
		}
		if err := WriteDictionary(&second, again, comments); err != nil || first.String() != second.String() {
			t.Fatalf("written again it differs (%v):\n%s\n%s", err, first.String(), second.String())
		}
	})
}

func TestTheSameDraftGivesTheSameDictionary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := someDraft(t)
		a, _, reportA, errA := d.Dictionary("s")
		b, _, reportB, errB := d.Dictionary("s")
		if (errA == nil) != (errB == nil) || len(reportA) != len(reportB) || a != nil && a.Hash() != b.Hash() {
			t.Fatal("two dictionaries of one draft differ")
		}
	})
}

// Nothing is lost silently: each item of the draft is an item of the dictionary or stands in the report.
func TestEveryItemIsTakenOverOrReported(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draft := someDraft(t)
		d, _, report, err := draft.Dictionary("s")
		if err != nil {
			t.Skip(err)
		}
		_, items, _ := draft.Count()
		skipped, taken := 0, 0
		for _, r := range report {
			if r.What == "calculated" {
				skipped++
			}
		}
		for _, f := range d.Forms {
			taken += len(f.Items)
		}
		if taken+skipped != items {
			t.Fatalf("%d items of the draft: %d taken over, %d reported", items, taken, skipped)
		}
	})
}
