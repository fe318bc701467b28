package several

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/beside"
)

// rereader is a part that can be asked again for facts.
type rereader interface {
	Reread(ctx context.Context, patients []fhir.Key, types []string, rej func(fhir.Rejected)) ([]*fhir.Record, error)
}

// Reread returns the persons' facts as the parts have them now; nil for one whom a silent part knows.
func (s *Source) Reread(ctx context.Context, patients []fhir.Key, types []string, rej func(fhir.Rejected)) ([]*fhir.Record, error) {
	again := map[member]*fhir.Record{}
	defer func() {
		for _, left := range again {
			left.Release()
		}
	}()
	keys, rej := s.byPart(patients), oneByOne(rej)
	var taking sync.Mutex
	err := beside.Each(ctx, len(s.parts), func(ctx context.Context, i int) error {
		p := s.parts[i]
		if len(keys[p]) == 0 {
			return nil
		}
		records, err := p.again(ctx, keys[p], types, rej)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			_ = p.fail(err) // together tells of it
			return nil
		}
		taking.Lock()
		defer taking.Unlock()
		for n, record := range records {
			again[member{p, keys[p][n].ID}] = record
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]*fhir.Record, len(patients))
	for i, key := range patients {
		p, ok := s.find(key)
		if !ok {
			return nil, fmt.Errorf("%s: %w", s.Name(), fhir.ErrUnknownPatient)
		}
		record, err := s.together(ctx, p, func(m member) (*fhir.Record, error) {
			record := again[m]
			delete(again, m)
			return record, nil
		})
		if err != nil && !s.passesOver(err) {
			return nil, err
		}
		list[i] = record
	}
	return list, nil
}

// again asks the part for facts, where it can be asked again.
func (p *part) again(ctx context.Context, keys []fhir.Key, types []string, rej func(fhir.Rejected)) ([]*fhir.Record, error) {
	if err := p.state(); err != nil {
		return nil, err
	}
	if r, ok := p.Source.(rereader); ok {
		return r.Reread(ctx, keys, types, p.rejects(rej))
	}
	records := make([]*fhir.Record, len(keys))
	for i, key := range keys {
		var err error
		if records[i], err = p.Source.Fetch(ctx, key, fhir.Wanted{}, p.rejects(rej)); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// asker is a part that can be asked about groups and by searches.
type asker interface {
	Members(ctx context.Context, of fhir.Key) ([]fhir.Key, error)
	Has(ctx context.Context, patient fhir.Key, typ string, parameters map[string]string) (bool, error)
}

var errNoServer = errors.New("the source is no server that is searched")

// Members asks the part whose alias stands in the id.
func (s *Source) Members(ctx context.Context, of fhir.Key) ([]fhir.Key, error) {
	for _, p := range s.parts {
		id, ok := p.own(of.ID)
		if !ok {
			continue
		}
		a, err := p.asker()
		if err != nil {
			return nil, err
		}
		keys, err := a.Members(ctx, fhir.Key{Type: of.Type, ID: id})
		if err != nil && ctx.Err() == nil {
			return nil, p.fail(err)
		}
		return p.keys(keys), err
	}
	return nil, fmt.Errorf("%s/…: write ALIAS.ID, with the alias of a source", of.Type)
}

func (p *part) asker() (asker, error) {
	if err := p.state(); err != nil {
		return nil, p.fail(err)
	}
	a, ok := p.Source.(asker)
	if !ok {
		return nil, errNoServer
	}
	return a, nil
}

// Has reports whether a part has something of the person.
func (s *Source) Has(ctx context.Context, patient fhir.Key, typ string, parameters map[string]string) (bool, error) {
	p, ok := s.find(patient)
	if !ok {
		return false, fmt.Errorf("%s: %w", s.Name(), fhir.ErrUnknownPatient)
	}
	for _, m := range p.members {
		a, err := m.part.asker()
		if err != nil {
			return false, err
		}
		has, err := a.Has(ctx, m.key(), typ, parameters)
		if err != nil && ctx.Err() == nil {
			return false, m.part.fail(err)
		}
		if has || err != nil {
			return has, err
		}
	}
	return false, nil
}
