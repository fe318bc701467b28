package imaging

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging/pet"
)

// Series is a series of a linked study in pseudonymous terms.
type Series struct {
	UID       string      `json:"uid,omitempty"` // pseudonymous; empty when the resource states none
	Modality  string      `json:"modality,omitempty"`
	Instances int         `json:"instances,omitempty"`
	PET       *pet.Result `json:"pet,omitempty"` // of PT and NM, where the study asks for quantification
}

// contents returns the series of a study: one for each UID, by UID, and then those that have none, of the resource that
// lists most of them.
func (l *locator) contents(s *study) []Series {
	var named, nameless []Series
	for _, e := range s.sources {
		var own []Series
		for node := range e.resource.Get("series").Elements() {
			one := l.series(node)
			i := slices.IndexFunc(named, func(o Series) bool { return o.UID == one.UID })
			switch {
			case one.UID == "":
				own = append(own, one)
			case i < 0:
				named = append(named, one)
			default:
				named[i] = named[i].or(one)
			}
		}
		if len(own) > len(nameless) {
			nameless = own
		}
	}
	slices.SortFunc(named, func(a, b Series) int { return cmp.Compare(a.UID, b.UID) })
	return append(named, nameless...)
}

// or returns the series with what another resource says about it and this one does not.
func (s Series) or(o Series) Series {
	s.Modality, s.Instances = cmp.Or(s.Modality, o.Modality), max(s.Instances, o.Instances)
	if s.PET == nil || s.PET.Activity == nil && o.PET != nil && o.PET.Activity != nil {
		s.PET = o.PET
	}
	return s
}

func (l *locator) series(node fhir.Node) Series {
	s := Series{}
	if uid, ok := ParseUID(node.Get("uid").Text()); ok {
		s.UID = l.subject.UID(uid)
	}
	modality := node.Get("modality")
	if coding := modality.Get("coding"); coding.Exists() { // R5
		modality = coding.First()
	}
	if code := modality.Get("code").Text(); isModality(code) {
		s.Modality = code
	}
	if n, err := strconv.Atoi(node.Get("numberOfInstances").Text()); err == nil && n > 0 {
		s.Instances = n
	}
	if l.rules.Quantification != nil && quantified(s.Modality) {
		result := l.rules.Quantification.OfSeries(node)
		s.PET = &result
	}
	return s
}

// quantified reports whether series of a modality may be quantified.
func quantified(modality string) bool { return modality == "PT" || modality == "NM" }
