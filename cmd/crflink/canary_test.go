package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/pseudonym"
)

// Every token begins with one of these, so that finding them finds all tokens, also cut ones. Digits are for UIDs and
// other places where letters are not valid.
const (
	canary       = "QzxjKvwyPlum"
	canaryDigits = "731042691358"
)

// spoiler puts a token into every text of resources that the de-identification profile drops or replaces. Texts that
// name something get the same token wherever they stand.
type spoiler struct {
	profile *pseudonym.Profile
	keep    map[string]bool // identifier systems that the job needs
	names   map[string]string
	tokens  int
}

func newSpoiler(t *testing.T, systems ...string) *spoiler {
	t.Helper()
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	must(t, err)
	s := &spoiler{profile: profile, keep: map[string]bool{"urn:dicom:uid": true, "urn:ietf:rfc:3986": true}, names: map[string]string{}}
	for _, system := range systems {
		s.keep[system] = true
	}
	return s
}

func (s *spoiler) token() string {
	s.tokens++
	return fmt.Sprintf("%s%06d", canary, s.tokens)
}

// text is a token in dress that has to be escaped in JSON, XML, HTML and CSV.
func (s *spoiler) text() string {
	before, after := []string{"", "", "=", "Dr. "}[s.tokens%4], []string{"", ` <b>&"ü"</b>`, "\n", ", 1957"}[s.tokens%4]
	return before + s.token() + after
}

// name returns the token of what a text names.
func (s *spoiler) name(kind, text string) string {
	key := kind + " " + text
	if s.names[key] == "" {
		s.names[key] = s.token()
	}
	return s.names[key]
}

var uidPattern = regexp.MustCompile(`^\s*(?i:urn:oid:)?[0-9]+(\.[0-9]+)+\s*$`)

func (s *spoiler) uid(text string) string {
	text = strings.TrimSpace(text)
	at := strings.LastIndexByte(text, ':') + 1
	prefix, text := text[:at], text[at:]
	key := "uid " + text
	if s.names[key] == "" {
		s.tokens++
		s.names[key] = fmt.Sprintf("1.2.276.0.%s.%d", canaryDigits, s.tokens)
	}
	return prefix + s.names[key]
}

func (s *spoiler) identifier(text string) string {
	if uidPattern.MatchString(text) {
		return s.uid(text)
	}
	return s.name("identifier", text)
}

var referencePattern = regexp.MustCompile(`^((?:.*/)?)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]+)$`)

func (s *spoiler) reference(text string) string {
	if m := referencePattern.FindStringSubmatch(text); m != nil {
		return m[1] + m[2] + "/" + s.name("id", m[3])
	}
	if rest, ok := strings.CutPrefix(text, "#"); ok {
		return "#" + s.name("id", rest)
	}
	return text
}

// resource spoils one resource in place.
func (s *spoiler) resource(v map[string]any) {
	typ, _ := v["resourceType"].(string)
	s.object(typ, v)
}

func (s *spoiler) object(path string, v map[string]any) {
	if typ, ok := v["resourceType"].(string); ok {
		path = typ
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		switch {
		case name == "resourceType":
		case name == "extension" || name == "modifierExtension":
			s.extensions(path, v[name])
		case strings.HasPrefix(name, "_"):
			s.values(path+"."+name[1:], v[name], nil, v)
		default:
			s.values(path+"."+name, v[name], func(x any) { v[name] = x }, v)
		}
	}
}

func (s *spoiler) values(path string, v any, set func(any), parent map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		s.object(path, v)
	case []any:
		for i := range v {
			s.values(path, v[i], func(x any) { v[i] = x }, parent)
		}
	case string:
		if x := s.leaf(path, v, parent); x != v && set != nil {
			set(x)
		}
	}
}

// extensions leaves those that the profile lists as they are.
func (s *spoiler) extensions(path string, v any) {
	list, _ := v.([]any)
	for _, e := range list {
		if ext, ok := e.(map[string]any); ok {
			if link, _ := ext["url"].(string); !s.profile.Extension(path, link) {
				s.everything(ext)
			}
		}
	}
}

// everything spoils all texts below an element that is dropped as a whole.
func (s *spoiler) everything(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if _, ok := x.(string); ok {
				v[name] = s.text()
			} else {
				s.everything(x)
			}
		}
	case []any:
		for _, x := range v {
			s.everything(x)
		}
	}
}

// leaf returns what stands in the place of a text.
func (s *spoiler) leaf(path, text string, parent map[string]any) string {
	typ, _, _ := strings.Cut(path, ".")
	name := path[strings.LastIndexByte(path, '.')+1:]
	system, _ := parent["system"].(string)
	identifies := strings.HasSuffix(strings.TrimSuffix(path, "."+name), "dentifier")
	switch {
	case name == "reference":
		return s.reference(text)
	case identifies && name == "value" && typ == "ResearchSubject" && s.keep[system]:
		return text // the study number: delivered on purpose
	case identifies && name == "value":
		return s.identifier(text)
	case identifies && name == "system" && s.keep[strings.ToLower(text)]:
		return text // the job finds patients by it
	case identifies && (name == "use" || strings.HasSuffix(path, ".type.coding.code")):
		return text // says which identifier counts
	}
	action, form, _ := strings.Cut(s.profile.Action(path), " ")
	switch {
	case action == "hash" && form == "id":
		return s.name("id", text)
	case action == "hash" && form == "uid":
		return s.uid(text)
	case action == "hash" && form == "system":
		return "https://host.example/" + s.name("system", text)
	case action == "hash" || action == "redact" || action == "replace":
		return s.identifier(text)
	case action == "drop":
		return s.text()
	}
	return text
}

// spoil writes the resources of files or folders into one file for each source file, under names that tell.
func (s *spoiler) spoil(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.MkdirAll(to, 0o700))
	for i, name := range files(t, from) {
		if filepath.Ext(name) != ".json" && filepath.Ext(name) != ".ndjson" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, name))
		must(t, err)
		var out bytes.Buffer
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		for d.More() {
			var v map[string]any
			must(t, d.Decode(&v))
			if v["resourceType"] == "Bundle" {
				continue // the same resources stand in files of their own
			}
			s.resource(v)
			out.WriteString(encodeLine(t, v) + "\n")
		}
		must(t, os.WriteFile(filepath.Join(to, fmt.Sprintf("%s-%03d.ndjson", canary, i)), out.Bytes(), 0o600))
	}
}

// trace returns the surroundings of a token in some bytes: raw in any case, escaped for JSON, XML, HTML or URLs, in
// UTF-16, hexadecimal or base64.
func trace(content []byte) string {
	for _, dress := range dresses(content) {
		for _, needle := range needles() {
			if i := bytes.Index(dress, needle); i >= 0 {
				return fmt.Sprintf("%q", dress[max(0, i-60):min(len(dress), i+60)])
			}
		}
	}
	return ""
}

var escapes = regexp.MustCompile(`\\u00[0-9a-fA-F]{2}|&#x?[0-9a-fA-F]+;|%[0-9a-fA-F]{2}`)

func dresses(content []byte) [][]byte {
	lower := bytes.ToLower(content)
	unescaped := escapes.ReplaceAllFunc(content, func(e []byte) []byte {
		text := string(e)
		switch text[0] {
		case '\\':
			b, _ := hex.DecodeString(text[4:])
			return b
		case '%':
			text, _ = url.PathUnescape(text)
			return []byte(text)
		}
		return []byte(html.UnescapeString(text))
	})
	return [][]byte{content, lower, bytes.ToLower(unescaped), bytes.ToLower(bytes.ReplaceAll(content, []byte{0}, nil))}
}

func needles() [][]byte {
	var all [][]byte
	for _, word := range []string{canary, canaryDigits} {
		lower := strings.ToLower(word)
		all = append(all, []byte(lower), []byte(hex.EncodeToString([]byte(word))), []byte(hex.EncodeToString([]byte(lower))))
		for _, text := range []string{word, lower} {
			for shift := range 3 {
				b := base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{'x'}, shift), text...))
				all = append(all, []byte(b[(shift*8+5)/6:(shift+len(text))*8/6]))
			}
		}
	}
	return all
}

func TestATokenIsFoundInEveryDress(t *testing.T) {
	for _, word := range []string{canary, canaryDigits} {
		text := "ab " + word + "0001"
		utf16, coded := []byte{}, ""
		for _, c := range []byte(text) {
			utf16 = append(utf16, c, 0)
			coded += fmt.Sprintf("&#%d;", c)
		}
		for name, dress := range map[string][]byte{
			"raw": []byte(text), "lower": []byte(strings.ToLower(text)), "upper": []byte(strings.ToUpper(text)), "hex": []byte(hex.EncodeToString([]byte(text))),
			"HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(text)))), "UTF-16": utf16, "XML": []byte(coded),
			"JSON": []byte(strings.ReplaceAll(fmt.Sprintf(`\u00%x`, text[3]), "x", "") + text[4:]), "URL": []byte(fmt.Sprintf("%%%x", text[3]) + text[4:]),
			"base64 0": []byte(base64.StdEncoding.EncodeToString([]byte(text))), "base64 1": []byte(base64.URLEncoding.EncodeToString([]byte("x" + text))),
			"base64 2": []byte(base64.RawURLEncoding.EncodeToString([]byte("xy" + text))),
		} {
			if trace(append([]byte("before "), dress...)) == "" {
				t.Errorf("%s is not found: %s", name, dress)
			}
		}
	}
	if found := trace([]byte("nothing of that kind 7310 Qzxj")); found != "" {
		t.Errorf("found %s", found)
	}
}
