package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/internal/beside"
)

var _ fhir.Tracker = (*Source)(nil)

// Moment asks the server what time it is: what it writes into an answer, or the answer's Date, whichever is earlier.
func (s *Source) Moment(ctx context.Context) (map[string]fhir.Moment, error) {
	if err := s.probe(ctx); err != nil { // alone, so that a server that is down says so
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
	types := slices.DeleteFunc(wanted.Types(), func(typ string) bool { return fhir.IsFact(typ) || fhir.SubjectParameter(typ) == "" || !s.can.has(typ) })
	err = beside.Each(ctx, len(types), func(ctx context.Context, i int) error {
		return s.narrowed(ctx, types[i], wanted.Narrowing(types[i]), func(ctx context.Context, c fhir.Criterion) error {
			return t.look(ctx, s.pieces(types[i], c))
		})
	})
	if err != nil {
		return nil, err
	}
	return t.touched, nil
}

// tracking finds out whose resources have changed. It is used by several goroutines.
type tracking struct {
	source   *Source
	since    time.Time
	patients []tracked
	owner    tallies // whose an id is

	mu      sync.Mutex
	touched map[fhir.Key]bool
}

func (t *tracking) touch(patient fhir.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.touched[patient] = true
}

// untouched returns those of a group of whom nothing is known to have changed.
func (t *tracking) untouched(group []tracked) []tracked {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(group), func(one tracked) bool { return t.touched[one.Patient] })
}

type tracked struct {
	fhir.Footprint
	ids []string // of merged patients, too
}

// look goes through all patients for the pieces of a search.
func (t *tracking) look(ctx context.Context, pieces []piece) error {
	type task struct {
		piece piece
		group []tracked
	}
	var tasks []task
	for _, p := range pieces {
		for _, group := range t.groups(p) {
			tasks = append(tasks, task{p, group})
		}
	}
	return beside.Each(ctx, len(tasks), func(ctx context.Context, i int) error { return t.lookAt(ctx, tasks[i].piece, tasks[i].group) })
}

// groups parts the patients so that one search asks about a group, and about each patient of more ids than that.
func (t *tracking) groups(p piece) [][]tracked {
	var all [][]tracked
	limit, beside := t.source.roomBeside(p)
	begin, ids, length := 0, 0, 0
	for i, one := range t.patients {
		n := 0
		for _, id := range one.ids {
			n += len(id) + beside
		}
		if i > begin && (ids+len(one.ids) > t.source.options.Batch || length+n > limit) {
			all = append(all, t.patients[begin:i])
			begin, ids, length = i, 0, 0
		}
		ids, length = ids+len(one.ids), length+n
	}
	if begin < len(t.patients) {
		all = append(all, t.patients[begin:])
	}
	return all
}

// lookAt asks what was changed and, at the same time, how many resources there are. The number says something only where nothing was
// changed: else it is asked for again, of the others.
func (t *tracking) lookAt(ctx context.Context, p piece, group []tracked) error {
	for _, one := range group {
		if _, ok := one.Found[p.name]; !ok {
			t.touch(one.Patient) // it was searched in another way
		}
	}
	if group = t.untouched(group); len(group) == 0 {
		return nil
	}
	chunks := t.source.chunksBeside(idsOf(group), p)
	changed := make([]bool, len(chunks))
	have := make([]int, len(chunks))
	err := beside.Each(ctx, 2*len(chunks), func(ctx context.Context, i int) (err error) {
		if i < len(chunks) {
			changed[i], err = t.changed(ctx, p, chunks[i])
			return err
		}
		have[i-len(chunks)], err = t.source.countOf(ctx, t.source.byPatients(p, chunks[i-len(chunks)]))
		return err
	})
	if err != nil {
		return err
	}
	if slices.Contains(changed, true) {
		return t.compare(ctx, p, t.untouched(group))
	}
	return t.judge(ctx, p, group, have)
}

func idsOf(group []tracked) []string {
	var ids []string
	for _, one := range group {
		ids = append(ids, one.ids...)
	}
	return ids
}

// changed notes whose resources were created or changed, and reports whether any were.
func (t *tracking) changed(ctx context.Context, p piece, ids []string) (some bool, err error) {
	q := t.source.byPatients(p, ids).with(updated(t.since))
	err = t.source.onlyIDs(ctx, q, func(e *bundle.Entry) error {
		if e.Resource.Type != p.typ {
			return nil
		}
		if patient, ok := t.owner.ownerOf(e.Resource); ok {
			some = true
			t.touch(patient)
			return nil
		}
		return fmt.Errorf("%w: it changed without saying whose it is", fhir.ErrUntracked)
	})
	return some, err
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
	chunks := t.source.chunksBeside(ids, p)
	have := make([]int, len(chunks))
	for i, part := range chunks {
		var err error
		if have[i], err = t.source.countOf(ctx, t.source.byPatients(p, part)); err != nil {
			return err
		}
	}
	return t.judge(ctx, p, group, have)
}

// judge compares how many resources a group has with what it had.
func (t *tracking) judge(ctx context.Context, p piece, group []tracked, have []int) error {
	n := 0
	for _, part := range have {
		if part < 0 {
			return fmt.Errorf("%w: the server does not say how many resources there are", fhir.ErrUntracked)
		}
		n += part
	}
	for _, one := range group {
		n -= one.Found[p.name]
	}
	switch {
	case n == 0:
		return nil
	case len(group) == 1:
		t.touch(group[0].Patient)
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
	err = beside.Each(ctx, 2, func(ctx context.Context, i int) error {
		if i == 0 {
			return s.onlyIDs(ctx, query{typ: typ}, into(there))
		}
		return s.onlyIDs(ctx, query{typ: typ}.with(updated(since[s.Name()])), into(changed))
	})
	return there, changed, err
}
