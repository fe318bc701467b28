package several

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/beside"
)

// Options describe several sources.
type Options struct {
	Parts []Part
	// Identify returns what names a person in all parts; ok is false for a Patient whom it does not name. Nil joins nobody.
	Identify func(patient *fhir.Resource) (value string, ok bool)
}

// Source is a fhir.Source of several parts.
type Source struct {
	parts    []*part
	identify func(*fhir.Resource) (string, bool)

	mu       sync.Mutex
	tolerant bool
	ready    bool
	persons  []person // by id
}

var (
	_ fhir.Partial  = (*Source)(nil)
	_ fhir.Admitter = (*Source)(nil)
)

// New makes one source of the parts, which it then owns. It is a fhir.Tracker or a fhir.Fingerprinter where all of them are.
func New(o Options) (fhir.Source, error) {
	s := &Source{identify: o.Identify}
	plain, seen := 0, map[string]bool{}
	for _, p := range o.Parts {
		switch {
		case !fhir.IsAlias(p.Alias):
			return nil, fmt.Errorf("%q cannot be the alias of a source: small letters, digits and -, 20 at most", p.Alias)
		case seen[p.Alias]:
			return nil, fmt.Errorf("two sources have the alias %q", p.Alias)
		}
		seen[p.Alias] = true
		if p.Plain {
			plain++
		}
		s.parts = append(s.parts, &part{Part: p})
	}
	if plain > 1 {
		return nil, errors.New("the ids of one source only can stay as they are")
	}
	for _, p := range s.parts {
		for _, o := range s.parts {
			if p.Plain && o != p {
				p.others = append(p.others, o.Alias+".")
			}
		}
	}
	switch {
	case all[fhir.Tracker](s.parts):
		return &tracked{s}, nil
	case all[fhir.Fingerprinter](s.parts):
		return &printed{s}, nil
	}
	return s, nil
}

func all[T any](parts []*part) bool {
	return !slices.ContainsFunc(parts, func(p *part) bool { _, is := p.Source.(T); return !is })
}

// Name returns the aliases.
func (s *Source) Name() string {
	names := make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = p.Alias
	}
	return strings.Join(names, "+")
}

// Close closes all parts.
func (s *Source) Close() error {
	var errs []error
	for _, p := range s.parts {
		errs = append(errs, p.Source.Close())
	}
	return errors.Join(errs...)
}

// Tolerate lets the source go on without parts that do not answer, as long as one does.
func (s *Source) Tolerate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tolerant = true
}

// Sources tells how each part stands.
func (s *Source) Sources() []fhir.PartState {
	states := make([]fhir.PartState, len(s.parts))
	for i, p := range s.parts {
		p.mu.Lock()
		states[i] = fhir.PartState{Alias: p.Alias, Patients: p.patients, Silent: p.silent}
		p.mu.Unlock()
	}
	return states
}

// Sits returns the aliases of the parts that have the patient.
func (s *Source) Sits(patient fhir.Key) []string {
	p, _ := s.find(patient)
	names := make([]string, 0, len(p.members))
	for _, m := range p.members {
		names = append(names, m.part.Alias)
	}
	return names
}

// person is one person with the patients that the parts have of them, in the order of the parts.
type person struct {
	id      string
	members []member
}

type member struct {
	part *part
	id   string // as the part itself has it
}

func (m member) key() fhir.Key { return fhir.Key{Type: "Patient", ID: m.id} }

// known is what is found out about who is who.
type known struct {
	alone  []member // whom nothing names
	groups map[[sha256.Size]byte][]member
}

// prepare reads who is known to the parts, once.
func (s *Source) prepare(ctx context.Context, rej func(fhir.Rejected)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return nil
	}
	all, err := s.surveys(ctx)
	for _, one := range all {
		for _, x := range one.rejected {
			rej(x)
		}
	}
	if err := cmp.Or(context.Cause(ctx), err); err != nil {
		return err
	}
	k := known{groups: map[[sha256.Size]byte][]member{}}
	var last error
	for _, one := range all {
		if one.err != nil {
			last = one.err
			continue
		}
		k.add(one.found)
	}
	if !slices.ContainsFunc(s.parts, func(p *part) bool { return p.state() == nil }) {
		return last
	}
	s.persons, s.ready = k.persons(), true
	return nil
}

// survey is who is known to a part, or why nothing is known of it.
type survey struct {
	found    []named
	rejected []fhir.Rejected
	err      error
}

// named is a patient of a part with the sum of what names the person, if anything does.
type named struct {
	member
	sum  [sha256.Size]byte
	name bool
}

// surveys reads the patients of all parts side by side. Where no part may be missing, the first that fails ends the others.
func (s *Source) surveys(ctx context.Context) ([]survey, error) {
	all := make([]survey, len(s.parts))
	err := beside.Each(ctx, len(s.parts), func(ctx context.Context, i int) error {
		one := &all[i]
		one.found, one.err = s.survey(ctx, s.parts[i], func(x fhir.Rejected) { one.rejected = append(one.rejected, x) })
		if s.tolerant {
			return nil
		}
		return one.err
	})
	return all, err
}

// survey reads the patients of a part. Of one that breaks off on the way nothing is known.
func (s *Source) survey(ctx context.Context, p *part, rej func(fhir.Rejected)) (found []named, err error) {
	if err := p.state(); err != nil {
		return nil, p.fail(err)
	}
	for record, err := range p.Source.Subjects(ctx, p.rejects(rej)) {
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			return nil, p.fail(err)
		}
		n := named{member: member{p, strings.Clone(record.Key().ID)}}
		if patient := record.Patient(); patient != nil && s.identify != nil {
			var value string
			if value, n.name = s.identify(patient); n.name {
				n.sum = sha256.Sum256([]byte(value))
			}
		}
		record.Release()
		found = append(found, n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.patients = len(found)
	return found, nil
}

func (k *known) add(found []named) {
	for _, n := range found {
		if n.name {
			k.groups[n.sum] = append(k.groups[n.sum], n.member)
		} else {
			k.alone = append(k.alone, n.member)
		}
	}
}

// persons parts what is known into persons, in the order of their ids.
func (k *known) persons() []person {
	var all []person
	add := func(members ...member) {
		all = append(all, person{members[0].part.id(members[0].id), members})
	}
	for _, m := range k.alone {
		add(m)
	}
	for _, members := range k.groups {
		if joins(members) {
			add(members...)
			continue
		}
		for _, m := range members {
			add(m)
		}
	}
	slices.SortFunc(all, func(a, b person) int { return strings.Compare(a.id, b.id) })
	return all
}

// joins reports whether patients of one name are one person: no part has two of them.
func joins(members []member) bool {
	seen := map[*part]bool{}
	for _, m := range members {
		if seen[m.part] {
			return false
		}
		seen[m.part] = true
	}
	return true
}

func (s *Source) find(k fhir.Key) (person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := slices.BinarySearchFunc(s.persons, k.ID, func(p person, id string) int { return strings.Compare(p.id, id) })
	if !ok || k.Type != "Patient" {
		return person{}, false
	}
	return s.persons[i], true
}

// Subjects yields the facts of every person who is known to no silent part.
func (s *Source) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		if err := s.prepare(ctx, rej); err != nil {
			yield(nil, err)
			return
		}
		for _, p := range s.persons {
			record, err := s.fetch(ctx, p, fhir.Wanted{}, rej)
			if s.passesOver(err) {
				continue
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// passesOver reports whether an error is of a part without which the source goes on.
func (s *Source) passesOver(err error) bool {
	var silent *fhir.UnreachedError
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tolerant && errors.As(err, &silent)
}

// Fetch returns what all parts have of a person.
func (s *Source) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	if err := s.prepare(ctx, rej); err != nil {
		return nil, err
	}
	p, ok := s.find(patient)
	if !ok {
		return nil, fmt.Errorf("%s: %w", s.Name(), fhir.ErrUnknownPatient)
	}
	return s.fetch(ctx, p, wanted, rej)
}

func (s *Source) fetch(ctx context.Context, p person, wanted fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	return s.together(ctx, p, func(m member) (*fhir.Record, error) {
		return m.part.Source.Fetch(ctx, m.key(), wanted, m.part.rejects(rej))
	})
}

// together makes one record of what each part has of a person.
func (s *Source) together(ctx context.Context, p person, of func(member) (*fhir.Record, error)) (*fhir.Record, error) {
	j := joint{person: p, found: map[string]int{}, counts: true}
	for _, m := range p.members {
		err := m.part.state()
		var record *fhir.Record
		if err == nil {
			record, err = of(m)
		}
		if err == nil {
			err = j.add(m, record)
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, m.part.fail(err)
		}
	}
	return j.record(), nil
}

// Admit tells the parts that read many patients at once who is permitted.
func (s *Source) Admit(ctx context.Context, patients []fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) error {
	keys, rej := s.byPart(patients), oneByOne(rej)
	return s.each(ctx, func(ctx context.Context, p *part) error {
		if a, ok := p.Source.(fhir.Admitter); ok {
			return a.Admit(ctx, keys[p], wanted, p.rejects(rej))
		}
		return nil
	})
}

// oneByOne lets several parts reject at the same time.
func oneByOne(rej func(fhir.Rejected)) func(fhir.Rejected) {
	var mu sync.Mutex
	return func(x fhir.Rejected) {
		mu.Lock()
		defer mu.Unlock()
		rej(x)
	}
}

// each asks every part that answers, all of them at the same time. One that fails becomes silent; one that cannot tell what has changed is
// an error.
func (s *Source) each(ctx context.Context, ask func(context.Context, *part) error) error {
	return beside.Each(ctx, len(s.parts), func(ctx context.Context, i int) error {
		p := s.parts[i]
		if p.state() != nil {
			return nil
		}
		err := ask(ctx, p)
		if err == nil || ctx.Err() != nil || errors.Is(err, fhir.ErrUntracked) {
			return err
		}
		if failed := p.fail(err); !s.passesOver(failed) {
			return failed
		}
		return nil
	})
}

func (s *Source) byPart(patients []fhir.Key) map[*part][]fhir.Key {
	keys := map[*part][]fhir.Key{}
	for _, k := range patients {
		p, _ := s.find(k)
		for _, m := range p.members {
			keys[m.part] = append(keys[m.part], m.key())
		}
	}
	return keys
}
