package pseudonym

import (
	"strings"

	"github.com/crflink/crflink/fhir"
)

// resource writes one resource; ok is false when it is dropped as a whole. The position counts within the patient.
func (w *walker) resource(res *fhir.Resource, position int) (out *fhir.Resource, ok bool, err error) {
	r := w.open(res.Type)
	if r == nil {
		w.unknown(nil, w.typeName(res.Type), res.Type, NotListed)
		return nil, false, nil
	}
	w.modifiers = res.Table().HasModifiers()
	if !w.modifiersKnown(r, res.Node) {
		w.drop(r, Modifier)
		return nil, false, nil
	}
	w.inside = false
	w.surveyContained(res.Node)
	out = fhir.NewResource()
	err = out.Build(w.builder, fhir.Origin{Source: "record", Position: int64(position), Alias: res.Origin.Alias}, func(b *fhir.Builder) {
		b.Object(fhir.Name{})
		b.String(w.profile.as.resourceType, r.path)
		w.members(r, res.Node)
		w.containedResources(res.Get("contained"))
		b.End()
	})
	return out, true, err
}

// surveyContained notes which contained resources will stay, so that references to the others can go.
func (w *walker) surveyContained(root fhir.Node) {
	clear(w.contained)
	if !root.Table().HasContained() {
		return
	}
	for c := root.Get("contained").First(); c.Exists(); c = c.Next() {
		if w.containedRule(c) != nil {
			w.contained[c.Get("id").Text()] = true
		}
	}
}

// containedRule returns the rule of a contained resource that stays, or nil.
func (w *walker) containedRule(c fhir.Node) *rule {
	r := w.open(c.Get("resourceType").Text())
	if r == nil || !fhir.IsID(strings.TrimPrefix(c.Get("id").Text(), "#")) || !w.modifiersKnown(r, c) {
		return nil
	}
	return r
}

func (w *walker) containedResources(contained fhir.Node) {
	if !contained.Exists() {
		return
	}
	w.inside = true
	w.builder.Array(w.profile.as.contained)
	for c := contained.First(); c.Exists(); c = c.Next() {
		r := w.containedRule(c)
		if r == nil {
			typ := c.Get("resourceType").Text()
			w.unknown(nil, "contained."+w.typeName(typ), "contained."+typ, NotListed)
			continue
		}
		w.builder.Object(fhir.Name{})
		w.builder.String(w.profile.as.resourceType, r.path)
		w.members(r, c)
		w.builder.End()
	}
	w.builder.EndIfAny()
	w.inside = false
}
