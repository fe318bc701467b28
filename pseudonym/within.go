package pseudonym

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
)

// Scope says how much of a study's data may be used at all. Paths are written as in JSON: Observation.valueQuantity.unit.
type Scope interface {
	// Keeps returns how much of a resource type or element may stay: all false is nothing, some is something in it.
	Keeps(path string) (whole, some bool)
	// Hash changes with what may stay.
	Hash() string
}

// Within returns the profile that lets through what p does, as far as the scope allows it: everything else is dropped like
// what a profile does not list. Extensions stay on what stays as a whole.
func (p *Profile) Within(scope Scope) *Profile {
	q := *p
	q.resources, q.names = map[string]*rule{}, maps.Clone(p.names)
	done := map[*rule]*rule{}
	for typ, r := range p.resources {
		q.names[typ] = typ
		if narrowed := within(r, scope, done); narrowed != nil {
			q.resources[typ] = narrowed
		}
	}
	sum := sha256.Sum256([]byte(p.hash + "\n" + scope.Hash()))
	q.hash = hex.EncodeToString(sum[:])
	return &q
}

// within returns the rule as far as the scope allows it, nil when it allows nothing. Types that contain themselves lead in
// circles: done holds what was narrowed already.
func within(r *rule, scope Scope, done map[*rule]*rule) *rule {
	whole, some := scope.Keeps(r.path)
	switch {
	case whole:
		return r
	case !some || !r.isObject():
		return nil
	case done[r] != nil:
		return done[r]
	}
	narrowed := *r.open()
	narrowed.text = nil
	done[r] = &narrowed
	narrowed.members, narrowed.extensions = map[string]*rule{}, map[string]*rule{}
	for name, m := range r.members {
		if kept := within(m, scope, done); kept != nil {
			narrowed.members[name] = kept
		}
	}
	narrowed.table = newMemberTable(narrowed.members)
	return &narrowed
}
