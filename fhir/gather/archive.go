package gather

import (
	"encoding/binary"
	"errors"
	"iter"
	"slices"

	"github.com/crflink/crflink/fhir"
)

// archive is an index on disk. It takes over one index after the other, in the order in which they were filled; resolve then
// finds the patient of every entry by sorting, and what a patient has lies together. In memory is only what a fixed number of
// blocks needs, and what links between patients and Consents of several patients say.
type archive struct {
	folder string
	Name   func(uint32) string
	types  []string
	counts Counts
	taken  uint32 // how many indexes were taken over

	persons     sorter // Patients: key, number of the index, item, id, facts
	others      sorter // other entries: key, number of the index, item, whose
	definitions sorter // see definition
	indirect    sorter // entries of named patients: name of the patient, key, item
	owned       sorter // entries of patients: id, store, offset, key, item

	contested []contested
	mentioned map[name]string // ids of patients that contested Consents name

	graph    *Index   // what links and contested Consents need, and nothing else
	people   *table   // as persons, the newest versions
	means    *table   // as definitions
	sharing  *table   // shared entries: key, item
	patients *table   // as owned
	sums     []uint64 // of what belongs to nobody, by type
	rejects  func(fhir.Rejected)
	row      []byte
	length   int
}

func newArchive(folder string, inputName func(uint32) string) *archive {
	a := &archive{folder: folder, Name: inputName, mentioned: map[name]string{}}
	for _, s := range a.sorters() {
		s.folder = folder
	}
	return a
}

func (a *archive) sorters() []*sorter {
	return []*sorter{&a.persons, &a.others, &a.definitions, &a.indirect, &a.owned}
}

func (a *archive) close() error {
	var errs []error
	for _, s := range a.sorters() {
		errs = append(errs, s.close())
	}
	for _, t := range []*table{a.people, a.means, a.sharing, a.patients} {
		if t != nil {
			errs = append(errs, t.close())
		}
	}
	return errors.Join(errs...)
}

// take takes over what an unresolved index knows.
func (a *archive) take(x *Index) error {
	keys := make([]name, x.entries.n)
	for key, i := range x.byKey.filling {
		keys[i] = key
	}
	for i := range x.entries.n {
		if err := a.takeEntry(x, i, keys[i]); err != nil {
			return err
		}
	}
	if err := a.takeNames(x); err != nil {
		return err
	}
	for _, c := range x.contested {
		a.contested = slices.DeleteFunc(a.contested, c.isOf)
		for _, n := range c.subjects {
			if id, ok := x.patients[n]; ok {
				a.mentioned[n] = id
			}
		}
	}
	a.contested = append(a.contested, x.contested...)
	a.counts.add(x.Counts)
	a.types = x.types
	a.taken++
	return nil
}

func (c *Counts) add(more Counts) {
	c.Superseded += more.Superseded
	c.Deleted += more.Deleted
	c.Withheld += more.Withheld
	c.Outcomes += more.Outcomes
}

func (a *archive) takeEntry(x *Index, i uint32, key name) error {
	it := x.item(i)
	sortedBy := key
	if key == (name{}) { // an entry without an id competes with no other
		sortedBy = name{uint64(a.taken), uint64(i)}
	}
	row := binary.BigEndian.AppendUint32(appendName(a.row[:0], sortedBy), a.taken)
	it.flags &^= keyed
	if key != (name{}) {
		it.flags |= keyed
	}
	row = appendItem(row, &it)
	subject := x.subject(&it.entry)
	to := &a.others
	switch id, known := x.patients[subject]; {
	case x.types[it.typ] == "Patient":
		to = &a.persons
		row = appendFacts(appendText(row, id), x.facts[key])
	case subject == name{}:
		row = append(row, ofNobody)
	case known:
		row = appendText(append(row, ofID), id)
	default:
		row = appendName(append(row, ofName), subject)
	}
	a.row = row
	return to.add(row)
}

// takeNames takes over what fullUrls and absolute references mean.
func (a *archive) takeNames(x *Index) error {
	define := func(n name, kind byte, k fhir.Key) error {
		a.row = definition(a.row, n, kind, k)
		return a.definitions.add(a.row)
	}
	for n, k := range x.aliases {
		for _, k := range append([]fhir.Key{k}, x.stale[n]...) {
			if err := define(n, isAlias, k); err != nil {
				return err
			}
		}
	}
	for n, k := range x.absolutes {
		if err := define(n, isAbsolute, k); err != nil {
			return err
		}
	}
	return nil
}

// version is a row of persons or others.
type version struct {
	item
	rest rowReader
}

func (a *archive) version(row []byte) version {
	r := rowReader{row}
	v := version{}
	key := r.name()
	r.left = r.left[4:] // the index's number
	v.item = r.item()
	if v.flags&keyed != 0 {
		v.key = key
	}
	v.rest = r
	return v
}

// newest yields, of all versions with one key, the one that counts, as supersede tells them one by one. Deletions that count are
// counted and not yielded.
func (a *archive) newest(from *sorter) iter.Seq2[version, error] {
	return func(yield func(version, error) bool) {
		var best version
		var kept []byte
		var have bool
		give := func() bool {
			if have && best.flags&deleted != 0 {
				a.counts.Deleted++
				return true
			}
			return !have || yield(best, nil)
		}
		for row, err := range from.all() {
			if err != nil {
				yield(version{}, err)
				return
			}
			v := a.version(row)
			if have && v.key != (name{}) && v.key == best.key {
				won := newer(v.entry, best.entry)
				a.counts.lost(v.entry, best.entry, won)
				if !won {
					continue
				}
			} else if !give() {
				return
			}
			kept = append(kept[:0], row...)
			best, have = a.version(kept), true
		}
		give()
	}
}

// items appends what is on disk of the patient.
func (a *archive) items(p Patient, want func(typ string) bool, into []item) []item {
	for _, it := range p.onDisk {
		if want(a.typeName(it.typ)) {
			into = append(into, it)
		}
	}
	return into
}

// Patients yields all patients in ascending order of their ids.
func (a *archive) Patients() iter.Seq2[Patient, error] {
	return func(yield func(Patient, error) bool) {
		var p Patient
		for row, err := range a.patients.all() {
			if err != nil {
				yield(Patient{}, err)
				return
			}
			id, it := a.ownedRow(row)
			if string(id) != p.ID {
				if p.ID != "" && !yield(p, nil) {
					return
				}
				p = Patient{ID: string(id)}
			}
			p.onDisk = append(p.onDisk, it)
		}
		if p.ID != "" {
			yield(p, nil)
		}
	}
}

// Find returns the patient of an id; ok is false for an unknown or replaced one.
func (a *archive) Find(id string) (p Patient, ok bool, err error) {
	p.ID = id
	for row, err := range a.patients.find(idKey(id)) {
		if err != nil {
			return Patient{}, false, err
		}
		_, it := a.ownedRow(row)
		p.onDisk = append(p.onDisk, it)
	}
	return p, len(p.onDisk) > 0, nil
}

func (a *archive) ownedRow(row []byte) (id []byte, it item) {
	id = byText(row)
	r := rowReader{row[len(id)+4+8:]}
	key := r.name()
	it = r.item()
	it.key = key
	return id[:len(id)-1], it
}

func (a *archive) shared(n name) (it item, ok bool, err error) {
	for row, err := range a.sharing.find(appendName(nil, n)) {
		if err != nil {
			return item{}, false, err
		}
		r := rowReader{row}
		key := r.name()
		it, ok = r.item(), true
		it.key = key
	}
	return it, ok, nil
}

func (a *archive) meaning(n name) (fhir.Key, bool, error) {
	var found []fhir.Key
	for row, err := range a.means.find(appendName(nil, n)) {
		if err != nil {
			return fhir.Key{}, false, err
		}
		if r := (rowReader{row[16:]}); r.byte() == isAlias {
			found = append(found, fhir.Key{Type: r.text(), ID: r.text()})
		}
	}
	if len(found) != 1 {
		return fhir.Key{}, false, nil
	}
	return found[0], true, nil
}

func (a *archive) holds(it item, key name) bool { return it.key == key }

func (a *archive) originOf(it item) fhir.Origin {
	return fhir.Origin{Source: a.Name(it.input), Position: it.position}
}

func (a *archive) typeName(n uint16) string { return a.types[n] }

// LinkedFrom returns the patients whose Patient.link leads to this one.
func (a *archive) LinkedFrom(p Patient) []fhir.Key { return a.graph.LinkedFrom(p) }
