package fhir_test

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
)

// built fills a table of a builder.
func built(b *fhir.Builder, fill func()) *fhir.Table {
	t := &fhir.Table{}
	b.Reset(t)
	b.Object(fhir.Name{})
	fill()
	b.End()
	b.Finish()
	return t
}

func TestWhatStaysEmptyLeavesNoTrace(t *testing.T) {
	names := &fhir.Names{}
	b := fhir.NewBuilder(names)
	table := built(b, func() {
		b.String(names.Name("id"), "1")
		b.Object(names.Name("code"))
		b.Array(names.Name("coding"))
		b.Object(fhir.Name{})
		b.EndIfAny()
		b.EndIfAny()
		b.EndIfAny()
		b.Array(names.Name("extension"))
		b.Extension(names.Name("url"), "http://example.org/a")
		b.EndIfAny()
		b.Extension(names.Name("url"), "http://example.org/b")
		b.Bool(names.Name("valueBoolean"), true)
		b.EndIfAny()
		b.EndIfAny()
		b.Array(names.Name("note"))
		b.EndIfAny()
		b.Null(names.Name("end"))
	})
	want := `{"id":"1","extension":[{"url":"http://example.org/b","valueBoolean":true}],"end":null}`
	if got := table.Root().String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if n := table.Root().Get("extension").Len(); n != 1 {
		t.Errorf("the array counts %d elements, want 1", n)
	}
}

func TestATextIsWrittenAgainUntilTheBuilderBeginsAfresh(t *testing.T) {
	names := &fhir.Names{}
	b := fhir.NewBuilder(names)
	b.Fresh(4096)
	var text fhir.Text
	first := built(b, func() { text = b.String(names.Name("system"), "http://loinc.org") })
	again := built(b, func() {
		if !b.Again(names.Name("again"), text) {
			t.Error("the text of the table before is refused")
		}
	})
	b.Fresh(0)
	after := built(b, func() {
		if b.Again(names.Name("system"), text) {
			t.Error("a text of before Fresh is written again")
		}
	})
	for table, want := range map[*fhir.Table]string{first: `{"system":"http://loinc.org"}`, again: `{"again":"http://loinc.org"}`, after: `{}`} {
		if got := table.Root().String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestTablesKeepTheirTextWhenLaterOnesAreWritten(t *testing.T) {
	names := &fhir.Names{}
	b := fhir.NewBuilder(names)
	var tables []*fhir.Table
	var want []string
	for i := range 200 {
		value := strings.Repeat(string(rune('a'+i%26)), 50*i)
		tables = append(tables, built(b, func() { b.Bytes(names.Name("v"), []byte(value)) }))
		want = append(want, value)
	}
	for i, table := range tables {
		if table.Root().Get("v").Text() != want[i] {
			t.Fatalf("the text of table %d has changed", i)
		}
	}
}
