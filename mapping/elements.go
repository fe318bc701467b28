package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/fhirpath"
)

// elements are the elements of resources that expressions read, by resource type: their first names as in JSON, value[x] for
// a choice.
type elements struct {
	byType map[string]map[string]bool
	all    bool // somewhere an element is read of which it is not known where it stands
}

// wholeResource stands for all elements.
const wholeResource = "*"

func (e *elements) add(typ, element string) {
	if e.byType[typ] == nil {
		e.byType[typ] = map[string]bool{}
	}
	e.byType[typ][element] = true
}

// topElement returns the first name of a path.
func topElement(p fhirpath.Path) string {
	switch {
	case p.Element == "":
		return wholeResource
	case strings.HasPrefix(p.Element, "extension("):
		return "extension"
	}
	name, _, _ := strings.Cut(p.Element, ".")
	return name
}

// alwaysRead are the elements that decide for every rule whether a resource counts, which of several does, why it has no value,
// and where one comes from; contained ones are reached by resolve().
var alwaysRead = []string{"id", "meta", "status", "verificationStatus", "dataAbsentReason", "contained"}

var alwaysReadOf = map[string][]string{
	"Condition":   {"code"}, // diagnosesicherheit
	"Observation": {"identifier", "issued"},
	"Patient":     {"birthDate"},
}

// Elements returns the elements of resources that the mapping may read, by type: the first names of paths, value[x] for a
// choice, sorted. It is nil when that cannot be told: then the mapping may read all. What it does not list needs not be shown
// to Fill.
func (m *Mapping) Elements() map[string][]string {
	if m.elements.all {
		return nil
	}
	all := make(map[string][]string, len(m.types))
	for _, typ := range m.types {
		names := maps.Clone(m.elements.byType[typ])
		if names == nil {
			names = map[string]bool{}
		}
		for _, name := range slices.Concat(alwaysRead, alwaysReadOf[typ]) {
			names[name] = true
		}
		for _, path := range dateElements[typ] {
			names[path[0]] = true
		}
		all[typ] = slices.Sorted(maps.Keys(names))
		if names[wholeResource] {
			all[typ] = []string{wholeResource}
		}
	}
	return all
}
