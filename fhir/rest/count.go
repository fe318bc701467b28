package rest

import (
	"context"
	"fmt"

	"github.com/crflink/crflink/fhir"
)

// Count returns how many resources of a type a server has and how many of them a narrowing admits, -1 where it does not say. Only
// numbers are asked for, of all patients together. A resource that meets several criteria counts for each.
func (s *Source) Count(ctx context.Context, typ string, n fhir.Narrowing) (all, admitted int, err error) {
	if err := s.probe(ctx); err != nil {
		return -1, -1, err
	}
	if !s.can.has(typ) {
		return 0, 0, nil
	}
	if all, err = s.countOf(ctx, query{typ: typ}); err != nil {
		return -1, -1, err
	}
	err = s.narrowed(ctx, typ, n, func(ctx context.Context, c fhir.Criterion) error {
		if c.Parameter == "" {
			admitted = all
			return nil
		}
		for _, p := range s.pieces(typ, c) {
			c, err := s.counting(ctx, p.query())
			if err == nil {
				err = p.query().honoured(c.self)
			}
			if err != nil {
				return err
			}
			if admitted += c.total; c.total < 0 {
				return fmt.Errorf("count %s: the server does not say how many", typ)
			}
		}
		return nil
	})
	return all, min(admitted, max(all, 0)), err
}

// probe asks what the server can do, once.
func (s *Source) probe(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.learn(ctx)
}

// learn is probe for who holds the lock.
func (s *Source) learn(ctx context.Context) error {
	if s.can != nil {
		return nil
	}
	can, err := s.capability(ctx)
	if err == nil {
		s.can = can
	}
	return err
}
