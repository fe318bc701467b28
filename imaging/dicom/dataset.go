package dicom

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Dataset is a set of attributes. The zero Dataset has none.
type Dataset struct{ elements map[Tag]Element }

// Len returns the number of attributes.
func (d Dataset) Len() int { return len(d.elements) }

// Get returns an attribute. One that is there without a value has no values.
func (d Dataset) Get(t Tag) (Element, bool) {
	e, ok := d.elements[t]
	return e, ok
}

// All yields the attributes in the order of their tags.
func (d Dataset) All() iter.Seq2[Tag, Element] {
	return func(yield func(Tag, Element) bool) {
		for _, t := range slices.Sorted(maps.Keys(d.elements)) {
			if !yield(t, d.elements[t]) {
				return
			}
		}
	}
}

// Text returns the first value as text, "" when there is none.
func (d Dataset) Text(t Tag) string { return d.elements[t].Text() }

// Texts returns all values as texts; an empty one among several keeps its place.
func (d Dataset) Texts(t Tag) []string { return d.elements[t].Texts() }

// Number returns the first value as a number.
func (d Dataset) Number(t Tag) (float64, bool) { return d.elements[t].Number() }

// Numbers returns all values as numbers; it is false when there is none, or one is no number.
func (d Dataset) Numbers(t Tag) ([]float64, bool) { return d.elements[t].Numbers() }

// Items returns the items of a sequence.
func (d Dataset) Items(t Tag) []Dataset { return d.elements[t].Items() }

// Item returns the first item of a sequence, the empty Dataset when there is none.
func (d Dataset) Item(t Tag) Dataset {
	if items := d.Items(t); len(items) > 0 {
		return items[0]
	}
	return Dataset{}
}

// Private returns the attribute of a private block: element is the last byte of its tag, such as 0x0D of (0009,xx0D). The
// block is the one that the creator reserved in this dataset (PS3.5, 7.8.1).
func (d Dataset) Private(group uint16, creator string, element byte) (Element, bool) {
	if group%2 == 0 {
		return Element{}, false
	}
	for block := Tag(0x10); block <= 0xFF; block++ {
		if !strings.EqualFold(d.Text(Tag(group)<<16|block), creator) {
			continue
		}
		if e, ok := d.elements[Tag(group)<<16|block<<8|Tag(element)]; ok {
			return e, true
		}
	}
	return Element{}, false
}

// Only returns the attributes with one of the tags, whole.
func (d Dataset) Only(tags ...Tag) Dataset {
	kept := Dataset{elements: make(map[Tag]Element, len(tags))}
	for _, t := range tags {
		if e, ok := d.elements[t]; ok {
			kept.elements[t] = e
		}
	}
	return kept
}

// String tells how many attributes there are.
func (d Dataset) String() string { return fmt.Sprintf("%d attributes", d.Len()) }

// GoString is String: %#v prints nothing of the content.
func (d Dataset) GoString() string { return d.String() }

// Format is String for every verb.
func (d Dataset) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, d.String()) }

// MarshalText writes String, so that no encoder prints the content.
func (d Dataset) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Element is one attribute. It prints nothing of what it holds.
type Element struct {
	VR     string
	values []value
	binary []byte
	bulk   bool
}

// value is one value: a text, a number as it was written, the groups of a person's name, or an item of a sequence. The
// zero value is a missing one among several.
type value struct {
	text  string
	name  *Name
	items *Dataset
}

// Name is a person's name in the three forms that it may have (PS3.5, 6.2.1).
type Name struct{ Alphabetic, Ideographic, Phonetic string }

// Len returns the number of values.
func (e Element) Len() int { return len(e.values) }

// Bulk reports whether the server keeps the value elsewhere and sent an address of it. Nothing is fetched from there.
func (e Element) Bulk() bool { return e.bulk }

// Binary returns a value that was sent as bytes. The caller must not change it.
func (e Element) Binary() ([]byte, bool) { return e.binary, e.binary != nil }

// Text returns the first value as text, "" when there is none. The text of a name is its alphabetic form.
func (e Element) Text() string {
	if texts := e.Texts(); len(texts) > 0 {
		return texts[0]
	}
	return ""
}

// Texts returns all values as texts, without the padding around them. An attribute whose VR the server did not know (UN)
// has the text that its bytes spell, if they are printable.
func (e Element) Texts() []string {
	if len(e.values) == 0 && e.VR == "UN" {
		return spelt(e.binary)
	}
	texts := make([]string, 0, len(e.values))
	for _, v := range e.values {
		text := v.text
		if v.name != nil {
			text = v.name.Alphabetic
		}
		texts = append(texts, trim(text))
	}
	return texts
}

// Names returns the persons' names.
func (e Element) Names() []Name {
	var names []Name
	for _, v := range e.values {
		if v.name != nil {
			names = append(names, *v.name)
		}
	}
	return names
}

// Items returns the items of a sequence.
func (e Element) Items() []Dataset {
	var items []Dataset
	for _, v := range e.values {
		if v.items != nil {
			items = append(items, *v.items)
		}
	}
	return items
}

func spelt(b []byte) []string {
	text := trim(string(b))
	if text == "" || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil
	}
	parts := strings.Split(text, `\`)
	for i := range parts {
		parts[i] = trim(parts[i])
	}
	return parts
}

// trim cuts spaces, and the NUL that pads to an even length (PS3.5, 6.2).
func trim(s string) string { return strings.Trim(s, " \t\r\n\x00") }

// String, GoString, Format and MarshalText tell the VR and the number of values.
func (e Element) String() string { return fmt.Sprintf("%d values", len(e.values)) }

// GoString is String.
func (e Element) GoString() string { return e.String() }

// Format is String for every verb.
func (e Element) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, e.String()) }

// MarshalText writes String.
func (e Element) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Equal reports whether two attributes have the same values, whatever their VR.
func (e Element) Equal(o Element) bool {
	return slices.Equal(e.Texts(), o.Texts()) && bytes.Equal(e.binary, o.binary) && len(e.Items()) == 0 && len(o.Items()) == 0
}
