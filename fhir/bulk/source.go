package bulk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/wire"
)

// Level is whose resources an export holds.
type Level string

// The levels of exports.
const (
	System  Level = "system"  // all that the server has; the default
	Patient Level = "patient" // what belongs to any patient
	Group   Level = "group"   // what belongs to the members of a Group
)

// Options describe a server that exports, and what is asked of it.
type Options struct {
	Name        string // of the source; "server" when empty
	Wire        wire.Options
	Level       Level
	Group       string   // id of the Group
	Hosts       []string // on which files may lie besides the server's
	TypeFilters []string // _typeFilter, such as Observation?category=laboratory; only for what is asked of permitted patients
	Since       string   // _since, an instant; as TypeFilters

	Poll   time.Duration // pause before an export is asked for again whose server names none, doubled up to Wire.MaxPause; 2 s
	Wait   time.Duration // longest time that an export may take; 12 hours
	Limits fhir.Limits   // of one resource
	Folder string        // for the spools; "" is the system's folder for temporary files
	Budget int64         // of the catalogs; 0 is gather.DefaultBudget
}

// Source is a fhir.Source of one server.
type Source struct {
	options Options
	wire    *wire.Exporter
	path    string // of the kick-off

	mu       sync.Mutex
	facts    *collection
	clinical *collection
	again    *collection
	admitted *admitted
	unread   map[fhir.Key]int // rejected facts by patient, in the first export
}

var (
	_ fhir.Source   = (*Source)(nil)
	_ fhir.Admitter = (*Source)(nil)
)

// New prepares a source. Nothing is sent before the first Subjects or Fetch.
func New(o Options) (*Source, error) {
	o.Name = cmp.Or(o.Name, "server")
	o.Level = cmp.Or(o.Level, System)
	o.Poll, o.Wait = cmp.Or(o.Poll, 2*time.Second), cmp.Or(o.Wait, 12*time.Hour)
	path, err := o.path()
	if err != nil {
		return nil, err
	}
	exporter, err := wire.NewExporter(o.Wire, o.Hosts...)
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", o.Name, err)
	}
	return &Source{options: o, wire: exporter, path: path, unread: map[fhir.Key]int{}}, nil
}

func (o *Options) path() (string, error) {
	switch {
	case (o.Level == Group) != (o.Group != ""):
		return "", errors.New("an export of a Group, and no other, names the Group")
	case o.Level == Group && !fhir.IsID(o.Group):
		return "", errors.New("the id of the Group to be exported is no FHIR id")
	case o.Level == Group:
		return "Group/" + o.Group + "/$export", nil
	case o.Level == Patient:
		return "Patient/$export", nil
	case o.Level == System:
		return "$export", nil
	}
	return "", fmt.Errorf("the level of an export is %s, %s or %s", System, Patient, Group)
}

// Name returns the source's name.
func (s *Source) Name() string { return s.options.Name }

// Close closes connections and removes what is on disk.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire.Close()
	err := errors.Join(s.facts.close(), s.clinical.close(), s.again.close())
	s.facts, s.clinical, s.again = nil, nil, nil
	return err
}

func factTypes() []string { return append(fhir.FactTypes(), "ResearchStudy") }

func isFact(typ string) bool { return fhir.IsFact(typ) || typ == "ResearchStudy" }

// Subjects exports the facts of all patients and yields them.
func (s *Source) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		facts, err := s.prepare(ctx, rej)
		if err != nil {
			yield(nil, err)
			return
		}
		for p, err := range facts.catalog.Patients() {
			if err := errors.Join(err, ctx.Err()); err != nil {
				yield(nil, err)
				return
			}
			record, err := facts.record(p, isFact)
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// prepare exports the facts once.
func (s *Source) prepare(ctx context.Context, rej func(fhir.Rejected)) (*collection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts != nil {
		return s.facts, nil
	}
	facts, err := s.collect(ctx, ask{types: factTypes(), facts: true}, func(r fhir.Rejected) {
		s.note(r, s.unread)
		rej(r)
	})
	if err == nil {
		s.facts = facts
	}
	return facts, err
}

// note counts what was rejected by the patients whose it seems to be.
func (s *Source) note(r fhir.Rejected, unread map[fhir.Key]int) {
	for _, k := range append([]fhir.Key{r.Patient}, r.Others...) {
		if k != (fhir.Key{}) {
			unread[k]++
		}
	}
}

// errNotAdmitted is a mistake of the caller's: nothing clinical is kept of patients who were not named before.
var errNotAdmitted = errors.New("the patient's resources were not exported, because nobody said that the patient is permitted")

// Fetch returns what was exported of the patient. More than facts is there only for those who were admitted.
func (s *Source) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	c, err := s.prepare(ctx, rej)
	if err != nil {
		return nil, err
	}
	_, known, err := c.find(patient)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, fmt.Errorf("%s: %w", s.Name(), fhir.ErrUnknownPatient)
	}
	if wanted.All() || len(wanted.Types()) > 0 {
		s.mu.Lock()
		now, may := s.clinical, s.admitted.is(patient)
		s.mu.Unlock()
		if now == nil || !may {
			return nil, fmt.Errorf("%s: %w", s.Name(), errNotAdmitted)
		}
		c = now
	}
	return c.recordOf(patient, func(typ string) bool { return isFact(typ) || wanted.Has(typ) })
}

// Admit exports what is wanted of the patients. Resources of all others are dropped as they arrive.
func (s *Source) Admit(ctx context.Context, patients []fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) error {
	facts, err := s.prepare(ctx, rej)
	if err != nil {
		return err
	}
	who, err := facts.admit(patients)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.clinical.close(); err != nil {
		return err
	}
	s.clinical, s.admitted = nil, who
	if len(patients) == 0 {
		return nil
	}
	a := ask{who: who, wanted: wanted, filters: s.options.TypeFilters, since: s.options.Since}
	if !wanted.All() {
		a.types = append(factTypes(), wanted.Types()...)
		slices.Sort(a.types)
		a.types = slices.Compact(a.types)
	}
	s.clinical, err = s.collect(ctx, a, func(r fhir.Rejected) {
		if !isFact(r.Type) { // facts were judged when they were read first
			rej(r)
		}
	})
	return err
}

// Refresh forgets the facts that were asked for again.
func (s *Source) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.again.close()
	s.again = nil
}

// Reread returns the patients' facts as the server has them now: after Refresh all facts are exported once more. One of whom
// nothing is left comes without any.
func (s *Source) Reread(ctx context.Context, patients []fhir.Key, _ []string, rej func(fhir.Rejected)) ([]*fhir.Record, error) {
	if _, err := s.prepare(ctx, rej); err != nil {
		return nil, err
	}
	now, err := s.rereading(ctx, rej)
	if err != nil {
		return nil, fmt.Errorf("read again: %w", err)
	}
	records := make([]*fhir.Record, 0, len(patients))
	for _, patient := range patients {
		record, err := now.recordOf(patient, isFact)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

// rereading exports the facts again. What was rejected the first time is not told twice.
func (s *Source) rereading(ctx context.Context, rej func(fhir.Rejected)) (*collection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again != nil {
		return s.again, nil
	}
	unread := map[fhir.Key]int{}
	again, err := s.collect(ctx, ask{types: factTypes(), facts: true}, func(r fhir.Rejected) {
		s.note(r, unread)
		if k := r.Patient; k != (fhir.Key{}) && unread[k] > s.unread[k] {
			rej(r)
		}
	})
	if err == nil {
		s.again = again
	}
	return again, err
}

// ask is what an export is asked for.
type ask struct {
	types   []string // nil is every type
	facts   bool     // it is asked before decisions: nothing else may arrive, and nothing may be missing
	who     *admitted
	wanted  fhir.Wanted // of those who were admitted
	filters []string
	since   string
}

func (a *ask) query() url.Values {
	q := url.Values{"_outputFormat": {"application/fhir+ndjson"}}
	if a.types != nil {
		q.Set("_type", strings.Join(a.types, ","))
	}
	var filters []string
	for _, f := range a.filters {
		if typ, _, _ := strings.Cut(f, "?"); a.wants(typ) {
			filters = append(filters, f)
		}
	}
	if len(filters) > 0 {
		q.Set("_typeFilter", strings.Join(filters, ","))
	}
	if a.since != "" {
		q.Set("_since", a.since)
	}
	return q
}

func (a *ask) wants(typ string) bool { return a.types == nil || slices.Contains(a.types, typ) }
