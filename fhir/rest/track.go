package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
)

var _ fhir.Tracker = (*Source)(nil)

// Moment asks the server what time it is: what it writes into an answer, or the answer's Date, whichever is earlier.
func (s *Source) Moment(ctx context.Context) (map[string]fhir.Moment, error) {
	if err := s.probe(ctx); err != nil {
		return nil, err
	}
	c, err := s.counting(ctx, query{typ: "Patient"})
	if err != nil {
		return nil, err
	}
	if c.at.IsZero() {
		return nil, fmt.Errorf("%w: the server does not tell its time", fhir.ErrUntracked)
	}
	return map[string]fhir.Moment{s.Name(): {Identity: s.wire.Base().String(), At: c.at}}, nil
}

// earlier returns the earlier of the times that are known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func dateOf(h http.Header) time.Time {
	t, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Touched asks, for some patients at once and for each search that a fetch makes, what was changed since, and then how many
// resources those have of whom nothing was. Who has as many as before and none that was changed has the same ones.
func (s *Source) Touched(ctx context.Context, patients []fhir.Footprint, wanted fhir.Wanted, since map[string]time.Time) (map[fhir.Key]bool, error) {
	facts, err := s.prepare(ctx, func(fhir.Rejected) {})
	if err != nil {
		return nil, err
	}
	t := tracking{source: s, since: since[s.Name()], touched: map[fhir.Key]bool{}}
	for _, p := range patients {
		at, ok, err := facts.Find(p.Patient.ID)
		if err != nil {
			return nil, err
		}
		if !ok {
			t.touched[p.Patient] = true
			continue
		}
		one := tracked{Footprint: p}
		if one.ids, err = s.membersOf(facts, at); err != nil {
			return nil, err
		}
		for _, id := range one.ids {
			t.owner.add(id, p.Patient)
		}
		t.patients = append(t.patients, one)
	}
	for _, typ := range wanted.Types() {
		if fhir.IsFact(typ) || fhir.SubjectParameter(typ) == "" || !s.can.has(typ) {
			continue
		}
		err := s.narrowed(ctx, typ, wanted.Narrowing(typ), func(ctx context.Context, c fhir.Criterion) error {
			for _, p := range s.pieces(typ, c) {
				if err := t.look(ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return t.touched, nil
}

// tracking finds out whose resources have changed.
type tracking struct {
	source   *Source
	since    time.Time
	patients []tracked
	owner    tallies // whose an id is
	touched  map[fhir.Key]bool
}

type tracked struct {
	fhir.Footprint
	ids []string // of merged patients, too
}

// look goes through all patients for one piece of the searches.
func (t *tracking) look(ctx context.Context, p piece) error {
	var group []tracked
	length := 0
	for i, one := range t.patients {
		if _, ok := one.Found[p.name]; !ok {
			t.touched[one.Patient] = true // it was searched in another way
		}
		if !t.touched[one.Patient] {
			group = append(group, one)
			length += len(one.ids)
		}
		if length >= trackAtOnce || i == len(t.patients)-1 {
			if err := t.lookAt(ctx, p, group); err != nil {
				return err
			}
			group, length = nil, 0
		}
	}
	return nil
}

// trackAtOnce bounds how many patients are asked about together.
const trackAtOnce = 200

func (t *tracking) lookAt(ctx context.Context, p piece, group []tracked) error {
	for _, ids := range t.source.chunksBeside(idsOf(group), p) {
		if err := t.changed(ctx, p, ids); err != nil {
			return err
		}
	}
	same := slices.DeleteFunc(slices.Clone(group), func(one tracked) bool { return t.touched[one.Patient] })
	return t.compare(ctx, p, same)
}

func idsOf(group []tracked) []string {
	var ids []string
	for _, one := range group {
		ids = append(ids, one.ids...)
	}
	return ids
}

// changed notes whose resources were created or changed.
func (t *tracking) changed(ctx context.Context, p piece, ids []string) error {
	q := t.source.byPatients(p, ids).with(updated(t.since))
	return t.source.onlyIDs(ctx, q, func(e *bundle.Entry) error {
		if e.Resource.Type != p.typ {
			return nil
		}
		if patient, ok := t.owner.ownerOf(e.Resource); ok {
			t.touched[patient] = true
			return nil
		}
		return fmt.Errorf("%w: it changed without saying whose it is", fhir.ErrUntracked)
	})
}

func updated(since time.Time) param {
	return param{"_lastUpdated", "ge" + since.UTC().Format("2006-01-02T15:04:05.000Z")}
}

// compare counts the patients' resources, together and, where the sum is another, in halves. The sum is the same for patients of
// whom nothing was created or changed only if nothing is gone.
func (t *tracking) compare(ctx context.Context, p piece, group []tracked) error {
	if len(group) == 0 {
		return nil
	}
	ids := idsOf(group)
	if len(group) > 1 && len(t.source.chunksBeside(ids, p)) > 1 {
		return t.halves(ctx, p, group)
	}
	have, want := 0, 0
	for _, part := range t.source.chunksBeside(ids, p) {
		n, err := t.source.countOf(ctx, t.source.byPatients(p, part))
		if err != nil {
			return err
		}
		if n < 0 {
			return fmt.Errorf("%w: the server does not say how many resources there are", fhir.ErrUntracked)
		}
		have += n
	}
	for _, one := range group {
		want += one.Found[p.name]
	}
	switch {
	case have == want:
		return nil
	case len(group) == 1:
		t.touched[group[0].Patient] = true
		return nil
	}
	return t.halves(ctx, p, group)
}

func (t *tracking) halves(ctx context.Context, p piece, group []tracked) error {
	half := len(group) / 2
	return errors.Join(t.compare(ctx, p, group[:half]), t.compare(ctx, p, group[half:]))
}

// onlyIDs searches for whose resources are, and for nothing else of them where the server can leave the rest out. A server that
// does not know _lastUpdated cannot be tracked.
func (s *Source) onlyIDs(ctx context.Context, q query, take func(*bundle.Entry) error) error {
	slim := q
	if !s.unable.has("", "_elements") {
		slim.params = append(slices.Clip(q.params), param{"_elements", strings.TrimSuffix("id,"+fhir.SubjectElement(q.typ), ",")})
	}
	err := s.search(ctx, slim, take, func(fhir.Rejected) {})
	if refused(err, "_elements") && len(slim.params) > len(q.params) {
		s.unable.note("", "_elements")
		err = s.search(ctx, q, take, func(fhir.Rejected) {})
	}
	if refused(err, "_lastUpdated") {
		return fmt.Errorf("%w: the server does not search by _lastUpdated", fhir.ErrUntracked)
	}
	return err
}

// Common lists the resources of a shared type.
func (s *Source) Common(ctx context.Context, typ string, since map[string]time.Time) (there, changed map[string]bool, err error) {
	if err := s.probe(ctx); err != nil {
		return nil, nil, err
	}
	there, changed = map[string]bool{}, map[string]bool{}
	if !s.can.has(typ) {
		return there, changed, nil
	}
	into := func(ids map[string]bool) func(*bundle.Entry) error {
		return func(e *bundle.Entry) error {
			if e.Resource.Type == typ {
				ids[string([]byte(e.Resource.ID))] = true
			}
			return nil
		}
	}
	if err := s.onlyIDs(ctx, query{typ: typ}, into(there)); err != nil {
		return nil, nil, err
	}
	return there, changed, s.onlyIDs(ctx, query{typ: typ}.with(updated(since[s.Name()])), into(changed))
}
