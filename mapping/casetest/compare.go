package casetest

import (
	"fmt"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// filled is a casebook under comparison.
type filled struct {
	instances []ecrf.Instance
	originals map[string]string
}

// compare returns what is expected and what is there, in words.
func (f filled) compare(e expectation) (want, got string, same bool) {
	var of []ecrf.Instance
	for _, in := range f.instances {
		if in.Form == e.form.Name && (e.event == "" || in.Event == e.event) {
			of = append(of, in)
		}
	}
	if e.is == isCount {
		return count(e.count), count(len(of)), len(of) == e.count
	}
	want = e.words()
	n := max(e.instance, 1)
	if n > len(of) {
		return want, fmt.Sprintf("no such instance: form %s has %s", e.form.Name, count(len(of))), false
	}
	for _, cell := range of[n-1].Cells {
		if cell.Item == e.item.Name {
			return want, f.words(cell), e.holds(cell)
		}
	}
	return want, "no cell: no rule fills the item", false
}

func count(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}

func (e expectation) holds(c ecrf.Cell) bool {
	switch e.is {
	case isPresent:
		return c.Value != ""
	case isMissing:
		return c.Missing == e.missing
	}
	return c.Value == e.value
}

func (e expectation) words() string {
	switch e.is {
	case isPresent:
		return "any value"
	case isMissing:
		return "missing: " + string(e.missing)
	}
	return e.value
}

// words tells a cell's content and where it comes from. Originals are shown: they are the user's own test data.
func (f filled) words(c ecrf.Cell) string {
	text := c.Value
	if text == "" {
		text = "missing: " + string(c.Missing)
	}
	p := c.Provenance
	if p.Resource == "" {
		return text
	}
	from := p.Resource
	if name, ok := f.originals[p.Resource]; ok {
		from = name
	}
	text += "  (from " + from
	if p.Path != "" {
		text += ", " + strings.Join(strings.Fields(p.Path), " ")
	}
	if p.OriginalValue != "" {
		text += ", written " + strings.TrimSpace(p.OriginalValue+" "+p.OriginalUnit)
	}
	return text + ")"
}
