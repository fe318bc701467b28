package gather

import (
	"maps"
	"slices"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// groups is what Resolve finds: who is who.
type groups struct {
	list     []Patient
	number   map[string]int // by id of the surviving patient
	grouped  []uint32       // entries, those of one patient side by side
	owners   map[name]owner // by identifier
	survivor map[name]name  // patients that another one replaces
	reported map[name]bool  // patients whose links were found wanting
}

// Patient is one patient of an index: who survived of those that were merged, with the entries of all.
type Patient struct {
	ID          string
	first, last int // of Index.grouped
}

type owner struct {
	patient   name
	ambiguous bool
}

const (
	unknownURL        = "its subject refers to nothing in the input"
	unknownIdentifier = "no patient has the identifier of its subject"
	twoOwners         = "several patients have the identifier of its subject"
	twoMeanings       = "its subject refers to a fullUrl that two resources have"
	linkNowhere       = "a link to a merged patient leads to no Patient resource: the patient stands alone"
	linkSeveral       = "a patient is replaced by several others: it stands alone"
	linkCircle        = "patients replace each other in a circle: they stand alone"
)

// Resolve finds the patient of every entry and merges linked patients. What cannot be resolved goes to rej.
func (x *Index) Resolve(rej func(fhir.Rejected)) {
	x.number, x.survivor = map[string]int{}, maps.Clone(x.merged)
	x.findOwners()
	x.mergeLinked(rej)
	x.findOwners() // those of merged patients are one now
	owners := x.ownEntries(rej)
	x.group(owners)
}

func (x *Index) findOwners() {
	x.owners = map[name]owner{}
	for self, f := range x.facts {
		self = x.root(self)
		for _, id := range f.identifiers {
			o, known := x.owners[id]
			x.owners[id] = owner{self, o.ambiguous || known && o.patient != self}
		}
	}
}

// mergeLinked follows the links of all Patient resources, in the order in which they were read.
func (x *Index) mergeLinked(rej func(fhir.Rejected)) {
	targets := map[name][]name{}
	for i := range x.entries {
		e := &x.entries[i]
		if e.flags&deleted != 0 || x.types[e.typ] != "Patient" {
			continue
		}
		for _, l := range x.facts[e.subject].links {
			x.addTarget(targets, e, l, rej)
		}
	}
	for from, to := range targets {
		if len(to) == 1 {
			x.survivor[from] = to[0]
			delete(targets, from)
		}
	}
	for i := range x.entries {
		e := &x.entries[i]
		if e.flags&deleted == 0 && x.types[e.typ] == "Patient" && len(targets[e.subject]) > 1 {
			x.reject(e, linkSeveral, rej)
		}
	}
	x.cutCircles(rej)
}

func (x *Index) addTarget(targets map[name][]name, e *entry, l link, rej func(fhir.Rejected)) {
	from, okFrom := x.patientResource(l.from)
	to, okTo := x.patientResource(l.to)
	switch {
	case !okFrom || !okTo:
		x.reject(e, linkNowhere, rej)
	case from != to && !slices.Contains(targets[from], to):
		targets[from] = append(targets[from], to)
	}
}

// patientResource resolves a name to a patient that has a Patient resource.
func (x *Index) patientResource(n name) (name, bool) {
	p, why := x.resolveName(n)
	_, ok := x.facts[p]
	return p, ok && why == ""
}

// cutCircles forgets the links of patients that replace each other.
func (x *Index) cutCircles(rej func(fhir.Rejected)) {
	walk := map[name]int{} // in which walk a patient was met
	number := 0
	circular := map[name]bool{}
	for start := range x.survivor {
		number++
		n, ok := start, true
		for ; ok && walk[n] == 0; n, ok = x.survivor[n] {
			walk[n] = number
		}
		for ok && walk[n] == number && !circular[n] {
			circular[n] = true
			n = x.survivor[n]
		}
	}
	for i := range x.entries {
		e := &x.entries[i]
		if circular[e.subject] && x.types[e.typ] == "Patient" && e.flags&deleted == 0 {
			x.reject(e, linkCircle, rej)
		}
	}
	for n := range circular {
		delete(x.survivor, n)
	}
}

// root follows the survivors to the last one.
func (x *Index) root(n name) name {
	for {
		next, ok := x.survivor[n]
		if !ok {
			return n
		}
		n = next
	}
}

// resolveName turns the name of a URL or identifier into that of a patient's key.
func (x *Index) resolveName(n name) (name, string) {
	if _, ok := x.patients[n]; ok {
		return n, ""
	}
	if x.stale[n] {
		return name{}, twoMeanings
	}
	if k, ok := x.aliases[n]; ok {
		if k.Type != "Patient" {
			return name{}, "its subject is not a patient"
		}
		return x.mention(k), ""
	}
	if k, ok := x.absolutes[n]; ok {
		return x.mention(k), ""
	}
	if o, ok := x.owners[n]; ok {
		return x.singleOwner(o)
	}
	return name{}, unknownURL
}

func (x *Index) singleOwner(o owner) (name, string) {
	if o.ambiguous {
		return name{}, twoOwners
	}
	return o.patient, ""
}

// ownEntries returns the surviving patient of each entry; zero for entries that are nobody's.
func (x *Index) ownEntries(rej func(fhir.Rejected)) []name {
	owners := make([]name, len(x.entries))
	for i := range x.entries {
		e := &x.entries[i]
		if e.flags&deleted != 0 {
			x.Counts.Deleted++
			continue
		}
		if e.flags&shared != 0 {
			continue
		}
		p, why := x.resolveName(e.subject)
		if why != "" {
			e.flags |= nobody
			x.reject(e, why, rej)
			continue
		}
		owners[i] = x.root(p)
	}
	return owners
}

func (x *Index) reject(e *entry, reason string, rej func(fhir.Rejected)) {
	rej(fhir.Rejected{Origin: x.origin(e), Type: x.types[e.typ], Reason: reason})
}

func (x *Index) origin(e *entry) fhir.Origin {
	return fhir.Origin{Source: x.Name(e.place.Input), Position: e.place.Position}
}

// group puts the entries of each patient side by side, the patients in the order of their ids.
func (x *Index) group(owners []name) {
	count := map[name]int{}
	for _, o := range owners {
		if o != (name{}) {
			count[o]++
		}
	}
	names := make([]name, 0, len(count))
	for n := range count {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b name) int { return strings.Compare(x.patients[a], x.patients[b]) })
	at := make(map[name]int, len(names))
	total := 0
	for _, n := range names {
		x.number[x.patients[n]] = len(x.list)
		x.list = append(x.list, Patient{ID: x.patients[n], first: total, last: total + count[n]})
		at[n] = total
		total += count[n]
	}
	x.grouped = make([]uint32, total)
	for i, o := range owners {
		if o != (name{}) {
			x.grouped[at[o]] = uint32(i) // #nosec G115 -- see put
			at[o]++
		}
	}
}

// Patients returns all patients in ascending order of their ids.
func (x *Index) Patients() []Patient { return x.list }

// Members returns the ids that the patient's resources may name it by: its own, and those of the patients it replaces.
func (x *Index) Members(p Patient) []string {
	ids := []string{p.ID}
	for _, i := range x.grouped[p.first:p.last] {
		if e := &x.entries[i]; x.types[e.typ] == "Patient" && x.patients[e.subject] != p.ID {
			ids = append(ids, x.patients[e.subject])
		}
	}
	slices.Sort(ids[1:])
	return ids
}

// Find returns the patient of an id; ok is false for an unknown or replaced one.
func (x *Index) Find(id string) (p Patient, ok bool) {
	i, ok := x.number[id]
	if !ok {
		return Patient{}, false
	}
	return x.list[i], true
}

// Len returns the number of resources that can be handed out.
func (x *Index) Len() int { return len(x.entries) - x.Counts.Deleted }
