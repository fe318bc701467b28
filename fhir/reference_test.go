package fhir_test

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
)

func TestReferencesOfEveryForm(t *testing.T) {
	id64 := strings.Repeat("a", 64)
	for text, want := range map[string]fhir.Reference{
		"":                        {},
		"Patient/p1":              {Form: fhir.Relative, Type: "Patient", ID: "p1"},
		"Patient/p1/_history/2":   {Form: fhir.Relative, Type: "Patient", ID: "p1", Version: "2"},
		"Patient/A-1.b":           {Form: fhir.Relative, Type: "Patient", ID: "A-1.b"},
		"Patient/" + id64:         {Form: fhir.Relative, Type: "Patient", ID: id64},
		"Patient/" + id64 + "a":   {Form: fhir.OtherURL},
		"Patient/p_1":             {Form: fhir.OtherURL},
		"patient/p1":              {Form: fhir.OtherURL},
		"Patient":                 {Form: fhir.OtherURL},
		"Patient/":                {Form: fhir.OtherURL},
		"p1":                      {Form: fhir.OtherURL},
		"x/Patient/p1":            {Form: fhir.OtherURL},
		"http://h/fhir/Patient/1": {Form: fhir.Absolute, Base: "http://h/fhir", Type: "Patient", ID: "1"},
		"https://h:8443/a/b/Patient/1/_history/x":       {Form: fhir.Absolute, Base: "https://h:8443/a/b", Type: "Patient", ID: "1", Version: "x"},
		"http://h/Patient/1/extra":                      {Form: fhir.OtherURL},
		"http://h":                                      {Form: fhir.OtherURL},
		"urn:uuid:c757873d-ec9a-4326-a141-556f43239520": {Form: fhir.URN, ID: "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
		"urn:oid:1.2.3":                                 {Form: fhir.URN, ID: "urn:oid:1.2.3"},
		"#p":                                            {Form: fhir.Contained, ID: "p"},
		"#":                                             {Form: fhir.Contained},
		"Patient?identifier=s|v":                        {Form: fhir.Conditional, Type: "Patient", Query: "identifier=s|v"},
		"http://h/f/Patient?identifier=s|a/":            {Form: fhir.Conditional, Base: "http://h/f", Type: "Patient", Query: "identifier=s|a/"},
		"?identifier=v":                                 {Form: fhir.OtherURL},
	} {
		if got := fhir.ParseReference(text); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

func TestOnlyLiteralReferencesHaveAKey(t *testing.T) {
	for text, want := range map[string]string{"Patient/1": "Patient/1", "http://h/Patient/1/_history/3": "Patient/1", "#a": "", "urn:uuid:1": "", "Patient?a=b": "", "": ""} {
		k, ok := fhir.ParseReference(text).Key()
		if ok != (want != "") || ok && k.String() != want {
			t.Errorf("%q has the key %v, %v; want %q", text, k, ok, want)
		}
	}
}

func TestVersionsAreCutOffCanonicals(t *testing.T) {
	for text, want := range map[string]string{"http://x/P|2024": "http://x/P", "http://x/P": "http://x/P", "": "", "|1": ""} {
		if got := fhir.TrimVersion(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// FuzzReference: the parts of a literal reference, put together again, are the same reference.
func FuzzReference(f *testing.F) {
	for _, s := range []string{"Patient/1", "http://h/f/Patient/1/_history/2", "#x", "urn:uuid:1", "Patient?x=y", "/Patient/1", "//Patient/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := fhir.ParseReference(text)
		k, ok := r.Key()
		if !ok {
			return
		}
		if !fhir.IsID(k.ID) {
			t.Fatalf("%q has the id %q", text, k.ID)
		}
		again := k.String()
		if r.Form == fhir.Absolute {
			again = r.Base + "/" + again
		}
		if r.Version != "" {
			again += "/_history/" + r.Version
		}
		if b := fhir.ParseReference(again); r.Form == fhir.Absolute && b != r || b.Type != r.Type || b.ID != r.ID || b.Version != r.Version {
			t.Fatalf("%q is %+v, %q is %+v", text, r, again, b)
		}
	})
}
