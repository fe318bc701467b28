package fhir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/crflink/crflink/fhir"
)

var seeds = []string{
	`{"a":[1,2,{"b":"c"}],"_a":[null,{"id":"x"}]}`, `{"a":1e5,"b":"\ud83d\ude00","c":-0.0,"d":1E+2}`, `{"_x":{},"x":null}`, `{"_":1}`, `{"__a":{"id":"1"}}`,
	`{"a":["x"],"_a":[null,{"id":"1"},null]}`, `{"_a":[null]}`, `{"a":{"b":[[],{}]},"_a":{"id":"1"}}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"\u005fa":{"id":"1"},"a":"é\ufffd"}`,
	`{"a":"\ud800"}`, `{"a":01}`, `[1]`, `{"k1":1,"k2":1,"k3":1,"k4":1,"k5":1,"k6":1,"k7":1,"k8":1,"k9":1,"ka":1,"kb":1,"kc":1,"kd":1,"ke":1,"kf":1,"kg":1,"kh":1,"k1":2}`,
}

// FuzzTable: a text is accepted if and only if encoding/json accepts it and it is an object that keeps the stricter rules
// (distinct names, UTF-8, whole surrogate pairs: RFC 7493, judged by jsontext; depth and name length: counted here). What
// was accepted has the same values as for encoding/json, numbers by their text, and is read back as it was written.
func FuzzTable(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var table fhir.Table
		err := table.Parse(text)
		if want := acceptable(text); (err == nil) != want {
			t.Fatalf("%q: %v, but it is acceptable: %v", text, err, want)
		}
		if err != nil {
			var syntax *fhir.SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(text) {
				t.Fatalf("%q: %#v has no position in the text", text, err)
			}
			return
		}
		written := table.Root().String()
		if want, got := decode(t, text), decode(t, written); !reflect.DeepEqual(paired(want), paired(got)) {
			t.Fatalf("%q was written as %q", text, written)
		}
		var again, built fhir.Table
		if err := again.Parse(written); err != nil {
			t.Fatalf("%q was written as %q, which is refused: %v", text, written, err)
		}
		if s := again.Root().String(); s != written {
			t.Fatalf("wrote %q, then %q", written, s)
		}
		names := &fhir.Names{}
		b := fhir.NewBuilder(names)
		b.Reset(&built)
		rebuild(b, names, "", again.Root())
		b.Finish()
		if s := built.Root().String(); s != written {
			t.Fatalf("built %q from %q", s, written)
		}
	})
}

func acceptable(text string) bool {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	return json.Valid([]byte(text)) && jsontext.Value(text).IsValid() && trimmed[0] == '{' && withinLimits(text)
}

func withinLimits(text string) bool {
	d := jsontext.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if kind, n := d.StackIndex(d.StackDepth()); kind == '{' && n%2 == 1 && token.Kind() == '"' && len(token.String()) > 65535 {
			return false
		}
		if d.StackDepth() > fhir.DefaultLimits.Depth {
			return false
		}
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json refuses %q: %v", text, err)
	}
	return v
}

// paired brings x and `_x` into one form: arrays of the same length, and no value that is only a place for extensions.
func paired(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = paired(v[i])
		}
	case map[string]any:
		for name, value := range v {
			v[name] = paired(value)
		}
		for name := range v {
			if len(name) > 1 && name[0] == '_' {
				pairOf(v, name)
			}
		}
	}
	return v
}

func pairOf(m map[string]any, name string) {
	exts, isArray := m[name].([]any)
	x, exists := m[name[1:]]
	if !isArray {
		if _, object := m[name].(map[string]any); object && exists && x == nil {
			delete(m, name[1:])
		}
		return
	}
	values, valuesArray := x.([]any)
	if len(exts) == 0 || !only(exts, true) || exists && (!valuesArray || !only(values, false)) {
		return
	}
	for len(values) < len(exts) {
		values = append(values, nil)
	}
	for len(exts) < len(values) {
		exts = append(exts, nil)
	}
	m[name], m[name[1:]] = exts, values
	switch {
	case allNull(exts):
		delete(m, name)
	case allNull(values):
		delete(m, name[1:])
	}
}

// only reports whether all elements are objects or null, or else primitives or null.
func only(list []any, objects bool) bool {
	for _, e := range list {
		_, object := e.(map[string]any)
		_, array := e.([]any)
		if e != nil && (object != objects || array) {
			return false
		}
	}
	return true
}

func allNull(list []any) bool {
	for _, e := range list {
		if e != nil {
			return false
		}
	}
	return true
}

// rebuild writes a node through a builder, extensions as `_x` members.
func rebuild(b *fhir.Builder, names *fhir.Names, name string, n fhir.Node) {
	switch n.Kind() {
	case fhir.Object:
		b.Object(names.Name(name))
		for m := range n.Children() {
			rebuild(b, names, m.Key(), m)
			rebuildExtensions(b, names, m)
		}
		b.End()
	case fhir.Array:
		b.Array(names.Name(name))
		for e := range n.Children() {
			rebuild(b, names, "", e)
		}
		b.End()
	default:
		b.Copy(names.Name(name), n)
	}
}

func rebuildExtensions(b *fhir.Builder, names *fhir.Names, m fhir.Node) {
	switch m.Kind() {
	case fhir.Object:
	case fhir.Array:
		any := false
		for e := range m.Children() {
			any = any || e.Kind() != fhir.Object && e.Extensions().Exists()
		}
		if !any {
			return
		}
		b.Array(names.Name("_" + m.Key()))
		for e := range m.Children() {
			if x := e.Extensions(); x.Exists() && e.Kind() != fhir.Object {
				rebuild(b, names, "", x)
			} else {
				b.Null(fhir.Name{})
			}
		}
		b.End()
	default:
		if x := m.Extensions(); x.Exists() {
			rebuild(b, names, "_"+m.Key(), x)
		}
	}
}
