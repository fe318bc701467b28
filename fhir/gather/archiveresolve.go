package gather

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/crflink/crflink/fhir"
)

// resolve finds the patient of every entry and merges linked patients. What cannot be resolved goes to rej.
func (a *archive) resolve(rej func(fhir.Rejected)) error {
	a.rejects, a.sums = rej, make([]uint64, len(a.types))
	a.graph = NewIndex(a.Name)
	for _, step := range []func() error{a.readPeople, a.readMeanings, a.link, a.ownPeople, a.ownOthers, a.ownIndirect, a.group} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// readPeople finds the Patient resources that count, notes their identifiers, and puts those with links into the graph.
func (a *archive) readPeople() (err error) {
	if a.people, err = newTable(a.folder, byName); err != nil {
		return err
	}
	for v, err := range a.newest(&a.persons) {
		if err != nil {
			return err
		}
		rest := v.rest
		id, f := rest.text(), rest.facts()
		a.row = appendFacts(appendText(appendItem(appendName(a.row[:0], v.key), &v.item), id), f)
		if err := a.people.add(a.row); err != nil {
			return err
		}
		for _, n := range f.identifiers {
			a.row = definition(a.row, n, isOwned, fhir.Key{Type: "Patient", ID: id})
			if err := a.definitions.add(a.row); err != nil {
				return err
			}
		}
		if len(f.links) > 0 || len(f.names) > 0 {
			a.addToGraph(v.key, id, v.item, f)
		}
	}
	return errorsOf(a.people.finish(), a.persons.close())
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// addToGraph adds a Patient resource. Its identifiers are looked up where something is known by them only.
func (a *archive) addToGraph(n name, id string, it item, f facts) {
	g := a.graph
	if _, known := g.facts[n]; known {
		return
	}
	g.patients[n] = id
	g.facts[n] = facts{links: f.links, names: f.names}
	e := entry{subject: g.number(n), store: it.store, offset: it.offset}
	g.put(e, Place{Span: it.span(), Input: it.input, Position: it.position}, "Patient", id)
}

// readMeanings sorts what names mean, each meaning once.
func (a *archive) readMeanings() (err error) {
	if a.means, err = newTable(a.folder, byName); err != nil {
		return err
	}
	var last []byte
	for row, err := range a.definitions.all() {
		if err != nil {
			return err
		}
		if bytes.Equal(row, last) {
			continue
		}
		last = append(last[:0], row...)
		if err := a.means.add(row); err != nil {
			return err
		}
	}
	return errorsOf(a.means.finish(), a.definitions.close())
}

// link finds out which patients are one. Only those that links or contested Consents lead to are looked at.
func (a *archive) link() error {
	g := a.graph
	var ends []name
	for _, f := range g.facts {
		ends = append(ends, f.names...)
	}
	for _, c := range a.contested {
		ends = append(ends, c.subjects...)
	}
	for _, n := range ends {
		if err := a.learn(g, n); err != nil {
			return err
		}
	}
	g.contested = a.contested
	g.identify(a.rejects)
	g.rejectContested(a.rejects)
	return nil
}

// learn tells an index all that a name means.
func (a *archive) learn(x *Index, n name) error {
	if _, known := x.patients[n]; known || n == (name{}) {
		return nil
	}
	found, err := a.learnPatient(x, n)
	if found || err != nil {
		return err
	}
	nothing := true
	for row, err := range a.means.find(appendName(nil, n)) {
		if err != nil {
			return err
		}
		nothing = false
		if err := a.learnMeaning(x, n, rowReader{row[16:]}); err != nil {
			return err
		}
	}
	if nothing {
		x.patients[n] = a.mentioned[n] // a patient without a Patient resource, or a name that nobody has
	}
	return nil
}

// learnPatient tells an index of a Patient resource, if there is one of the name.
func (a *archive) learnPatient(x *Index, n name) (found bool, err error) {
	for row, err := range a.people.find(appendName(nil, n)) {
		if err != nil {
			return false, err
		}
		r := rowReader{row[16:]}
		it, id := r.item(), r.text()
		if x == a.graph {
			a.addToGraph(n, id, it, r.facts())
			return true, nil
		}
		x.patients[n], x.facts[n] = id, facts{}
		return true, nil
	}
	return false, nil
}

func (a *archive) learnMeaning(x *Index, n name, r rowReader) error {
	kind := r.byte()
	k := fhir.Key{Type: "Patient"}
	if kind == isAlias {
		k.Type = r.text()
	}
	k.ID = r.text()
	self := keyName(k)
	if k.Type == "Patient" {
		if _, err := a.learnPatient(x, self); err != nil {
			return err
		}
	}
	switch _, taken := x.aliases[n]; {
	case kind == isAlias && taken:
		if x.aliases[n] != k && !slices.Contains(x.stale[n], k) {
			x.stale[n] = append(x.stale[n], k)
		}
	case kind == isAlias:
		x.aliases[n] = k
	case kind == isAbsolute:
		x.absolutes[n] = k
	default:
		f := x.facts[self]
		if !slices.Contains(f.identifiers, n) {
			f.identifiers = append(f.identifiers, n)
		}
		x.facts[self] = f
	}
	return nil
}

// own notes that an entry is a patient's.
func (a *archive) own(id string, it *item) error {
	row := append(append(a.row[:0], id...), 0)
	row = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(row, it.store), uint64(it.offset)) // #nosec G115 -- not negative
	a.row = appendItem(appendName(row, it.key), it)
	a.length++
	return a.owned.add(a.row)
}

// survivor returns the id of the patient that has taken the place of one, or its own.
func (a *archive) survivor(n name, id string) string {
	if last := a.graph.root(n); last != n {
		return a.graph.patients[last]
	}
	return id
}

func (a *archive) ownPeople() error {
	for row, err := range a.people.all() {
		if err != nil {
			return err
		}
		r := rowReader{row}
		key := r.name()
		it := r.item()
		it.key = key
		if err := a.own(a.survivor(key, r.text()), &it); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) ownOthers() (err error) {
	if a.sharing, err = newTable(a.folder, byName); err != nil {
		return err
	}
	for v, err := range a.newest(&a.others) {
		if err != nil {
			return err
		}
		if err := a.ownOther(&v); err != nil {
			return err
		}
	}
	return errorsOf(a.sharing.finish(), a.others.close())
}

func (a *archive) ownOther(v *version) error {
	switch v.rest.byte() {
	case ofID:
		id := v.rest.text()
		return a.own(a.survivor(keyName(fhir.Key{Type: "Patient", ID: id}), id), &v.item)
	case ofName:
		a.row = appendItem(appendName(appendName(a.row[:0], v.rest.name()), v.key), &v.item)
		return a.indirect.add(a.row)
	}
	a.length++
	a.sums[v.typ] += v.sum
	if v.key == (name{}) {
		return nil // without an id nothing leads to it
	}
	a.row = appendItem(appendName(a.row[:0], v.key), &v.item)
	return a.sharing.add(a.row)
}

// ownIndirect finds the patients of entries that name them by URL or identifier. Entries of one patient follow each other.
func (a *archive) ownIndirect() error {
	var x *Index
	var last name
	for row, err := range a.indirect.all() {
		if err != nil {
			return err
		}
		r := rowReader{row}
		n, key := r.name(), r.name()
		it := r.item()
		it.key = key
		if x == nil || n != last {
			last = n
			if x, err = a.about(n); err != nil {
				return err
			}
		}
		p, why := x.resolveName(n)
		if why != "" {
			a.reject(x, &it, n, why)
			continue
		}
		if err := a.own(a.survivor(p, x.patients[p]), &it); err != nil {
			return err
		}
	}
	return a.indirect.close()
}

// about returns an index that knows what one name means, and which patients are one.
func (a *archive) about(n name) (*Index, error) {
	x := NewIndex(a.Name)
	x.survivor = a.graph.survivor
	if err := a.learn(x, n); err != nil {
		return nil, err
	}
	if x.patients[n] == "" {
		delete(x.patients, n)
	}
	x.findOwners()
	for p := range x.facts { // a survivor that only links lead to
		last := x.root(p)
		if _, ok := x.patients[last]; !ok {
			x.patients[last] = a.graph.patients[last]
		}
	}
	return x, nil
}

func (a *archive) reject(x *Index, it *item, n name, why string) {
	a.length++
	r := fhir.Rejected{Origin: a.originOf(*it), Type: a.types[it.typ], Reason: why}
	if r.Type == "Consent" {
		x.mayBeOf(&r, n)
	}
	a.rejects(r)
}

// group puts the entries of each patient side by side, the patients in the order of their ids.
func (a *archive) group() (err error) {
	if a.patients, err = newTable(a.folder, byText); err != nil {
		return err
	}
	for row, err := range a.owned.all() {
		if err == nil {
			err = a.patients.add(row)
		}
		if err != nil {
			return err
		}
	}
	return errorsOf(a.patients.finish(), a.owned.close())
}
