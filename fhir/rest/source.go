package rest

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/fhir/gather"
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
}

// Source is a fhir.Source of one server.
type Source struct {
	options Options
	wire    *wire.Reader

	mu    sync.Mutex
	ready bool
	facts *gather.Index
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
	s.ready, s.facts = false, nil
	if s.spool == nil {
		return nil
	}
	spool := s.spool
	s.spool = nil
	return spool.Close()
}

// Subjects reads the facts of all patients and yields them.
func (s *Source) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		facts, err := s.prepare(ctx, rej)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, p := range facts.Patients() {
			if err := ctx.Err(); err != nil {
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
func (s *Source) prepare(ctx context.Context, rej func(fhir.Rejected)) (*gather.Index, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return s.facts, nil
	}
	if err := s.learn(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.spool == nil {
		if s.spool, err = gather.NewSpool(s.options.Folder); err != nil {
			return nil, err
		}
	}
	types := append(fhir.FactTypes(), "ResearchStudy")
	index := gather.NewIndex(func(i uint32) string { return s.Name() + " " + types[i] })
	for i, typ := range types {
		if typ == "ResearchStudy" {
			continue
		}
		if err := s.readFacts(ctx, index, uint32(i), query{typ: typ}, rej); err != nil { // #nosec G115 -- a handful of types
			return nil, err
		}
	}
	if err := s.readStudies(ctx, index, uint32(len(types)-1), rej); err != nil { // #nosec G115 -- a handful of types
		return nil, err
	}
	index.Resolve(rej)
	s.facts, s.ready = index, true
	return index, nil
}

// readFacts puts all results of a search into the index and the spool.
func (s *Source) readFacts(ctx context.Context, index *gather.Index, input uint32, q query, rej func(fhir.Rejected)) error {
	if !s.can.has(q.typ) {
		return nil
	}
	position := int64(0)
	refused := map[string]bool{}
	return s.search(ctx, q, func(e *bundle.Entry) error {
		if e.Resource.Type != q.typ {
			return nil // an include that nobody asked for
		}
		position++
		offset, err := s.spool.Append(e.Text)
		if err != nil {
			return err
		}
		place := gather.Place{Input: input, Position: position,
			Span: gather.Span{Offset: offset, Length: uint32(len(e.Text))}} // #nosec G115 -- the reader limits the length
		if reason := index.Add(e.Resource, e.FullURL, e.Subsetted, place); reason != "" && !refused[e.Resource.ID] {
			refused[e.Resource.ID] = true
			rej(fhir.Rejected{Origin: fhir.Origin{Source: index.Name(input), Position: position}, Type: q.typ, Reason: reason})
		}
		return nil
	}, rej)
}

// readStudies reads the studies that ResearchSubjects name: by them one knows which study a subject is in.
func (s *Source) readStudies(ctx context.Context, index *gather.Index, input uint32, rej func(fhir.Rejected)) error {
	if !s.can.has("ResearchSubject") {
		return nil
	}
	ids, err := index.Missing("ResearchSubject", isFact, s.readSpool)
	if err != nil {
		return err
	}
	for _, chunk := range chunks(ids["ResearchStudy"], s.options.Batch) {
		if err := s.readFacts(ctx, index, input, byID("ResearchStudy", chunk), rej); err != nil {
			return err
		}
	}
	return nil
}
