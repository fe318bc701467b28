package fhir

import "strings"

// ReferenceForm is the form in which a reference was written (FHIR R4, References).
type ReferenceForm uint8

// The forms of references.
const (
	NoReference ReferenceForm = iota
	Relative                  // Patient/p1, Patient/p1/_history/2
	Absolute                  // https://host/fhir/Patient/p1
	URN                       // urn:uuid:…, urn:oid:…
	Contained                 // #id; # alone is the container
	Conditional               // Patient?identifier=system|value
	OtherURL                  // a URL without a recognisable resource type and id
)

// Reference is a parsed Reference.reference. Which members are filled depends on the form.
type Reference struct {
	Form    ReferenceForm
	Base    string // Absolute: the service's base URL without a trailing slash
	Type    string // Relative, Absolute, Conditional
	ID      string // Relative, Absolute: the id; Contained: the id in the container; URN: the whole URN
	Version string // Relative, Absolute: behind _history
	Query   string // Conditional: behind the question mark
}

// ParseReference reads the text of a reference.
func ParseReference(s string) Reference {
	switch {
	case s == "":
		return Reference{}
	case s[0] == '#':
		return Reference{Form: Contained, ID: s[1:]}
	case strings.HasPrefix(s, "urn:"):
		return Reference{Form: URN, ID: s}
	}
	path, query, conditional := strings.Cut(s, "?")
	if conditional {
		base, typ := cutLast(path)
		if !isTypeName(typ) {
			return Reference{Form: OtherURL}
		}
		return Reference{Form: Conditional, Base: base, Type: typ, Query: query}
	}
	return literalReference(s)
}

func literalReference(s string) Reference {
	rest, version := s, ""
	if i := strings.LastIndex(s, "/_history/"); i >= 0 {
		rest, version = s[:i], s[i+len("/_history/"):]
	}
	head, id := cutLast(rest)
	base, typ := cutLast(head)
	if !isTypeName(typ) || !IsID(id) {
		return Reference{Form: OtherURL}
	}
	r := Reference{Form: Relative, Base: base, Type: typ, ID: id, Version: version}
	switch {
	case strings.Contains(base, "://"):
		r.Form = Absolute
	case strings.Trim(base, "/") != "":
		return Reference{Form: OtherURL}
	}
	return r
}

// cutLast splits at the last slash.
func cutLast(s string) (before, after string) {
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}

func isTypeName(s string) bool {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for _, c := range []byte(s) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

// IsID reports whether s is a FHIR id: 1 to 64 of A-Z a-z 0-9 - and . (FHIR R4, Datatypes: id).
func IsID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !(c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// Key is the identity of a resource on its server: type and id.
type Key struct{ Type, ID string }

// String writes the relative reference.
func (k Key) String() string { return k.Type + "/" + k.ID }

// Key returns the type and id that a relative or absolute reference names; ok is false for the other forms.
func (r Reference) Key() (k Key, ok bool) {
	if r.Form == Relative || r.Form == Absolute {
		return Key{r.Type, r.ID}, true
	}
	return Key{}, false
}

// TrimVersion cuts the version off a canonical URL: profiles are compared without it, because servers write
// them with and without.
func TrimVersion(canonical string) string {
	url, _, _ := strings.Cut(canonical, "|")
	return url
}
