package mapping

import (
	"strings"

	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/yamldoc"
)

// Scope is what the study is authorised to use. Paths are written as in JSON: Observation.valueQuantity.unit.
type Scope interface {
	// Reads reports whether a rule may read a resource type or something of an element.
	Reads(path string) bool
}

// Within says what the study is authorised to use: resource types and elements beyond it are findings.
func Within(scope Scope) Option { return func(c *compiler) { c.scope = scope } }

// beyond reports whether nothing of what the path names is authorised. Where a part of it is, de-identification leaves
// nothing else.
func (c *compiler) beyond(p fhirpath.Path) bool {
	t := model.Lookup(p.Type)
	if t == nil || t.Kind != model.Resource {
		return false
	}
	element, _, _ := strings.Cut(p.Element, ".extension('")
	if strings.HasPrefix(element, "extension('") {
		element = "extension"
	}
	element = strings.TrimSuffix(strings.TrimSuffix(element, "*"), ".")
	for _, path := range written(t, p.Type, strings.Split(element, ".")) {
		if c.scope.Reads(path) {
			return false
		}
	}
	return true
}

// authorised adds a finding where a rule reads a resource type, or an element that it does not name itself, beyond the
// authorisation.
func (c *compiler) authorised(at yamldoc.Value, path string) {
	if c.scope != nil && !c.scope.Reads(path) {
		at.Errorf("take it out, or have it authorised and name it in authorisation of the study file", "%s is beyond the study's authorisation", path)
	}
}
