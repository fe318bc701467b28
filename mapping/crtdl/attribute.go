package crtdl

import (
	"fmt"
	"strings"

	"github.com/crflink/crflink/fhir/model"
)

// slices of codings by the names that the profiles of the MII give them, with the code systems.
var codingSlices = map[string]string{
	"icd10-gm": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "ops": "http://fhir.de/CodeSystem/bfarm/ops", "atc-de": "http://fhir.de/CodeSystem/bfarm/atc",
	"atc": "http://fhir.de/CodeSystem/bfarm/atc", "loinc": "http://loinc.org", "loinc-code": "http://loinc.org", "sct": "http://snomed.info/sct",
	"snomed": "http://snomed.info/sct", "snomed-ct": "http://snomed.info/sct", "alpha-id": "http://fhir.de/CodeSystem/bfarm/alpha-id", "orphanet": "http://www.orpha.net",
}

// value writes an attribute as a FHIRPath expression; why says why that is not possible, and note what it leaves open.
func (b *builder) value(g *Group, a Attribute) (path, note, why string) {
	typeName, rest, ok := strings.Cut(a.Ref, ".")
	if !ok || typeName != g.Type {
		return "", "", "it names no element of " + g.Type
	}
	t := model.Lookup(typeName)
	var out []string
	for _, segment := range strings.Split(rest, ".") {
		name, slice, _ := strings.Cut(segment, ":")
		name = strings.TrimSuffix(name, "[x]")
		if name == "extension" || name == "modifierExtension" {
			return "", "", "a CRTDL names extensions by a slice of the profile; write extension('URL').value with the URL that the profile gives it"
		}
		var e *model.Element
		if t != nil {
			e = t.Element(name)
		}
		if e == nil {
			return "", "", fmt.Sprintf("FHIR R4 has no element %s there", name)
		}
		step, next, left := b.step(e, slice)
		if left != "" {
			note = left
		}
		out, t = append(out, step), next
	}
	return strings.Join(out, "."), note, ""
}

// step is the expression of one element with its slice, and the type to which it leads; nil for several.
func (b *builder) step(e *model.Element, slice string) (text string, next *model.Type, note string) {
	if len(e.Types) == 1 {
		next = e.Types[0]
	}
	switch {
	case slice == "":
		return e.Name, next, ""
	case e.Choice:
		if t := e.TypeOf(strings.TrimPrefix(slice, e.Name)); t != nil {
			return e.Name + ".ofType(" + t.Name + ")", t, ""
		}
	case e.Name == "coding":
		if system, ok := codingSlices[strings.ToLower(slice)]; ok {
			return "coding.where(system = " + b.system(system) + ")", next, ""
		}
	}
	return e.Name, next, fmt.Sprintf("the profile's slice %s is not looked at", oneLine(slice))
}
