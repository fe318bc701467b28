package bulk

import (
	"hash/maphash"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// admitted are the patients of whom resources are kept: by id, with the ids of merged records, and by identifier.
type admitted struct {
	patients    map[fhir.Key]bool
	ids         map[string]bool
	identifiers map[uint64]bool // hashes
}

var identifierSeed = maphash.MakeSeed()

// admit looks up by what the resources of the patients may name them.
func (c *collection) admit(patients []fhir.Key) (*admitted, error) {
	a := &admitted{patients: map[fhir.Key]bool{}, ids: map[string]bool{}, identifiers: map[uint64]bool{}}
	for _, key := range patients {
		record, err := c.recordOf(key, func(typ string) bool { return typ == "Patient" })
		if err != nil {
			return nil, err
		}
		a.patients[key], a.ids[key.ID] = true, true
		for p := range record.OfType("Patient") {
			a.ids[strings.Clone(p.ID)] = true
			for id := range p.Get("identifier").Elements() {
				a.identifiers[identifier(id.Get("system").Text(), id.Get("value").Text())] = true
			}
		}
		record.Release()
	}
	return a, nil
}

func identifier(system, value string) uint64 {
	return maphash.String(identifierSeed, system+"\x00"+value)
}

func (a *admitted) is(patient fhir.Key) bool { return a != nil && a.patients[patient] }

// subject says whether a reference leads to an admitted patient. By identifier it may seem so for another one who shares it; the
// catalog, which knows all patients, then tells them apart.
func (a *admitted) subject(s fhir.Node) belonging {
	ref := fhir.ParseReference(s.Get("reference").Text())
	switch ref.Form {
	case fhir.NoReference:
		if id := s.Get("identifier"); id.Get("value").Text() != "" {
			return mayBe(a.identifiers[identifier(id.Get("system").Text(), id.Get("value").Text())])
		}
		return unclear
	case fhir.Relative, fhir.Absolute:
		if ref.Type == "Patient" {
			return mayBe(a.ids[ref.ID])
		}
	case fhir.Conditional:
		token, ok := strings.CutPrefix(ref.Query, "identifier=")
		system, value, both := strings.Cut(token, "|")
		if ok && both && ref.Type == "Patient" {
			return mayBe(a.identifiers[identifier(system, value)])
		}
	}
	return unclear
}

func mayBe(yes bool) belonging {
	if yes {
		return ours
	}
	return others
}
