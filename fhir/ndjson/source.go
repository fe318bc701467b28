package ndjson

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/bundle"
	"github.com/crflink/crflink/fhir/gather"
)

// Source is a fhir.Source of files. The inputs must not change between Open and Close.
type Source struct {
	options Options
	inputs  []*input

	unfinished []string // folders of files that are still being written

	once    sync.Mutex
	ready   bool
	broke   error // what ended the first reading; it cannot be repeated on standard input
	catalog *gather.Catalog
	spool   *gather.Spool
	stats   Stats

	memory remembering
}

// Stats counts what was read.
type Stats struct {
	Inputs   int
	Read     int // resources read, all versions
	Rejected int
	Empty    int // entries of Bundles without a resource that delete nothing
	Bundles  int
	Broken   int // inputs that could not be read to their end
	gather.Counts
}

var _ fhir.Source = (*Source)(nil)

// Open prepares a source of the operands. Nothing is read before the first Subjects or Fetch.
func Open(operands []string, o Options) (*Source, error) {
	if o.Name == "" {
		o.Name = "files"
	}
	inputs, unfinished, err := inputsOf(operands)
	if err != nil {
		return nil, err
	}
	for _, in := range inputs[:min(len(inputs), openFiles)] {
		in.stays = true
	}
	return &Source{options: o, inputs: inputs, unfinished: unfinished}, nil
}

// openFiles is how many files a source holds open; of more, the rest is opened for every record.
const openFiles = 64

// Name returns the source's name.
func (s *Source) Name() string { return s.options.Name }

// Files returns the paths of the inputs, in the order of their ordinals.
func (s *Source) Files() []string {
	paths := make([]string, len(s.inputs))
	for i, in := range s.inputs {
		paths[i] = in.path
	}
	return paths
}

// Stats returns what the first reading counted; zero before it.
func (s *Source) Stats() Stats {
	s.once.Lock()
	defer s.once.Unlock()
	return s.stats
}

// Close removes what is on disk.
func (s *Source) Close() error {
	s.once.Lock()
	defer s.once.Unlock()
	errs := []error{s.retain()}
	catalog := s.catalog
	s.ready, s.catalog, s.broke = false, nil, errors.New("the source is closed")
	for _, in := range s.inputs {
		in.release()
	}
	if catalog != nil {
		errs = append(errs, catalog.Close())
	}
	if s.spool != nil {
		errs = append(errs, s.spool.Close())
		s.spool = nil
	}
	return errors.Join(errs...)
}

// Subjects yields the facts of each patient.
func (s *Source) Subjects(ctx context.Context, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		if known, err := s.recall(ctx, rej); known != nil || err != nil {
			s.again(ctx, known, err, yield)
			return
		}
		catalog, err := s.prepare(ctx, rej)
		if err != nil {
			yield(nil, err)
			return
		}
		outline := s.outlining()
		for p, err := range catalog.Patients() {
			if err := errors.Join(err, ctx.Err()); err != nil {
				yield(nil, err)
				return
			}
			record, err := s.record(catalog, p, isFact)
			if err == nil {
				outline.take(s, record)
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
		s.outlined(outline)
	}
}

// again yields the facts of each patient that was recalled.
func (s *Source) again(ctx context.Context, known *outline, err error, yield func(*fhir.Record, error) bool) {
	if err != nil {
		yield(nil, err)
		return
	}
	for i := range known.Patients {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		record, err := s.facts(known, i)
		if !yield(record, err) || err != nil {
			return
		}
	}
}

func isFact(typ string) bool { return fhir.IsFact(typ) || typ == "ResearchStudy" }

// Fetch reads the wanted resources of one patient.
func (s *Source) Fetch(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) (*fhir.Record, error) {
	if record, ok, err := s.factsOf(ctx, patient, wanted, rej); ok {
		return record, err
	}
	catalog, err := s.prepare(ctx, rej)
	if err != nil {
		return nil, err
	}
	p, ok, err := catalog.Find(patient.ID)
	if err != nil {
		return nil, err
	}
	if !ok || patient.Type != "Patient" {
		return nil, fmt.Errorf("%s: %w", s.Name(), fhir.ErrUnknownPatient)
	}
	return s.record(catalog, p, func(typ string) bool { return isFact(typ) || wanted.Has(typ) })
}

// Fingerprint tells whether a patient's resources are as they were: their files need not be read a second time for it.
func (s *Source) Fingerprint(ctx context.Context, patient fhir.Key, wanted fhir.Wanted) (string, error) {
	types := fmt.Sprint(wanted.All(), wanted.Types())
	if known := s.memory.fingerprint(patient.ID, types); known != "" {
		return known, nil
	}
	catalog, err := s.prepare(ctx, func(fhir.Rejected) {})
	if err != nil {
		return "", err
	}
	if s.isMany(catalog) {
		return "", nil
	}
	p, ok, err := catalog.Find(patient.ID)
	if err != nil || !ok {
		return "", err
	}
	print := catalog.Fingerprint(p, func(typ string) bool { return isFact(typ) || wanted.Has(typ) })
	s.memory.printed(patient.ID, types, print)
	return print, nil
}

// prepare reads all inputs once.
func (s *Source) prepare(ctx context.Context, rej func(fhir.Rejected)) (*gather.Catalog, error) {
	s.once.Lock()
	defer s.once.Unlock()
	if s.ready || s.broke != nil {
		return s.catalog, s.broke
	}
	known := s.memory.recalled != nil
	if known { // then all that is rejected was told
		rej = func(fhir.Rejected) {}
	}
	s.broke = s.readAll(ctx, rej)
	if s.broke == nil && known && !s.stayed() {
		s.broke = errChanged
	}
	s.ready = s.broke == nil
	return s.catalog, s.broke
}

func (s *Source) readAll(ctx context.Context, rej func(fhir.Rejected)) error {
	s.catalog = gather.NewCatalog(func(i uint32) string { return s.inputs[i].label }, s.options.Folder, s.options.Budget)
	s.stats = Stats{Inputs: len(s.inputs)}
	rejectUnfinished(s.unfinished, func(r fhir.Rejected) {
		s.stats.Rejected++
		rej(r)
	})
	rej, err := s.learn(ctx, rej)
	if err != nil {
		return err
	}
	counted := func(r fhir.Rejected) {
		s.stats.Rejected++
		rej(r)
	}
	for i := range s.inputs {
		if err := s.readInput(ctx, uint32(i), counted); err != nil { // #nosec G115 -- there are fewer than 2^32 files
			return err
		}
	}
	err = s.catalog.Resolve(counted)
	s.stats.Counts = s.catalog.Counts()
	return err
}

func (s *Source) readInput(ctx context.Context, number uint32, rej func(fhir.Rejected)) error {
	seekable := true
	r := &bundle.Reader{Limits: s.options.Limits, Reuse: true, Borrow: true, Rejected: rej}
	r.Entry = func(e *bundle.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.take(r, e, number, seekable)
	}
	sum, err := s.inputs[number].read(s.options, r, func(is bool) { seekable = is })
	if err != nil {
		return fmt.Errorf("%s: %w", s.inputs[number].label, err)
	}
	s.stats.Read += sum.Resources
	s.stats.Bundles += sum.Bundles
	if sum.Broken {
		s.stats.Broken++
	}
	return nil
}

// take puts one entry into the index.
func (s *Source) take(r *bundle.Reader, e *bundle.Entry, number uint32, seekable bool) error {
	at := gather.Place{Input: number, Position: e.Offset}
	reject := func(typ, reason string) {
		r.Rejected(fhir.Rejected{Origin: fhir.Origin{Source: r.Source, Position: e.Offset}, Type: strings.Clone(typ), Reason: reason})
	}
	if e.Resource == nil {
		return s.takeEmpty(e, reject)
	}
	var err error
	if at.Span, err = s.keep(e, number, seekable); err != nil {
		return err
	}
	reason, err := s.catalog.Add(e.Resource, e.FullURL, e.Subsetted, at)
	if reason != "" {
		reject(e.Resource.Type, reason)
	}
	return err
}

// takeEmpty handles an entry without a resource: a deletion, or nothing.
func (s *Source) takeEmpty(e *bundle.Entry, reject func(typ, reason string)) error {
	if e.Method != "DELETE" {
		s.stats.Empty++
		return nil
	}
	k, ok := fhir.ParseReference(e.URL).Key()
	switch {
	case !ok:
		reject("", "a deletion that does not name a resource by type and id")
	case e.BundleType == "history" && e.LastModified == "":
		reject(k.Type, "a deletion in a history that does not say when")
	default:
		return s.catalog.Delete(k, e.LastModified)
	}
	return nil
}

// keep makes sure that the text can be read again.
func (s *Source) keep(e *bundle.Entry, number uint32, seekable bool) (gather.Span, error) {
	span := gather.Span{Store: number, Length: uint32(len(e.Text)), Offset: e.Offset} // #nosec G115 -- the reader limits the length
	if seekable {
		return span, nil
	}
	if s.spool == nil {
		spool, err := gather.NewSpool(s.options.Folder)
		if err != nil {
			return span, err
		}
		s.spool = spool
	}
	offset, err := s.spool.Append(e.Text)
	span.Store, span.Offset = spooled, offset
	return span, err
}

// spooled is the store of texts in the spool; the others are the ordinals of files.
const spooled = ^uint32(0)

func (s *Source) record(catalog *gather.Catalog, p gather.Patient, want func(string) bool) (*fhir.Record, error) {
	t := texts{source: s}
	defer t.close()
	return catalog.Record(p, want, t.read)
}

// texts reads the texts of one record. Texts that lie together are read at once and share their memory.
type texts struct {
	source *Source
	store  uint32
	file   *os.File
	owned  bool // the file is closed with the texts
	held   string
	at     int64 // of what is held, in the file
}

// buffers are what files are read into before it becomes text.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

func (t *texts) read(span gather.Span) (string, error) {
	if span.Store == spooled {
		return t.source.spool.Read(span.Offset, int(span.Length))
	}
	if t.file == nil || t.store != span.Store {
		if err := t.open(span.Store); err != nil {
			return "", err
		}
	}
	from := span.Offset - t.at
	if from < 0 || from+int64(span.Length) > int64(len(t.held)) {
		if err := t.hold(span); err != nil {
			return "", err
		}
		from = 0
	}
	return t.held[from : from+int64(span.Length)], nil
}

// hold reads a text and what is wanted next.
func (t *texts) hold(span gather.Span) error {
	buffer, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	size := int(span.Length) + int(span.Ahead)
	*buffer = slices.Grow((*buffer)[:0], size)[:size]
	n, err := t.file.ReadAt(*buffer, span.Offset)
	if n < int(span.Length) {
		t.held = ""
		return errors.Join(errChanged, err)
	}
	t.held, t.at = string((*buffer)[:n]), span.Offset
	if cap(*buffer) > keptBuffer {
		*buffer = nil
	}
	return nil
}

// keptBuffer bounds what is kept for the next texts.
const keptBuffer = 1 << 17

// open turns to another file.
func (t *texts) open(store uint32) (err error) {
	t.close()
	if t.file, t.owned, err = t.source.inputs[store].reopen(); err != nil {
		t.file = nil
		return err
	}
	t.store, t.held = store, ""
	return nil
}

func (t *texts) close() {
	if t.file != nil && t.owned {
		_ = t.file.Close()
	}
	t.file = nil
}
