package pseudonym

import (
	"strings"

	"github.com/crflink/crflink/fhir"
)

// reference rewrites a Reference.reference. All forms that name one resource end up as the same relative reference,
// so that what was linked stays linked; a conditional reference holds an identifier and any other URL may, so they go.
func (w *walker) reference(s string) (string, bool) {
	if known, ok := w.references[s]; ok {
		return known, true
	}
	ref := fhir.ParseReference(s)
	switch ref.Form {
	case fhir.Relative, fhir.Absolute:
		literal, ok := w.literal(fhir.Key{Type: ref.Type, ID: ref.ID})
		if ok {
			w.references[s] = literal
		}
		return literal, ok
	case fhir.Contained:
		switch {
		case ref.ID == "":
			return "#", true
		case !w.contained[ref.ID] && !w.contained["#"+ref.ID]:
			return "", false
		}
		return "#" + w.keyer.id(labelContained, ref.ID), true
	case fhir.URN:
		return w.urn(s)
	}
	return "", false
}

// literal writes a relative reference to a resource of a listed type.
func (w *walker) literal(k fhir.Key) (string, bool) {
	r := w.profile.resources[k.Type]
	if r == nil {
		return "", false
	}
	return r.path + "/" + w.keyer.id(labelResource, k.Type, k.ID), true
}

// urn points to the resource of the record that has the UUID as its id, or else to a UUID that stands for it.
func (w *walker) urn(s string) (string, bool) {
	if w.byID == nil {
		w.byID = map[string]fhir.Key{}
		for r := range w.from.Resources() {
			if r.ID != "" {
				w.byID[r.ID] = r.Key()
			}
		}
	}
	if uuid, ok := strings.CutPrefix(s, "urn:uuid:"); ok {
		if k, ok := w.byID[uuid]; ok {
			return w.literal(k)
		}
	}
	return w.keyer.uuid(labelURN, s), true
}
