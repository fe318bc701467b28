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
	byID     map[string]int  // by id of the surviving patient
	grouped  []uint32        // entries, those of one patient side by side
	owners   map[name]owner  // by identifier
	survivor map[name]name   // patients that another one replaces
	linked   map[name][]name // patients that links lead to, with those whose links these are
}

// Patient is one patient of an index: who survived of those that were merged, with the entries of all.
type Patient struct {
	ID          string
	first, last uint32 // of Index.grouped
	onDisk      []item // instead of these
}

type owner struct {
	patient name
	others  []name // several patients have the identifier
}

const (
	unknownSubject = "its subject is no patient of the input, by fullUrl or identifier"
	twoOwners      = "several patients have the identifier of its subject"
	twoMeanings    = "its subject refers to a fullUrl that two resources have"
	linkNowhere    = "a link to a merged patient leads to no Patient resource: the patient stands alone"
	linkSeveral    = "a patient is replaced by several others: it stands alone"
	linkCircle     = "patients replace each other in a circle: they stand alone"
)

// Resolve finds the patient of every entry and merges linked patients. What cannot be resolved goes to rej.
func (x *Index) Resolve(rej func(fhir.Rejected)) {
	x.identify(rej)
	owners := x.ownEntries(rej)
	x.rejectContested(rej)
	x.group(owners)
	x.byKey.freeze()
}

// identify finds out which patients are one, and which lead to which.
func (x *Index) identify(rej func(fhir.Rejected)) {
	x.byID, x.survivor = map[string]int{}, maps.Clone(x.merged)
	x.findOwners()
	x.mergeLinked(rej)
	x.findOwners() // those of merged patients are one now
	x.linkBack()
}

func (x *Index) findOwners() {
	x.owners = map[name]owner{}
	for self, f := range x.facts {
		self = x.root(self)
		for _, id := range f.identifiers {
			o, known := x.owners[id]
			if !known {
				o.patient = self
			} else if o.patient != self && !slices.Contains(o.others, self) {
				o.others = append(o.others, self)
			}
			x.owners[id] = o
		}
	}
}

// mergeLinked follows the links of all Patient resources, in the order in which they were read.
func (x *Index) mergeLinked(rej func(fhir.Rejected)) {
	targets := map[name][]name{}
	for i, e := range x.entries.all() {
		if e.flags&deleted != 0 || x.types[e.typ] != "Patient" {
			continue
		}
		for _, l := range x.facts[x.subject(e)].links {
			x.addTarget(targets, i, l, rej)
		}
	}
	for from, to := range targets {
		if len(to) == 1 {
			x.survivor[from] = to[0]
			delete(targets, from)
		}
	}
	for i, e := range x.entries.all() {
		if e.flags&deleted == 0 && x.types[e.typ] == "Patient" && len(targets[x.subject(e)]) > 1 {
			x.reject(i, linkSeveral, rej)
		}
	}
	x.cutCircles(rej)
}

func (x *Index) addTarget(targets map[name][]name, i uint32, l link, rej func(fhir.Rejected)) {
	from, okFrom := x.patientResource(l.from)
	to, okTo := x.patientResource(l.to)
	switch {
	case !okFrom || !okTo:
		x.reject(i, linkNowhere, rej)
	case from != to && !slices.Contains(targets[from], to):
		targets[from] = append(targets[from], to)
	}
}

// linkBack notes for each patient whose links lead there. Merged patients are one already.
func (x *Index) linkBack() {
	x.linked = map[name][]name{}
	for self, f := range x.facts {
		for _, n := range f.names {
			for _, to := range x.meanings(n) {
				from, to := x.root(self), x.root(to)
				if from != to && !slices.Contains(x.linked[to], from) {
					x.linked[to] = append(x.linked[to], from)
				}
			}
		}
	}
}

// LinkedFrom returns the patients whose Patient.link leads to this one, in order of their ids.
func (x *Index) LinkedFrom(p Patient) []fhir.Key {
	if len(x.linked) == 0 {
		return nil
	}
	var keys []fhir.Key
	for _, n := range x.linked[keyName(fhir.Key{Type: "Patient", ID: p.ID})] {
		keys = append(keys, fhir.Key{Type: "Patient", ID: x.patients[n]})
	}
	slices.SortFunc(keys, func(a, b fhir.Key) int { return strings.Compare(a.ID, b.ID) })
	return keys
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
	for i, e := range x.entries.all() {
		if circular[x.subject(e)] && x.types[e.typ] == "Patient" && e.flags&deleted == 0 {
			x.reject(i, linkCircle, rej)
		}
	}
	for n := range circular {
		delete(x.survivor, n)
	}
}

// root follows the survivors to the last one, and shortens the way for the next time.
func (x *Index) root(n name) name {
	last := n
	for next, ok := x.survivor[last]; ok; next, ok = x.survivor[last] {
		last = next
	}
	for next, ok := x.survivor[n]; ok && next != last; next, ok = x.survivor[n] {
		x.survivor[n] = last
		n = next
	}
	return last
}

// resolveName turns the name of a URL or identifier into that of a patient's key.
func (x *Index) resolveName(n name) (name, string) {
	if _, ok := x.patients[n]; ok {
		return n, ""
	}
	if x.stale[n] != nil {
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
	return name{}, unknownSubject
}

func (x *Index) singleOwner(o owner) (name, string) {
	if len(o.others) > 0 {
		return name{}, twoOwners
	}
	return o.patient, ""
}

// ownEntries returns the number of the surviving patient's name for each entry; 0 for entries that are nobody's.
func (x *Index) ownEntries(rej func(fhir.Rejected)) []uint32 {
	owners := make([]uint32, x.entries.n)
	for i, e := range x.entries.all() {
		if e.flags&deleted != 0 {
			x.Counts.Deleted++
			continue
		}
		if e.flags&shared != 0 {
			continue
		}
		p, why := x.resolveName(x.subject(e))
		if why != "" {
			x.reject(i, why, rej)
			continue
		}
		owners[i] = x.number(x.root(p))
	}
	return owners
}

func (x *Index) reject(i uint32, reason string, rej func(fhir.Rejected)) {
	e := x.entries.at(i)
	r := fhir.Rejected{Origin: x.origin(i), Type: x.types[e.typ], Reason: reason}
	if r.Type == "Consent" {
		x.mayBeOf(&r, x.subject(e))
	}
	rej(r)
}

// rejectContested rejects the Consents that name several patients.
func (x *Index) rejectContested(rej func(fhir.Rejected)) {
	for _, c := range x.contested {
		r := fhir.Rejected{Origin: fhir.Origin{Source: x.Name(c.input), Position: c.position}, Type: "Consent", Reason: severalPatients}
		x.mayBeOf(&r, c.subjects...)
		rej(r)
	}
	x.contested = nil
}

// mayBeOf notes every patient whom the names may mean.
func (x *Index) mayBeOf(r *fhir.Rejected, names ...name) {
	var keys []fhir.Key
	for _, n := range names {
		for _, p := range x.meanings(n) {
			k := fhir.Key{Type: "Patient", ID: x.patients[x.root(p)]}
			if k.ID != "" && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) > 0 {
		r.Patient, r.Others = keys[0], keys[1:]
	}
}

// meanings returns the patients that a name may mean.
func (x *Index) meanings(n name) []name {
	if p, why := x.resolveName(n); why == "" {
		return []name{p}
	}
	var all []name
	if k, ok := x.aliases[n]; ok {
		for _, k := range append([]fhir.Key{k}, x.stale[n]...) {
			if k.Type == "Patient" {
				all = append(all, x.mention(k))
			}
		}
	}
	if o, ok := x.owners[n]; ok {
		all = append(append(all, o.patient), o.others...)
	}
	return all
}

// group puts the entries of each patient side by side, the patients in the order of their ids.
func (x *Index) group(owners []uint32) {
	count := make([]uint32, len(x.names)+1)
	for _, o := range owners {
		count[o]++
	}
	var numbers []uint32
	for o := 1; o < len(count); o++ {
		if count[o] > 0 {
			numbers = append(numbers, uint32(o)) // #nosec G115 -- see number
		}
	}
	id := func(o uint32) string { return x.patients[x.names[o-1]] }
	slices.SortFunc(numbers, func(a, b uint32) int { return strings.Compare(id(a), id(b)) })
	at := make([]uint32, len(count))
	total := uint32(0)
	for _, o := range numbers {
		x.byID[id(o)] = len(x.list)
		x.list = append(x.list, Patient{ID: id(o), first: total, last: total + count[o]})
		at[o] = total
		total += count[o]
	}
	x.grouped = make([]uint32, total)
	for i, o := range owners {
		if o != 0 {
			x.grouped[at[o]] = uint32(i) // #nosec G115 -- see put
			at[o]++
		}
	}
}

// Patients returns all patients in ascending order of their ids.
func (x *Index) Patients() []Patient { return x.list }

// Find returns the patient of an id; ok is false for an unknown or replaced one.
func (x *Index) Find(id string) (p Patient, ok bool) {
	i, ok := x.byID[id]
	if !ok {
		return Patient{}, false
	}
	return x.list[i], true
}

// Len returns the number of resources that can be handed out.
func (x *Index) Len() int { return int(x.entries.n) - x.Counts.Deleted }
