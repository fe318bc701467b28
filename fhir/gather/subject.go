package gather

import (
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
)

const severalPatients = "it refers to several patients"

// contested is a Consent that several patients may be meant by. It is nobody's, and may be a refusal of each of them.
type contested struct {
	input    uint32
	position int64
	id       string
	subjects []name
}

// isOf reports whether both are versions of one Consent.
func (c contested) isOf(old contested) bool { return c.id != "" && old.id == c.id }

// contest keeps a Consent of several patients for Resolve, which can tell who they are. It reports false for other types.
func (x *Index) contest(r *fhir.Resource, at Place) bool {
	if r.Type != "Consent" {
		return false
	}
	c := contested{input: at.Input, position: at.Position, id: strings.Clone(r.ID)}
	for s := range r.Subject().Elements() {
		if n, why := x.subjectName(s); why == "" {
			c.subjects = append(c.subjects, n)
		}
	}
	x.contested = slices.DeleteFunc(x.contested, c.isOf)
	x.contested = append(x.contested, c)
	return true
}

// subjectOf returns the name of the one patient that the resource is about.
func (x *Index) subjectOf(r *fhir.Resource) (subject name, why string) {
	for s := range r.Subject().Elements() {
		n, w := x.subjectName(s)
		switch {
		case w != "":
			why = w
		case subject != name{} && subject != n:
			return name{}, severalPatients
		default:
			subject = n
		}
	}
	switch {
	case subject != name{}:
		return subject, ""
	case why != "":
		return name{}, why
	}
	return name{}, "it does not say whose it is"
}

func (x *Index) subjectName(s fhir.Node) (name, string) {
	ref := fhir.ParseReference(s.Get("reference").Text())
	switch ref.Form {
	case fhir.NoReference:
		if id := s.Get("identifier"); id.Get("value").Text() != "" {
			return identifierName(id.Get("system").Text(), id.Get("value").Text()), ""
		}
		return name{}, "it does not say whose it is"
	case fhir.Conditional:
		return conditionalName(ref)
	case fhir.URN:
		return nameOf("url", ref.ID), ""
	case fhir.Contained:
		return name{}, "its patient is contained in it"
	case fhir.OtherURL:
		return nameOf("url", s.Get("reference").Text()), ""
	}
	return x.literal(ref)
}

func (x *Index) literal(ref fhir.Reference) (name, string) {
	if ref.Type != "Patient" {
		return name{}, "its subject is not a patient"
	}
	k, _ := ref.Key()
	if ref.Form == fhir.Relative {
		return x.mention(k), ""
	}
	n := nameOf("url", ref.Base+"/"+k.String())
	if _, ok := x.absolutes[n]; !ok {
		x.absolutes[n] = fhir.Key{Type: "Patient", ID: strings.Clone(k.ID)}
		x.weight += 144
	}
	return n, ""
}

func conditionalName(ref fhir.Reference) (name, string) {
	token, ok := strings.CutPrefix(ref.Query, "identifier=")
	if ref.Type != "Patient" || !ok || strings.ContainsAny(token, "&,%") {
		return name{}, "its subject is a search that cannot be followed"
	}
	system, value, ok := strings.Cut(token, "|")
	if !ok {
		return name{}, "its subject is a search that cannot be followed"
	}
	return identifierName(system, value), ""
}

func identifierName(system, value string) name { return nameOf("identifier", system, value) }

// mention notes that a patient of the id exists, whether or not there is a Patient resource.
func (x *Index) mention(k fhir.Key) name {
	n := keyName(k)
	if x.patients[n] == "" {
		x.patients[n] = strings.Clone(k.ID)
		x.weight += 96
	}
	return n
}

func (x *Index) patientFacts(r *fhir.Resource, self name) facts {
	var f facts
	for id := range r.Get("identifier").Elements() {
		if value := id.Get("value").Text(); value != "" {
			f.identifiers = append(f.identifiers, identifierName(id.Get("system").Text(), value))
		}
	}
	for l := range r.Get("link").Elements() {
		// The other kinds of links do not merge (FHIR R4, Patient.link.type).
		other := linkTarget(l.Get("other"), x)
		if other != (name{}) {
			f.names = append(f.names, other)
		}
		switch l.Get("type").Text() {
		case "replaced-by":
			f.links = append(f.links, link{from: self, to: other})
		case "replaces":
			f.links = append(f.links, link{from: other, to: self})
		}
	}
	return f
}

// linkTarget names the other end of a link without promising that it exists; zero when it cannot be told.
func linkTarget(other fhir.Node, x *Index) name {
	if ref := fhir.ParseReference(other.Get("reference").Text()); ref.Form == fhir.Relative && ref.Type == "Patient" {
		return keyName(fhir.Key{Type: ref.Type, ID: ref.ID})
	}
	n, why := x.subjectName(other)
	if why != "" {
		return name{}
	}
	return n
}

// alias remembers a fullUrl that does not end in the resource's type and id.
func (x *Index) alias(fullURL string, r *fhir.Resource) {
	if fullURL == "" || r.ID == "" {
		return
	}
	if k, ok := fhir.ParseReference(fullURL).Key(); ok && k == r.Key() {
		return
	}
	n, k := nameOf("url", fullURL), r.Key()
	x.weight += 160
	if old, ok := x.aliases[n]; ok && old != k {
		x.stale[n] = append(x.stale[n], fhir.Key{Type: strings.Clone(k.Type), ID: strings.Clone(k.ID)})
		return
	}
	x.aliases[n] = fhir.Key{Type: strings.Clone(k.Type), ID: strings.Clone(k.ID)}
}
