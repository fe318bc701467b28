package rest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/fhir/gather"
)

// Fetch asks for the wanted resources of one patient.
func (s *Source) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	facts, err := s.prepare(ctx, rej)
	if err != nil {
		return nil, err
	}
	f := fetch{source: s, facts: facts, wanted: wanted, rej: rej, members: map[string]bool{}, linked: map[fhir.Key][]fhir.Key{}}
	f.memory = gather.NewMemory(func(i uint32) string { return f.inputs[i] })
	if err := f.addPatient(patient); err != nil {
		return nil, err
	}
	if err := f.clinical(ctx); err != nil {
		return nil, err
	}
	if err := f.sharedResources(ctx); err != nil {
		return nil, err
	}
	records, err := f.records([]fhir.Key{patient})
	if err != nil {
		return nil, err
	}
	return records[0], nil
}

// fetch collects the resources of some patients.
type fetch struct {
	source  *Source
	facts   *gather.Catalog
	wanted  fhir.Wanted
	rej     func(fhir.Rejected)
	adding  sync.Mutex // of memory, inputs and what takes from searches that run side by side
	memory  *gather.Memory
	inputs  []string
	members map[string]bool // ids of the patients that were asked for, merged ones included
	order   []string
	linked  map[fhir.Key][]fhir.Key // by patient: whose Patient.link leads to them
	again   []string                // types of facts that are not taken as they were read first
	tallies tallies                 // of the patients' searches
}

func (f *fetch) want(typ string) bool { return isFact(typ) || f.wanted.Has(typ) }

func (f *fetch) isAgain(typ string) bool { return slices.Contains(f.again, typ) }

func (f *fetch) isKnown(typ string) bool { return isFact(typ) && !f.isAgain(typ) }

func (f *fetch) addPatient(key fhir.Key) error {
	p, err := f.source.find(f.facts, key)
	if err != nil {
		return err
	}
	ids, err := f.source.membersOf(f.facts, p)
	if err != nil {
		return err
	}
	for _, id := range ids {
		f.members[id] = true
		f.tallies.add(id, key)
		f.order = append(f.order, id)
	}
	record, err := f.facts.Record(p, f.isKnown, f.source.readSpool)
	if err != nil {
		return err
	}
	f.linked[key] = record.LinkedFrom()
	for r := range record.Resources() {
		f.memory.AddOwned(r, p.ID, f.input(r.Origin.Source))
	}
	return nil
}

// find looks a patient up among those whose facts were read.
func (s *Source) find(facts *gather.Catalog, key fhir.Key) (gather.Patient, error) {
	p, ok, err := facts.Find(key.ID)
	if err == nil && (!ok || key.Type != "Patient") {
		err = fmt.Errorf("%s: %w", s.Name(), fhir.ErrUnknownPatient)
	}
	return p, err
}

func (f *fetch) input(name string) uint32 {
	i := slices.Index(f.inputs, name)
	if i < 0 {
		i = len(f.inputs)
		f.inputs = append(f.inputs, name)
	}
	return uint32(i) // #nosec G115 -- as many as there are types
}

// clinical searches all wanted types by patient.
func (f *fetch) clinical(ctx context.Context) error {
	types := f.wanted.Types()
	if f.wanted.All() {
		types = fhir.OwnedTypes()
	}
	for _, typ := range types {
		if fhir.IsFact(typ) || fhir.SubjectParameter(typ) == "" || !f.source.can.has(typ) {
			continue
		}
		err := f.source.narrowed(ctx, typ, f.wanted.Narrowing(typ), func(ctx context.Context, c fhir.Criterion) error {
			return f.byPatients(ctx, typ, c)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *fetch) byPatients(ctx context.Context, typ string, c fhir.Criterion) error {
	for _, piece := range f.source.pieces(typ, c) {
		f.tallies.begin(piece.name)
		for _, ids := range f.source.chunksBeside(f.order, piece) {
			if err := f.search(ctx, f.source.byPatients(piece, ids)); err != nil {
				return err
			}
		}
		f.tallies.end()
	}
	return nil
}

func byPatient(typ, name string, typed bool, ids []string) query {
	values := slices.Clone(ids)
	if typed {
		for i := range values {
			values[i] = "Patient/" + values[i]
		}
	}
	return query{typ: typ, params: []param{{name, strings.Join(values, ",")}}, check: []string{name}}
}

func byID(typ string, ids []string) query {
	return query{typ: typ, params: []param{{"_id", strings.Join(ids, ",")}}, check: []string{"_id"}}
}

// maxQuery bounds the ids of one search in bytes: some servers and proxies cut URLs off behind about 2000.
const maxQuery = 1700

// chunks cuts a list of ids into pieces of at most size ids and about maxQuery bytes.
func chunks(ids []string, size int) [][]string { return cut(ids, size, maxQuery, len("Patient/,")) }

// errForeignPatient stops a run whose server answers more than was asked for.
var errForeignPatient = errors.New("the server sent resources of other patients than were asked for: it ignored the search parameter")

// search puts the results of a search by patient into the memory.
func (f *fetch) search(ctx context.Context, q query) error {
	return f.searchTaking(ctx, q, func(e *bundle.Entry) (bool, error) {
		if f.foreign(e.Resource) {
			return false, errForeignPatient
		}
		f.tallies.count(e.Resource)
		return true, nil
	})
}

// searchTaking puts those results into the memory that take says yes to.
func (f *fetch) searchTaking(ctx context.Context, q query, take func(*bundle.Entry) (bool, error)) error {
	name := f.source.Name() + " " + q.typ
	refused := map[string]bool{}
	return f.source.search(ctx, q, func(e *bundle.Entry) error {
		if e.Resource.Type != q.typ {
			return nil // an include that nobody asked for
		}
		f.adding.Lock()
		defer f.adding.Unlock()
		if ok, err := take(e); !ok {
			return err
		}
		e.Resource.Origin = fhir.Origin{Source: name, Position: f.memory.Next()}
		reason := f.memory.Add(e.Resource, e.FullURL, e.Subsetted, f.input(name))
		e.Keep = reason == ""
		if !e.Keep && !refused[e.Resource.ID] {
			refused[strings.Clone(e.Resource.ID)] = true
			f.rej(fhir.Rejected{Origin: e.Resource.Origin, Type: q.typ, Reason: reason})
		}
		return nil
	}, f.rej)
}

// foreign reports whether the resource names only patients that were not asked for.
func (f *fetch) foreign(r *fhir.Resource) bool {
	named := false
	for subject := range r.Subject().Elements() {
		k, ok := fhir.ParseReference(subject.Get("reference").Text()).Key()
		if !ok || f.members[k.ID] {
			return false
		}
		named = true
	}
	return named
}

// maxSteps bounds how far references between shared resources are followed (Medication, ingredient, manufacturer, ...).
const maxSteps = 8

// sharedResources asks for what the resources refer to until nothing is missing.
func (f *fetch) sharedResources(ctx context.Context) error {
	for range maxSteps {
		keys := f.memory.Missing(f.wantShared)
		if len(keys) == 0 {
			return nil
		}
		missing := map[string][]string{}
		for _, k := range keys {
			if text, ok := f.source.shared.get(k); ok {
				f.addShared(text)
			} else {
				missing[k.Type] = append(missing[k.Type], k.ID)
			}
		}
		for _, typ := range sortedKeys(missing) {
			for _, ids := range chunks(missing[typ], f.source.options.Batch) {
				if err := f.searchShared(ctx, byID(typ, ids)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (f *fetch) wantShared(typ string) bool {
	b := fhir.BelongsToPatients(typ)
	return (b == fhir.Shared || b == fhir.Possible) && f.want(typ) && f.source.can.has(typ)
}

func (f *fetch) searchShared(ctx context.Context, q query) error {
	return f.source.search(ctx, q, func(e *bundle.Entry) error {
		if e.Resource.Type != q.typ || f.foreign(e.Resource) {
			return nil // a Device of somebody else
		}
		f.source.shared.put(e.Resource.Key(), e.Text)
		f.addShared(e.Text)
		return nil
	}, f.rej)
}

func (f *fetch) addShared(text string) {
	r, err := fhir.ReadResource(text, fhir.Origin{})
	if err != nil {
		return // the search parsed it
	}
	input := f.input(f.source.Name() + " " + r.Type)
	r.Origin = fhir.Origin{Source: f.inputs[input], Position: f.memory.Next()}
	f.memory.Add(r, "", fhir.IsSubsetted(r.Get("meta")), input)
}

func (f *fetch) records(patients []fhir.Key) ([]*fhir.Record, error) {
	f.memory.Resolve(func(r fhir.Rejected) {
		if !fhir.IsFact(r.Type) || f.isAgain(r.Type) { // the other facts were judged with all patients in view
			f.rej(r)
		}
	})
	list := make([]*fhir.Record, 0, len(patients))
	for _, key := range patients {
		p, ok := f.memory.Find(key.ID)
		if !ok && len(f.again) > 0 { // known only by what is gone
			list = append(list, fhir.NewRecord(key))
			continue
		}
		if !ok {
			return nil, fmt.Errorf("%s: a patient was lost while its resources were fetched", f.source.Name())
		}
		record, err := f.memory.Record(p, f.want)
		if err != nil {
			return nil, err
		}
		record.SetLinkedFrom(f.linked[key])
		record.SetFound(f.tallies.of(key))
		list = append(list, record)
	}
	return list, nil
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// sharedCache keeps shared resources, which many patients refer to.
type sharedCache struct {
	mu    sync.Mutex
	texts map[fhir.Key]string
	order []fhir.Key
	size  int
}

const maxShared = 8 << 20 // bytes of text

func (c *sharedCache) get(k fhir.Key) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, ok := c.texts[k]
	return text, ok
}

// put keeps only what certainly belongs to nobody.
func (c *sharedCache) put(k fhir.Key, text string) {
	if fhir.BelongsToPatients(k.Type) != fhir.Shared {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.texts[k]; ok {
		return
	}
	c.texts[k] = text
	c.order = append(c.order, k)
	for c.size += len(text); c.size > maxShared && len(c.order) > 0; c.order = c.order[1:] {
		c.size -= len(c.texts[c.order[0]])
		delete(c.texts, c.order[0])
	}
}
