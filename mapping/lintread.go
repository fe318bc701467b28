package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/finding"
)

// personal lists elements that name or reach a person, or hold what somebody wrote about them, by the types of resource
// that have them ("" is every type).
var personal = map[string][]string{
	"":              {"text", "note", "photo", "presentedForm"},
	"Patient":       {"name", "telecom", "identifier", "contact", "address.line", "address.text", "address.city", "address.district"},
	"RelatedPerson": {"name", "telecom", "identifier", "address.line", "address.text", "address.city", "address.district"},
	"Practitioner":  {"name", "telecom", "identifier", "address.line", "address.text", "address.city", "address.district"},
	"Person":        {"name", "telecom", "identifier", "address.line", "address.text", "address.city", "address.district"},
}

// seen checks what a compiled expression reads and compares.
func (c *compiler) seen(e *expression, expanded string, origins []origin) {
	for _, t := range slices.Sorted(maps.Keys(e.byType)) {
		x := e.byType[t]
		var dropped []fhirpath.Path
		for _, p := range x.Paths() {
			from := origins[placeOf(p, expanded)]
			switch {
			case isPersonal(p):
				c.at(from, "a study needs no such element; take a code, a date or a number", "%s identifies persons or holds free text", p)
			case c.scope != nil && (p.Type != t || c.scope.Reads(t)) && c.beyond(p): // of the type itself its selector tells
				c.at(from, "take it out, or have it authorised and name it in authorisation of the study file", "%s is beyond the study's authorisation", p)
			case c.profile != nil && c.drops(p):
				dropped = append(dropped, p)
			}
		}
		c.reportDropped(dropped, len(dropped) == len(x.Paths()), expanded, origins)
		c.bindings(x, origins)
	}
}

// reportDropped reports elements that de-identification leaves nothing of: an error when the expression reads no other.
func (c *compiler) reportDropped(dropped []fhirpath.Path, all bool, expanded string, origins []origin) {
	for _, p := range dropped {
		before := len(c.doc.Findings)
		c.at(origins[placeOf(p, expanded)], "read another element, or keep this one in a profile of your own",
			"the de-identification profile %s drops %s: it is always empty", c.profile.Name(), p)
		if !all && len(c.doc.Findings) > before {
			c.doc.Findings[before].Severity = finding.Warning
		}
	}
}

func isPersonal(p fhirpath.Path) bool {
	for _, of := range []string{"", p.Type} {
		for _, element := range personal[of] {
			if p.Element == element || strings.HasPrefix(p.Element, element+".") {
				return true
			}
		}
	}
	return false
}

// placeOf returns the byte of an expression where a path's last element is named, or its beginning.
func placeOf(p fhirpath.Path, expanded string) int {
	name := p.Element
	if before, url, ok := strings.Cut(name, ".extension('"); ok {
		if i := strings.Index(expanded, "'"+strings.SplitN(url, "'", 2)[0]+"'"); i >= 0 {
			return i
		}
		name = before
	}
	segments := strings.Split(strings.ReplaceAll(name, "[x]", ""), ".")
	for _, segment := range slices.Backward(segments) {
		for _, w := range words(expanded) {
			if w.text == segment {
				return w.at
			}
		}
	}
	return 0
}

// drops reports whether de-identification leaves nothing of an element, whatever its type is.
func (c *compiler) drops(p fhirpath.Path) bool {
	element, extension, _ := strings.Cut(p.Element, ".extension('")
	if strings.HasPrefix(p.Element, "extension('") {
		element, extension = "", strings.TrimPrefix(p.Element, "extension('")
	}
	url := strings.SplitN(extension, "'", 2)[0]
	t := model.Lookup(p.Type)
	if t == nil || t.Kind != model.Resource || element == "" && url == "" || strings.Contains(element, "*") || strings.Contains(element, "extension") {
		return false
	}
	for _, path := range written(t, p.Type, strings.Split(element, ".")) {
		if url != "" && c.profile.Extension(path, url) || url == "" && c.profile.Action(path) != "drop" {
			return false
		}
	}
	return true
}

// written returns the ways in which an element may be written in JSON: value[x] as valueQuantity and so on.
func written(t *model.Type, path string, segments []string) []string {
	if len(segments) == 0 || segments[0] == "" {
		return []string{path}
	}
	name, choice := strings.CutSuffix(segments[0], "[x]")
	e := t.Element(name)
	if e == nil {
		return nil
	}
	var all []string
	for _, of := range e.Types {
		key := name
		if choice {
			key += strings.ToUpper(of.Name[:1]) + of.Name[1:]
		}
		all = append(all, written(of, path+"."+key, segments[1:])...)
	}
	return all
}
