package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/internal/wire"
)

// Members reads a Group or List and returns the patients that it names, without inactive members and deleted entries. Nothing
// else of it is kept.
func (s *Source) Members(ctx context.Context, of fhir.Key) ([]fhir.Key, error) {
	var keys []fhir.Key
	err := s.wire.Get(ctx, s.wire.Base().JoinPath(of.Type, of.ID), func(a wire.Answer) error {
		text, err := io.ReadAll(a.Body)
		if err != nil {
			return err
		}
		r, err := fhir.ReadResource(string(text), fhir.Origin{Source: s.Name() + " " + of.Type})
		if err != nil || r.Key() != of {
			return errors.Join(wire.ErrBroken, err)
		}
		keys = membersOf(r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", of, err)
	}
	return keys, nil
}

func membersOf(r *fhir.Resource) []fhir.Key {
	var keys []fhir.Key
	take := func(ref, gone fhir.Node) {
		if k, ok := fhir.ParseReference(ref.Get("reference").Text()).Key(); ok && k.Type == "Patient" && gone.Text() != "true" {
			keys = append(keys, k)
		}
	}
	for m := range r.Get("member").Elements() {
		take(m.Get("entity"), m.Get("inactive"))
	}
	for e := range r.Get("entry").Elements() {
		take(e.Get("item"), e.Get("deleted"))
	}
	return keys
}

// Has reports whether a search of a type finds something of a patient. The parameters are sent with the one that names the
// patient, under all ids of merged records; a server that ignores one of them, or answers with somebody else's resources, is
// an error.
func (s *Source) Has(ctx context.Context, patient fhir.Key, typ string, parameters map[string]string) (bool, error) {
	facts, err := s.prepare(ctx, func(fhir.Rejected) {})
	if err != nil {
		return false, err
	}
	p, err := s.find(facts, patient)
	if err != nil {
		return false, err
	}
	ids, err := s.membersOf(facts, p)
	if err != nil {
		return false, err
	}
	name, typed := s.can.parameter(typ)
	q := byPatient(typ, name, typed, ids)
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		q.params, q.check = append(q.params, param{key, parameters[key]}), append(q.check, key)
	}
	f := fetch{members: map[string]bool{}}
	for _, id := range ids {
		f.members[id] = true
	}
	found := false
	err = s.search(ctx, q, func(e *bundle.Entry) error {
		if e.Resource.Type != typ {
			return nil
		}
		if f.foreign(e.Resource) {
			return errForeignPatient
		}
		found = true
		return nil
	}, func(fhir.Rejected) {})
	return found, err
}
