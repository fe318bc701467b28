package authorisation

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir/model"
)

// Scope is which data a study may use. A nil Scope permits every type and element.
type Scope struct {
	Modules  []string            // as they were named
	elements map[string][]string // by resource type, its permitted elements below it; one of "" is the whole type
}

// Part says how much of something is permitted.
type Part uint8

// The parts.
const (
	Nothing Part = iota
	Some         // something in it
	Whole        // it and all that is in it
)

// countedBy are elements that are needed to count a resource of a permitted type rightly and that no permission has to
// name: what it is, whose, and whether it holds.
var countedBy = []string{"id", "meta", "resourceType", "status", "verificationStatus", "subject", "patient", "individual"}

// keptBy are elements that stay for crflink itself in a resource of which only elements are permitted: by what date it lies
// inside a window, and which of two issues of a result is the newer. A rule of a mapping may read them only where they are
// permitted.
var keptBy = []string{
	"identifier", "issued", "effective[x]", "recordedDate", "performed[x]", "authoredOn", "started", "period", "date",
	"collection.collected[x]", "created", "occurrence[x]", "link",
}

// Type says how much of a resource type is permitted.
func (s *Scope) Type(typ string) Part {
	switch {
	case s == nil:
		return Whole
	case s.elements[typ] == nil:
		return Nothing
	case slices.Contains(s.elements[typ], ""):
		return Whole
	}
	return Some
}

// Element says how much is permitted of an element, whose path is written as in JSON: Observation.valueQuantity.unit.
func (s *Scope) Element(path string) Part {
	typ, element, _ := strings.Cut(path, ".")
	part := s.Type(typ)
	if part != Some || element == "" {
		return part
	}
	if first, _, _ := strings.Cut(element, "."); slices.Contains(countedBy, first) {
		return Whole
	}
	return partOf(typ, element, s.elements[typ])
}

// Reads reports whether a rule of a mapping may read something of an element.
func (s *Scope) Reads(path string) bool { return s.Element(path) != Nothing }

// Keeps says whether an element stays as a whole, or something in it, when everything else is dropped: what is permitted,
// and what crflink itself needs of a resource.
func (s *Scope) Keeps(path string) (whole, some bool) {
	part := s.Element(path)
	if typ, element, nested := strings.Cut(path, "."); nested && part != Whole && s.Type(typ) == Some {
		part = max(part, partOf(typ, element, keptBy))
	}
	return part == Whole, part != Nothing
}

func partOf(typ, element string, permitted []string) Part {
	best := Nothing
	for _, p := range permitted {
		best = max(best, within(typ, strings.Split(element, "."), strings.Split(p, ".")))
	}
	return best
}

// within compares an element with a permitted one, name by name: value[x] and value are every choice.
func within(typ string, element, permitted []string) Part {
	t := model.Lookup(typ)
	for i, name := range permitted {
		if i == len(element) {
			return Some
		}
		next := choiceType(t, element[i])
		if element[i] != name && !(next.choice != "" && (name == next.choice || name == next.choice+"[x]")) {
			return Nothing
		}
		t = next.typ
	}
	return Whole
}

type member struct {
	choice string // the name of the choice without its type, "" when the element is none
	typ    *model.Type
}

// choiceType finds an element by its name in JSON.
func choiceType(t *model.Type, name string) member {
	if t == nil {
		return member{}
	}
	if e, of := t.ChoiceOf(name); e != nil {
		return member{e.Name, of}
	}
	if e := t.Element(name); e != nil && len(e.Types) == 1 {
		return member{"", e.Types[0]}
	}
	return member{}
}

// Types returns the permitted types, in order.
func (s *Scope) Types() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.elements))
}

// Elements returns the permitted elements of a type, in order; none when the whole type is permitted or nothing of it.
func (s *Scope) Elements(typ string) []string {
	if s.Type(typ) != Some {
		return nil
	}
	return slices.Clone(s.elements[typ])
}

// Hash returns the SHA-256 of the scope in hexadecimal: what a casebook may hold depends on it.
func (s *Scope) Hash() string {
	var b strings.Builder
	for _, typ := range s.Types() {
		b.WriteString(typ + ":" + strings.Join(s.elements[typ], ",") + "\n")
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

// allow permits an element of a type; "" is the whole type.
func (s *Scope) allow(typ, element string) {
	if !slices.Contains(s.elements[typ], element) {
		s.elements[typ] = append(s.elements[typ], element)
		slices.Sort(s.elements[typ])
	}
}
