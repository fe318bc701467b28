package rest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/fhir/gather"
	"github.com/crflink/crflink/internal/beside"
	"github.com/crflink/crflink/internal/wire"
)

// Links says what is done with a next link whose host is not that of the configured base. No request goes there.
type Links string

// The ways with next links.
const (
	Rebase   Links = "rebase"    // its path and query are asked of the configured base; the default
	SameHost Links = "same-host" // it is refused
)

// Options describe a FHIR server.
type Options struct {
	Name     string // of the source; "server" when empty
	Wire     wire.Options
	PageSize int         // _count; 500 when 0. Servers may send less.
	Post     bool        // send searches as POST _search, for servers whose proxies log queries
	Links    Links       // Rebase when empty
	Batch    int         // ids in one search; 100 when 0
	Limits   fhir.Limits // of one resource
	Folder   string      // for the spool; "" is the system's folder for temporary files
	Budget   int64       // memory for the index of facts; what is beyond it is on disk. gather.DefaultBudget when 0
}

// Source is a fhir.Source of one server.
type Source struct {
	options Options
	wire    *wire.Reader

	mu    sync.Mutex
	ready bool
	facts *gather.Catalog
	spool *gather.Spool
	can   *capability

	unable unable
	shared sharedCache
}

var _ fhir.Source = (*Source)(nil)

// New prepares a source. Nothing is sent before the first Subjects or Fetch.
func New(o Options) (*Source, error) {
	if o.Name == "" {
		o.Name = "server"
	}
	if o.PageSize <= 0 {
		o.PageSize = 500
	}
	if o.Batch <= 0 {
		o.Batch = 100
	}
	if o.Links != "" && o.Links != Rebase && o.Links != SameHost {
		return nil, fmt.Errorf("links must be %q or %q", Rebase, SameHost)
	}
	header := map[string]string{"Prefer": "handling=strict"}
	for k, v := range o.Wire.Header {
		header[k] = v
	}
	o.Wire.Header = header
	reader, err := wire.NewReader(o.Wire)
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", o.Name, err)
	}
	return &Source{options: o, wire: reader, shared: sharedCache{texts: map[fhir.Key]string{}}}, nil
}

// Name returns the source's name.
func (s *Source) Name() string { return s.options.Name }

// Close closes connections and removes the spool.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire.Close()
	facts, spool := s.facts, s.spool
	s.ready, s.facts, s.spool = false, nil, nil
	var errs []error
	if facts != nil {
		errs = append(errs, facts.Close())
	}
	if spool != nil {
		errs = append(errs, spool.Close())
	}
	return errors.Join(errs...)
}

// Subjects reads the facts of all patients and yields them.
func (s *Source) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		facts, err := s.prepare(ctx, rej)
		if err != nil {
			yield(nil, err)
			return
		}
		for p, err := range facts.Patients() {
			if err := errors.Join(err, ctx.Err()); err != nil {
				yield(nil, err)
				return
			}
			record, err := facts.Record(p, isFact, s.readSpool)
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

func isFact(typ string) bool { return fhir.IsFact(typ) || typ == "ResearchStudy" }

func (s *Source) readSpool(at gather.Span) (string, error) {
	return s.spool.Read(at.Offset, int(at.Length))
}

// prepare reads the facts once.
func (s *Source) prepare(ctx context.Context, rej func(fhir.Rejected)) (_ *gather.Catalog, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return s.facts, nil
	}
	if err := s.learn(ctx); err != nil {
		return nil, err
	}
	if s.spool == nil {
		if s.spool, err = gather.NewSpool(s.options.Folder); err != nil {
			return nil, err
		}
	}
	r := reading{Source: s, types: append(fhir.FactTypes(), "ResearchStudy"), studies: map[string]bool{}}
	r.rejected = make([][]fhir.Rejected, len(r.types))
	r.facts = gather.NewCatalog(r.input, s.options.Folder, s.options.Budget)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.facts.Close())
		}
	}()
	err = beside.Each(ctx, len(r.types)-1, r.readType)
	for _, x := range slices.Concat(r.rejected...) {
		rej(x)
	}
	if err != nil {
		return nil, err
	}
	if err := r.facts.Resolve(rej); err != nil {
		return nil, err
	}
	s.facts, s.ready = r.facts, true
	return s.facts, nil
}

// reading is the first reading of all facts.
type reading struct {
	*Source
	types    []string          // by the numbers of inputs; the last is ResearchStudy
	rejected [][]fhir.Rejected // by type, to be told in their order
	studies  map[string]bool   // ids of ResearchStudies that ResearchSubjects name

	adding sync.Mutex // of the catalog
	facts  *gather.Catalog
}

func (r *reading) input(i uint32) string { return r.Name() + " " + r.types[i] }

// readType reads all facts of a type, and the studies that they name.
func (r *reading) readType(ctx context.Context, i int) error {
	typ := r.types[i]
	if err := r.read(ctx, uint32(i), query{typ: typ}); err != nil || typ != "ResearchSubject" { // #nosec G115 -- a handful of types
		return err
	}
	return r.readStudies(ctx, uint32(len(r.types)-1)) // #nosec G115 -- a handful of types
}

// read puts all results of a search into the catalog and the spool. Other types may be read at the same time.
func (r *reading) read(ctx context.Context, input uint32, q query) error {
	if !r.can.has(q.typ) {
		return nil
	}
	position := int64(0)
	refused := map[string]bool{}
	rej := func(x fhir.Rejected) { r.rejected[input] = append(r.rejected[input], x) }
	return r.search(ctx, q, func(e *bundle.Entry) error {
		if e.Resource.Type != q.typ {
			return nil // an include that nobody asked for
		}
		position++
		offset, err := r.spool.Append(e.Text)
		if err != nil {
			return err
		}
		r.note(e.Resource)
		place := gather.Place{Input: input, Position: position,
			Span: gather.Span{Offset: offset, Length: uint32(len(e.Text))}} // #nosec G115 -- the reader limits the length
		r.adding.Lock()
		reason, err := r.facts.Add(e.Resource, e.FullURL, e.Subsetted, place)
		r.adding.Unlock()
		if reason != "" && !refused[e.Resource.ID] {
			refused[strings.Clone(e.Resource.ID)] = true
			rej(fhir.Rejected{Origin: fhir.Origin{Source: r.input(input), Position: position}, Type: q.typ, Reason: reason})
		}
		return err
	}, rej)
}

// note takes up which studies a ResearchSubject names: by them one knows which study a subject is in.
func (r *reading) note(res *fhir.Resource) {
	if res.Type != "ResearchSubject" {
		return
	}
	for ref := range res.References() {
		if k, ok := fhir.ParseReference(ref.Text()).Key(); ok && k.Type == "ResearchStudy" && !r.studies[k.ID] {
			r.studies[strings.Clone(k.ID)] = true
		}
	}
}

func (r *reading) readStudies(ctx context.Context, input uint32) error {
	for _, chunk := range chunks(slices.Sorted(maps.Keys(r.studies)), r.options.Batch) {
		if err := r.read(ctx, input, byID("ResearchStudy", chunk)); err != nil {
			return err
		}
	}
	return nil
}

// membersOf returns the ids that the patient's resources may name it by: its own, and those of the patients it replaces.
func (s *Source) membersOf(facts *gather.Catalog, p gather.Patient) ([]string, error) {
	record, err := facts.Record(p, func(typ string) bool { return typ == "Patient" }, s.readSpool)
	if err != nil {
		return nil, err
	}
	defer record.Release()
	ids := []string{p.ID}
	for r := range record.OfType("Patient") {
		if r.ID != p.ID {
			ids = append(ids, strings.Clone(r.ID))
		}
	}
	slices.Sort(ids[1:])
	return ids, nil
}
