package rest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/fhir/gather"
	"github.com/crflink/crflink/internal/beside"
)

// Reread returns the patients' facts, with those of the given types as the server has them now and the others as they were
// when Subjects read them. Facts that were known and that a search by patient no longer finds are asked for by id, because
// some name their patient in ways which that search does not see. What Subjects and Fetch give does not change.
func (s *Source) Reread(ctx context.Context, patients []fhir.Key, types []string, rej func(fhir.Rejected)) ([]*fhir.Record, error) {
	facts, err := s.prepare(ctx, rej)
	if err != nil {
		return nil, err
	}
	f := fetch{source: s, facts: facts, rej: rej, members: map[string]bool{}, linked: map[fhir.Key][]fhir.Key{}, again: types}
	f.memory = gather.NewMemory(func(i uint32) string { return f.inputs[i] })
	a := rereading{fetch: &f, before: map[fhir.Key]bool{}}
	for _, key := range patients {
		if err := f.addPatient(key); err != nil {
			return nil, err
		}
		if err := a.note(key); err != nil {
			return nil, err
		}
	}
	var telling sync.Mutex
	f.rej = func(x fhir.Rejected) {
		telling.Lock()
		defer telling.Unlock()
		rej(x)
	}
	if err := beside.Each(ctx, len(types), func(ctx context.Context, i int) error { return a.read(ctx, types[i]) }); err != nil {
		return nil, fmt.Errorf("read again: %w", err)
	}
	return f.records(patients)
}

// rereading asks for facts once more.
type rereading struct {
	fetch  *fetch
	before map[fhir.Key]bool // facts that were known, until they are found again
}

// note takes up which facts of the types were known of a patient.
func (a *rereading) note(patient fhir.Key) error {
	p, err := a.fetch.source.find(a.fetch.facts, patient)
	if err != nil {
		return err
	}
	record, err := a.fetch.facts.Record(p, a.fetch.isAgain, a.fetch.source.readSpool)
	if err != nil {
		return err
	}
	defer record.Release()
	for r := range record.Resources() {
		a.before[fhir.Key{Type: r.Type, ID: r.ID}] = true
	}
	return nil
}

func (a *rereading) read(ctx context.Context, typ string) error {
	s := a.fetch.source
	if !s.can.has(typ) {
		return nil
	}
	name, typed := s.can.parameter(typ)
	parts := s.chunksBeside(a.fetch.order, piece{typ: typ})
	err := beside.Each(ctx, len(parts), func(ctx context.Context, i int) error {
		return a.fetch.searchTaking(ctx, byPatient(typ, name, typed, parts[i]), a.found)
	})
	if err != nil {
		return err
	}
	for _, ids := range chunks(a.left(typ), s.options.Batch) {
		if err := a.fetch.searchTaking(ctx, byID(typ, ids), a.stillTheirs); err != nil {
			return err
		}
	}
	return nil
}

// left returns the ids of known facts of a type that were not found again yet.
func (a *rereading) left(typ string) []string {
	a.fetch.adding.Lock()
	defer a.fetch.adding.Unlock()
	var ids []string
	for k := range a.before {
		if k.Type == typ {
			ids = append(ids, k.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func (a *rereading) found(e *bundle.Entry) (bool, error) {
	if a.fetch.foreign(e.Resource) {
		return false, errForeignPatient
	}
	delete(a.before, e.Resource.Key())
	return true, nil
}

// stillTheirs passes over what has become somebody else's.
func (a *rereading) stillTheirs(e *bundle.Entry) (bool, error) {
	if !a.before[e.Resource.Key()] {
		return false, nil
	}
	return !a.fetch.foreign(e.Resource), nil
}
