package consent

import (
	"slices"

	"github.com/crflink/crflink/fhir"
)

// Facts are what a decision is made from: the resources of one person. Their order does not matter.
type Facts struct {
	Patient    fhir.Key         // the person's record
	Patients   []*fhir.Resource // its Patient resources, also of merged and linked records
	Consents   []*fhir.Resource
	Encounters []*fhir.Resource // of them those that Needed tells
	Subjects   []*fhir.Resource // ResearchSubject
	Same       []fhir.Key       // under which other sources of the study know the person: as good as the record's own key
	LinkedFrom []fhir.Key       // records whose Patient.link names this person, whether or not it names them
	Looked     []fhir.Key       // linked records that were looked for, whether or not there was anything
	Unread     int              // Consents of this person that the source had to reject: each may be a refusal
}

// FactsOf gathers the facts of a record, and of further records of the same person that Patient.link names.
func FactsOf(own *fhir.Record, linked ...*fhir.Record) Facts {
	f := Facts{Patient: own.Key(), Same: own.Same()}
	f.add(own)
	for _, rec := range linked {
		f.Looked = append(f.Looked, rec.Key())
		f.add(rec)
	}
	return f
}

func (f *Facts) add(rec *fhir.Record) {
	f.LinkedFrom = append(f.LinkedFrom, rec.LinkedFrom()...)
	needed := Needed(rec)
	for r := range rec.Resources() {
		switch r.Type {
		case "Patient":
			f.Patients = append(f.Patients, r)
		case "Consent":
			f.Consents = append(f.Consents, r)
		case "Encounter":
			if needed(r) {
				f.Encounters = append(f.Encounters, r)
			}
		case "ResearchSubject":
			f.Subjects = append(f.Subjects, r)
		}
	}
}

// person is who the facts are about: the record's own keys, which merging (replaces, replaced-by) extends, and keys of
// records that are linked in other ways. Permits count for own keys only, denies for all.
type person struct {
	own    []fhir.Key
	linked []fhir.Key
	unread bool // a link leads to a record that was not read
}

// maxLinks bounds the records of one person; beyond it the links count as unread.
const maxLinks = 256

// person follows Patient.link from the record's own keys.
func (f *Facts) person() person { return personOf(f.Patient, f.Same, f.Patients, f.Looked) }

func personOf(patient fhir.Key, same []fhir.Key, patients []*fhir.Resource, looked []fhir.Key) person {
	p := person{own: append([]fhir.Key{patient}, same...)}
	for grown := true; grown; {
		grown = false
		for _, res := range patients {
			grown = p.follow(res) || grown
		}
	}
	for _, key := range slices.Concat(p.own[1:], p.linked) {
		p.unread = p.unread || !isKnown(key, patients, looked)
	}
	return p
}

func isKnown(key fhir.Key, patients []*fhir.Resource, looked []fhir.Key) bool {
	return slices.Contains(looked, key) || slices.ContainsFunc(patients, func(r *fhir.Resource) bool { return r.Key() == key })
}

// follow takes up what one Patient resource says; it reports whether it added a key.
func (p *person) follow(res *fhir.Resource) bool {
	grown, links := false, res.Get("link")
	if !links.Exists() {
		return false
	}
	from := p.relation(res.Key())
	for links := each(links); links.Exists(); links.step() {
		link := links.Node
		key, ok := fhir.ParseReference(link.Path("other", "reference").Text()).Key()
		if !ok || key.Type != "Patient" {
			continue
		}
		merged := link.Get("type").Text() == "replaces" || link.Get("type").Text() == "replaced-by"
		grown = p.join(from, p.relation(key), merged, res.Key(), key) || grown
	}
	return grown
}

type relation uint8

const (
	stranger relation = iota
	linkedTo
	ownRecord
)

func (p *person) relation(k fhir.Key) relation {
	switch {
	case slices.Contains(p.own, k):
		return ownRecord
	case slices.Contains(p.linked, k):
		return linkedTo
	}
	return stranger
}

// join takes up a link between a and b, in both directions.
func (p *person) join(ra, rb relation, merged bool, a, b fhir.Key) bool {
	if ra < rb {
		ra, rb, b = rb, ra, a
	}
	switch {
	case ra == stranger:
		return false
	case rb == stranger && len(p.own)+len(p.linked) >= maxLinks:
		p.unread = true
		return false
	case ra == ownRecord && merged && rb != ownRecord:
		p.own = append(p.own, b)
		p.linked = slices.DeleteFunc(p.linked, func(k fhir.Key) bool { return k == b })
		return true
	case rb == stranger:
		p.linked = append(p.linked, b)
		return true
	}
	return false
}

// belonging says whose a reference is.
type belonging uint8

const (
	unknownOwner belonging = iota // the reference cannot be read
	ofOther
	ofLinked
	ofOwn
)

// whose reads a Reference element that should name the patient: by literal reference, by the URN of the id, or by an
// identifier that one of the Patients has.
func (p *person) whose(ref fhir.Node, patients []*fhir.Resource) belonging {
	parsed := fhir.ParseReference(ref.Get("reference").Text())
	if key, ok := parsed.Key(); ok {
		return p.byKey(key)
	}
	if parsed.Form == fhir.URN {
		for _, prefix := range []string{"urn:uuid:", "urn:oid:"} {
			if n := len(prefix); len(parsed.ID) > n && parsed.ID[:n] == prefix {
				if b := p.byKey(fhir.Key{Type: "Patient", ID: parsed.ID[n:]}); b != ofOther {
					return b
				}
			}
		}
		return unknownOwner
	}
	return p.byIdentifier(ref.Get("identifier"), patients)
}

func (p *person) byKey(key fhir.Key) belonging {
	switch p.relation(key) {
	case ownRecord:
		return ofOwn
	case linkedTo:
		return ofLinked
	}
	return ofOther
}

func (p *person) byIdentifier(id fhir.Node, patients []*fhir.Resource) belonging {
	system, value := id.Get("system").Text(), id.Get("value").Text()
	if system == "" || value == "" {
		return unknownOwner
	}
	for _, res := range patients {
		for haves := each(res.Get("identifier")); haves.Exists(); haves.step() {
			have := haves.Node
			if have.Get("value").Text() == value && have.Get("system").Text() == system {
				return p.byKey(res.Key())
			}
		}
	}
	return unknownOwner
}

// adultFrom returns the day on which the person turns 18 by the earliest birth date among the own records; ok is
// false when an own Patient has none that can be read. A person born on 29 February turns 18 on 1 March.
func (p *person) adultFrom(patients []*fhir.Resource) (day fhir.Day, ok bool) {
	day = fhir.LastDay
	for _, res := range patients {
		if p.relation(res.Key()) != ownRecord {
			continue
		}
		d, err := fhir.ParseDateTime(res.Get("birthDate").Text())
		if err != nil || d.Precision > fhir.DayPrecision {
			return 0, false
		}
		ok = true
		day = min(day, fhir.NewDay(d.Year+18, max(1, d.Month), max(1, d.Day)))
	}
	return day, ok
}
