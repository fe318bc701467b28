package fhir

import (
	"maps"
	"slices"
)

// Narrowing lets a server leave out what no mapping can read. A source may ignore it: Wanted.Prune takes the rest out. The
// zero value narrows nothing.
type Narrowing struct {
	Any []Criterion // what meets one of them is wanted; none is every resource
}

// Criterion is met by a resource that has one of the codes.
type Criterion struct {
	Parameter string   // the search parameter that finds it
	Element   string   // of the resource: a CodeableConcept, one or several
	Codes     []Coding // a System of "" is any, also none
}

// Coding is a code in a code system.
type Coding struct{ System, Code string }

// Meets reports whether the resource has one of the codes.
func (c *Criterion) Meets(r *Resource) bool {
	for concept := range r.Get(c.Element).Elements() {
		for coding := range concept.Get("coding").Elements() {
			system, code := coding.Get("system").Text(), coding.Get("code").Text()
			if slices.ContainsFunc(c.Codes, func(k Coding) bool { return k.Code == code && (k.System == "" || k.System == system) }) {
				return true
			}
		}
	}
	return false
}

// Admits reports whether the resource is wanted.
func (n Narrowing) Admits(r *Resource) bool {
	return len(n.Any) == 0 || slices.ContainsFunc(n.Any, func(c Criterion) bool { return c.Meets(r) })
}

// codeParameters are the search parameters of R4 that find resources by the codes of an element, by type and element. Each of
// them looks at all codings of that element; some look at other elements too, which finds more.
var codeParameters = map[string]map[string]string{
	"AllergyIntolerance": {"code": "code"},
	"CarePlan":           {"category": "category"},
	"CareTeam":           {"category": "category"},
	"Condition":          {"code": "code", "category": "category"},
	"DiagnosticReport":   {"code": "code", "category": "category"},
	"DocumentReference":  {"type": "type", "category": "category"},
	"EpisodeOfCare":      {"type": "type"},
	"Goal":               {"category": "category"},
	"Immunization":       {"vaccineCode": "vaccine-code"},
	"Observation":        {"code": "code", "category": "category"},
	"Procedure":          {"code": "code", "category": "category"},
	"ServiceRequest":     {"code": "code", "category": "category"},
	"Specimen":           {"type": "type"},
}

// CodeParameter returns the search parameter that finds resources of the type by the codes of an element, "" where there is none.
func CodeParameter(typ, element string) string { return codeParameters[typ][element] }

// Prune takes out of a record what its source was asked to leave out and did not: resources that a narrowing does not admit,
// and what belongs to nobody and only they refer to.
func (w Wanted) Prune(r *Record) {
	dropped := false
	kept := make([]*Resource, 0, len(r.resources))
	for _, res := range r.resources {
		if n, ok := w.types[res.Type]; ok && !IsFact(res.Type) && !n.Admits(res) {
			dropped = true
			r.leave(res)
			continue
		}
		kept = append(kept, res)
	}
	if !dropped {
		return
	}
	reached := r.reached(kept)
	r.resources = kept[:0]
	for _, res := range kept {
		if !roots(res) && !reached[res] {
			r.leave(res)
			continue
		}
		r.resources = append(r.resources, res)
	}
}

func (r *Record) leave(res *Resource) {
	if res.ID != "" {
		delete(r.byKey, res.Key())
	}
	maps.DeleteFunc(r.aliases, func(_ string, k Key) bool { return k == res.Key() })
	res.Release()
}

// roots reports whether a resource is part of a record by itself, and not only because another refers to it.
func roots(res *Resource) bool {
	switch BelongsToPatients(res.Type) {
	case Shared:
		return res.Type == "ResearchStudy" // comes with the facts
	case Possible:
		for range res.Subject().Elements() {
			return true
		}
		return false
	}
	return true
}

// reached returns what those of the resources that are part of the record by themselves refer to, directly or through others.
func (r *Record) reached(all []*Resource) map[*Resource]bool {
	seen := map[*Resource]bool{}
	queue := slices.DeleteFunc(slices.Clone(all), func(res *Resource) bool { return !roots(res) })
	for len(queue) > 0 {
		res := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for ref := range res.References() {
			key, ok := r.KeyOf(ref.Text())
			if to := r.byKey[key]; ok && to != nil && !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	return seen
}
