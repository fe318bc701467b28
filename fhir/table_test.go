package fhir_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"os"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/shared"
)

func parse(t *testing.T, text string) fhir.Node {
	t.Helper()
	var table fhir.Table
	if err := table.Parse(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return table.Root()
}

func TestWrittenJSONEqualsWhatWasRead(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"a":1.00,"b":[true,false,null],"c":{"d":"e"}}`,
		`{"birthDate":"1970","_birthDate":{"extension":[{"url":"u","valueCode":"x"}]}}`,
		`{"_birthDate":{"extension":[{"url":"u","valueCode":"x"}]}}`,
		`{"line":["a","b",null],"_line":[{"id":"1"},null,{"id":"3"}]}`,
		`{"_given":[{"id":"1"},null]}`,
		`{"s":"\"\\\n\u0001äöü€😀"}`,
	} {
		if got := parse(t, text).String(); got != text {
			t.Errorf("read %s\nwrote %s", text, got)
		}
	}
}

func TestExtensionsHangOnTheirPrimitive(t *testing.T) {
	n := parse(t, `{"_birthDate":{"extension":[{"url":"u","valueCode":"x"}]},"line":["a"],"_line":[null,{"id":"2"}],"birthDate":"1970"}`)
	if got := n.Get("birthDate").Extension("u").Get("valueCode").Text(); got != "x" {
		t.Errorf("extension of birthDate: %q", got)
	}
	if n.Len() != 2 {
		t.Errorf("%d members, want birthDate and line", n.Len())
	}
	if got := n.Get("line").Len(); got != 2 {
		t.Errorf("line has %d elements, want 2: the second exists through its extension", got)
	}
}

func TestBadTextIsRefusedWithItsPosition(t *testing.T) {
	for _, c := range []struct {
		text   string
		offset int
	}{
		{``, 0}, {`[]`, 0}, {`{`, 1}, {`{"a":1,}`, 7}, {`{"a":1,"a":2}`, 13}, {`{"a":01}`, 5}, {`{"a":"\ud800"}`, 12},
		{`{"a":"` + "\xff" + `"}`, 6}, {`{"a":"` + "\x01" + `"}`, 6}, {`{"a":1} x`, 8}, {`{"a":NaN}`, 5}, {`{"a":"\x"}`, 6}, {`{"a":1.}`, 7},
	} {
		var table fhir.Table
		var err *fhir.SyntaxError
		if !errors.As(table.Parse(c.text), &err) || err.Offset != c.offset {
			t.Errorf("%q: %v, want an error at byte %d", c.text, err, c.offset)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	file, err := os.Open(shared.Dir(b, "data", "synthea", "slim.ndjson.gz"))
	if err != nil {
		b.Fatal(err)
	}
	z, _ := gzip.NewReader(file)
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<24)
	var lines []string
	size := 0
	for s.Scan() && size < 16<<20 {
		lines = append(lines, s.Text())
		size += len(s.Text())
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var table fhir.Table
	for b.Loop() {
		for _, l := range lines {
			if err := table.Parse(l); err != nil {
				b.Fatal(err)
			}
		}
	}
}
