package ndjson

import (
	"bytes"
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/gather"
)

// Memory keeps what a source learnt of its files, for another one of the same files. The text tells which patients these are about
// and where their facts lie, and holds nothing else of them: a memory seals it.
type Memory interface {
	// Recall returns what was kept last; nil when that is nothing, or cannot be read.
	Recall() ([]byte, error)
	Keep(text []byte) error
}

// outlineForm is raised when an outline, or what is found out from files, changes.
const outlineForm = 3

// outline is what a source learnt of its files: enough to hand out the facts of every patient again without looking for them.
type outline struct {
	Form     int
	Program  string
	Needed   bool   // facts that are not needed are not in it
	Key      []byte // of the sums
	Files    []summed
	Rejected []fhir.Rejected
	Stats    Stats
	Patients []outlined
	Texts    []place           // of all patients, one behind the other
	IDs      map[int]string    // of texts that have none, by their number
	Beside   map[int]beside    // by patient
	Wanted   string            // of the fingerprints
	Prints   map[string]string // by patient; of those of whom they were asked for
}

// summed is a file with a sum of all its bytes.
type summed struct {
	Path string
	Size int64
	Sum  [sha256.Size]byte
}

// outlined is a patient's record of facts: where the texts are of those that are needed, in their order. There are many
// of them.
type outlined struct {
	ID  string
	End int // of the patient's texts; they begin where those of the patient before end
}

// beside is what few records have.
type beside struct {
	LinkedFrom []fhir.Key
	References []string // that are aliases
	Meanings   []fhir.Key
}

type place struct {
	Offset int64
	Input  uint32
	Length uint32
}

// textsOf returns the numbers of a patient's texts, from the first to before the last.
func (o *outline) textsOf(patient int) (first, end int) {
	if patient > 0 {
		first = o.Patients[patient-1].End
	}
	return first, o.Patients[patient].End
}

// remembering is a source's dealings with its memory.
type remembering struct {
	memory  Memory
	program string

	mu       sync.Mutex
	asked    bool
	recalled *outline          // what the memory has of these files
	byID     map[string]int    // of its patients
	infos    []fs.FileInfo     // of the files when they were summed
	new      *outline          // what is to be kept
	changed  bool              // there is something to keep
	labels   map[string]uint32 // ordinals of the inputs by their names in origins
}

// Remember gives the source a memory, before anything is read. What another program kept there is not used. With anew, nothing is
// recalled, and what is read takes the place of what was kept.
func (s *Source) Remember(m Memory, program string, anew bool) {
	s.memory = remembering{memory: m, program: program, asked: anew}
}

// recall returns what the memory has of these very files, told by every byte of them; nil when it has nothing. What was rejected
// then is told again, once.
func (s *Source) recall(ctx context.Context, rej func(fhir.Rejected)) (*outline, error) {
	m := &s.memory
	if m.memory == nil {
		return nil, nil
	}
	s.once.Lock()
	defer s.once.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked || s.ready || s.broke != nil {
		return m.recalled, nil
	}
	m.asked = true
	known, err := m.kept(s.options.Needed != nil)
	if err != nil || known == nil || len(known.Files) != len(s.inputs) {
		return nil, err
	}
	now, err := s.sum(ctx, known.Key)
	if err != nil || !slices.Equal(now, known.Files) {
		return nil, err
	}
	m.recalled, m.new, m.byID = known, known, make(map[string]int, len(known.Patients))
	for i := range known.Patients {
		m.byID[known.Patients[i].ID] = i
	}
	s.stats = known.Stats
	s.stats.Rejected += len(s.unfinished)
	rejectUnfinished(s.unfinished, rej)
	for _, r := range known.Rejected {
		rej(r)
	}
	return known, nil
}

// kept reads the memory. What it cannot make use of is as if it were not there.
func (m *remembering) kept(needed bool) (*outline, error) {
	text, err := m.memory.Recall()
	if err != nil || text == nil {
		return nil, err
	}
	var o outline
	if gob.NewDecoder(bytes.NewReader(text)).Decode(&o) != nil || o.Form != outlineForm || o.Program != m.program || o.Needed != needed {
		return nil, nil
	}
	return &o, nil
}

// sum sums all files.
func (s *Source) sum(ctx context.Context, key []byte) ([]summed, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	all := make([]summed, len(s.inputs))
	s.memory.infos = make([]fs.FileInfo, len(s.inputs))
	buffer := make([]byte, sumAtOnce)
	for i, in := range s.inputs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if all[i], err = in.sum(gcm, buffer); err != nil {
			return nil, fmt.Errorf("%s: %w", in.label, err)
		}
		s.memory.infos[i] = in.info
	}
	return all, nil
}

const sumAtOnce = 256 << 10

// sum is a digest of the authentication tags of all pieces of the file, under a secret key: nobody who does not know it can make
// two contents of one sum, and it is made at the speed of reading. The tags are seen by nobody, so that they may share a nonce.
func (in *input) sum(gcm cipher.AEAD, buffer []byte) (summed, error) {
	file, err := in.open()
	if err != nil {
		return summed{}, err
	}
	defer func() { _ = file.Close() }() // read only
	done := summed{Path: in.path}
	digest, nonce := sha256.New(), make([]byte, gcm.NonceSize())
	var tag [16]byte
	for {
		n, err := io.ReadFull(file, buffer)
		if n > 0 {
			done.Size += int64(n)
			_, _ = digest.Write(binary.BigEndian.AppendUint64(gcm.Seal(tag[:0], nonce, nil, buffer[:n]), uint64(n))) // #nosec G115 G407 -- positive; the tags are secret
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return summed{}, pathless(err)
		}
	}
	digest.Sum(done.Sum[:0])
	return done, in.settled(file)
}

// facts returns a patient's record of facts from the outline.
func (s *Source) facts(o *outline, patient int) (*fhir.Record, error) {
	t := texts{source: s}
	defer t.close()
	first, end := o.textsOf(patient)
	places := o.Texts[first:end]
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return places[a].compare(&places[b]) })
	resources := make([]*fhir.Resource, len(places))
	for i, n := range order {
		at := &places[n]
		text, err := t.read(gather.Span{Store: at.Input, Offset: at.Offset, Length: at.Length, Ahead: ahead(places, order[i:])})
		if err != nil {
			return nil, err
		}
		if resources[n], err = fhir.ReadResource(text, fhir.Origin{Source: s.inputs[at.Input].label, Position: at.Offset}); err != nil {
			return nil, fmt.Errorf("%w (it was different when it was read first)", err)
		}
		if id := o.IDs[first+n]; id != "" {
			resources[n].ID = id
		}
	}
	record := fhir.NewRecord(fhir.Key{Type: "Patient", ID: o.Patients[patient].ID})
	b := o.Beside[patient]
	record.SetLinkedFrom(b.LinkedFrom)
	for _, r := range resources {
		record.Add(r)
	}
	for i, reference := range b.References {
		record.SetAlias(reference, b.Meanings[i])
	}
	return record, nil
}

func (p *place) compare(other *place) int {
	if p.Input != other.Input {
		return int(p.Input) - int(other.Input)
	}
	return int(p.Offset - other.Offset)
}

func (p *place) end() int64 { return p.Offset + int64(p.Length) }

// readAhead bounds what is read at once.
const readAhead = 64 << 10

// ahead is how many bytes behind the first text hold those that lie side by side with it.
func ahead(places []place, order []int) uint32 {
	first := &places[order[0]]
	end := first.end()
	for _, n := range order[1:] {
		at := &places[n]
		if at.Input != first.Input || at.Offset < end || at.Offset > end+16 || at.end() > first.Offset+readAhead {
			break
		}
		end = at.end()
	}
	return uint32(end - first.end()) // #nosec G115 -- at most readAhead
}

// factsOf returns the facts of a patient from what was recalled; ok is false when that has to be asked of the files.
func (s *Source) factsOf(ctx context.Context, patient fhir.Key, wanted fhir.Wanted, rej func(fhir.Rejected)) (record *fhir.Record, ok bool, err error) {
	if wanted.All() || len(wanted.Types()) > 0 {
		return nil, false, nil
	}
	o, err := s.recall(ctx, rej)
	if o == nil || err != nil {
		return nil, err != nil, err
	}
	i, known := s.memory.byID[patient.ID]
	if !known || patient.Type != "Patient" {
		return nil, true, fmt.Errorf("%s: %w", s.Name(), fhir.ErrUnknownPatient)
	}
	record, err = s.facts(o, i)
	return record, true, err
}

// fingerprint is what the memory has of a patient; "" when nothing.
func (m *remembering) fingerprint(patient, wanted string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.recalled == nil || m.recalled.Wanted != wanted {
		return ""
	}
	return m.recalled.Prints[patient]
}

// printed takes up a fingerprint.
func (m *remembering) printed(patient, wanted, print string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.new == nil || print == "" {
		return
	}
	if m.new.Wanted != wanted {
		m.new.Wanted, m.new.Prints = wanted, map[string]string{}
	}
	m.new.Prints[patient] = print
	m.changed = true
}

// learn begins a new outline, when the files are about to be read, and returns what takes up the rejected.
func (s *Source) learn(ctx context.Context, rej func(fhir.Rejected)) (func(fhir.Rejected), error) {
	m := &s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.memory == nil || m.recalled != nil {
		return rej, nil
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	files, err := s.sum(ctx, key)
	if err != nil {
		return nil, err
	}
	m.new = &outline{Form: outlineForm, Program: m.program, Needed: s.options.Needed != nil, Key: key, Files: files}
	m.labels = map[string]uint32{}
	for i, in := range s.inputs {
		m.labels[in.label] = uint32(i) // #nosec G115 -- there are fewer than 2^32 files
	}
	o := m.new
	return func(r fhir.Rejected) {
		o.Rejected = append(o.Rejected, r)
		rej(r)
	}, nil
}

// outlining takes up the facts of every patient on a walk through all of them; nil when that is not to be kept.
func (s *Source) outlining() *outline {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	if s.memory.new == nil || s.memory.recalled != nil || s.memory.changed || s.spool != nil || s.isMany(s.catalog) {
		return nil
	}
	return &outline{IDs: map[int]string{}, Beside: map[int]beside{}}
}

// manyResources is of how many resources no patient's are remembered any more: what is kept of each patient for that is kept in memory
// while a run is under way, and collecting it time and again costs more than is saved.
const manyResources = 2_000_000

func (s *Source) isMany(c *gather.Catalog) bool {
	return c.Len() > cmp.Or(s.options.Remembers, manyResources)
}

func (o *outline) take(s *Source, record *fhir.Record) {
	if o == nil {
		return
	}
	b := beside{LinkedFrom: record.LinkedFrom()}
	for reference, k := range record.Aliases() {
		b.References, b.Meanings = append(b.References, reference), append(b.Meanings, k)
	}
	if len(b.LinkedFrom)+len(b.References) > 0 {
		o.Beside[len(o.Patients)] = b
	}
	needed := s.options.needed(record)
	for r := range record.Resources() {
		if !needed(r) {
			continue
		}
		at := place{Input: s.memory.labels[r.Origin.Source], Offset: r.Origin.Position, Length: uint32(len(r.Raw()))} // #nosec G115 -- the reader limits the length
		if r.ID != "" && !r.Get("id").Exists() {
			o.IDs[len(o.Texts)] = r.ID
		}
		o.Texts = append(o.Texts, at)
	}
	o.Patients = append(o.Patients, outlined{strings.Clone(record.Key().ID), len(o.Texts)})
}

// outlined ends a walk.
func (s *Source) outlined(o *outline) {
	if o == nil {
		return
	}
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	n := s.memory.new
	n.Patients, n.Texts, n.IDs, n.Beside, s.memory.changed = o.Patients, o.Texts, o.IDs, o.Beside, true
	s.memory.new.Stats = s.stats
	s.memory.new.Stats.Rejected -= len(s.unfinished)
}

// stayed reports whether the files are still what they were when they were summed.
func (s *Source) stayed() bool {
	for i, in := range s.inputs {
		then := s.memory.infos[i]
		if in.info == nil || in.info.Size() != then.Size() || !in.info.ModTime().Equal(then.ModTime()) {
			return false
		}
	}
	return true
}

// retain gives the memory what was learnt.
func (s *Source) retain() error {
	m := &s.memory
	if m.memory == nil || !m.changed || m.new == nil || m.new.Patients == nil || !s.stayed() {
		return nil
	}
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(m.new); err != nil {
		return err
	}
	return m.memory.Keep(text.Bytes())
}
