package gather

import (
	"hash/maphash"
	"iter"
	"math"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
)

// Span is where the text of a resource lies. Store is a number that the source gave its file or spool.
type Span struct {
	Store  uint32
	Length uint32
	Offset int64
	Ahead  uint32 // bytes behind it that hold what is asked for next, as a hint
}

// Place is where a resource was read, in the source's numbers, and where it can be read again.
type Place struct {
	Span
	Input    uint32 // ordinal of the file or answer; the index's Name tells its name
	Position int64  // within the input
}

// name is the hash of a key, URL or identifier. Two halves under independent seeds make an accidental match of two
// names as good as impossible for any number of resources that fits a disk.
type name [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func nameOf(parts ...string) name {
	var buffer [128]byte
	text := buffer[:0]
	for _, p := range parts {
		text = append(append(text, p...), 0)
	}
	return name{maphash.Bytes(seeds[0], text), maphash.Bytes(seeds[1], text)}
}

func keyName(k fhir.Key) name { return nameOf("key", k.Type, k.ID) }

// entry is one resource. It is kept small: a source of ten million resources has ten million of them.
type entry struct {
	offset  int64
	updated int64  // meta.lastUpdated in µs since 1970; math.MinInt64 when not known
	sum     uint64 // of all that the source said of the resource
	length  uint32
	store   uint32
	version uint32 // meta.versionId + 1 when it is a number, else 0
	subject uint32 // number of the name that says whose it is; 0 for shared ones
	typ     uint16
	flags   uint8
}

const (
	subsetted = 1 << iota
	deleted
	shared
	keyed // on disk: it has an id
)

// end is where the text ends in its store.
func (e *entry) end() int64 { return e.offset + int64(e.length) }

func (e *entry) span() Span { return Span{Store: e.store, Length: e.length, Offset: e.offset} }

// block is how many entries are allocated at once: a list that grows by copying would need its memory twice. Only the first block
// grows: one patient has few.
const (
	block      = 1 << 13
	firstBlock = 1 << 6
)

// entries is a list that grows without being copied.
type entries struct {
	blocks [][]entry
	n      uint32
}

func (l *entries) at(i uint32) *entry { return &l.blocks[i/block][i%block] }

func (l *entries) add(e entry) {
	switch {
	case l.n == 0:
		l.blocks = append(l.blocks, make([]entry, 0, firstBlock))
	case l.n%block == 0:
		l.blocks = append(l.blocks, make([]entry, 0, block))
	}
	last := &l.blocks[len(l.blocks)-1]
	*last = append(*last, e)
	l.n++
}

func (l *entries) all() iter.Seq2[uint32, *entry] {
	return func(yield func(uint32, *entry) bool) {
		for i := range l.n {
			if !yield(i, l.at(i)) {
				return
			}
		}
	}
}

// origin is where an entry came from, where its span does not tell.
type origin struct {
	input    uint32
	position int64
}

// Index collects what a source read. Add and Delete are called first, from one goroutine; after Resolve the index is
// read-only and may be used by several.
type Index struct {
	Name   func(input uint32) string // names inputs for origins
	Counts Counts

	entries   entries
	origins   []origin        // of all entries, or empty while spans tell them
	names     []name          // of subjects, by number - 1
	numbers   map[name]uint32 // of subjects
	byKey     places
	types     []string
	typeNo    map[string]uint16
	patients  map[name]string     // ids of all patients that anything names, by the name of their key
	facts     map[name]facts      // of Patient resources, by the name of their key
	absolutes map[name]fhir.Key   // what absolute references to patients mean if no fullUrl says otherwise
	aliases   map[name]fhir.Key   // fullUrls that do not end in the type and id of their resource
	stale     map[name][]fhir.Key // what aliases that mean two things mean besides
	contested []contested         // Consents of several patients
	merged    map[name]name       // patients that are known to be replaced by others
	weight    int64               // about how many bytes all this needs
	ids       map[uint32]string   // ids of entries whose text has none
	groups

	common     sync.Once
	sharedSums []uint64 // of shared resources, by type; made when first asked for
}

// facts is what the newest version of a Patient says about its identity.
type facts struct {
	identifiers []name
	links       []link
	names       []name // of the patients that any link leads to
}

// Counts says what became of resources that are no patient's.
type Counts struct {
	Superseded int // older or repeated versions, also those of what was deleted
	Deleted    int // resources whose newest version is a deletion
	Withheld   int // resources that name persons but are no patient's (see fhir.BelongsToPatients)
	Outcomes   int // OperationOutcome resources
}

// lost counts the version that counts less: the old one, if the new one won.
func (c *Counts) lost(e, old entry, won bool) {
	if !won {
		old = e
	}
	if old.flags&deleted == 0 {
		c.Superseded++
	}
}

// link is a Patient.link that merges. A zero end could not be told.
type link struct{ from, to name }

// NewIndex returns an empty index.
func NewIndex(inputName func(uint32) string) *Index {
	return &Index{
		Name: inputName, typeNo: map[string]uint16{}, patients: map[name]string{}, facts: map[name]facts{},
		absolutes: map[name]fhir.Key{}, aliases: map[name]fhir.Key{}, stale: map[name][]fhir.Key{}, merged: map[name]name{}, numbers: map[name]uint32{}, ids: map[uint32]string{},
	}
}

// maxTypes bounds how many names of types an index learns; R4 has 148.
const maxTypes = 1000

// Add registers a resource that can be read again at its place. It keeps nothing of the resource's memory. A reason is
// returned for one that cannot be used.
func (x *Index) Add(r *fhir.Resource, fullURL string, isSubsetted bool, at Place) (reason string) {
	e := entry{store: at.Store, offset: at.Offset, length: at.Length, updated: lastUpdated(r), version: versionID(r)}
	e.sum = sumOf(r.Raw(), fullURL, isSubsetted)
	var subject name
	if isSubsetted {
		e.flags |= subsetted
	}
	if _, known := x.typeNo[r.Type]; !known && len(x.types) >= maxTypes {
		return "an unknown resource type"
	}
	switch fhir.BelongsToPatients(r.Type) {
	case fhir.Withheld:
		x.withhold(r.Type)
		return ""
	case fhir.Shared:
		e.flags |= shared
	case fhir.Possible:
		if subject, reason = x.subjectOf(r); reason != "" {
			e.flags |= shared
		}
	case fhir.Owned:
		subject, reason = x.ownerOf(r)
		switch {
		case reason == severalPatients && x.contest(r, at):
			return "" // Resolve rejects it
		case reason != "":
			return reason
		}
	}
	x.alias(fullURL, r)
	e.subject = x.number(subject)
	i, won := x.put(e, at, r.Type, r.ID)
	if won && r.Type == "Patient" {
		f := x.patientFacts(r, subject)
		x.facts[subject] = f
		x.weight += int64(160 + 16*len(f.identifiers) + 48*len(f.names))
	}
	if won && r.ID != "" && !r.Get("id").Exists() {
		x.ids[i] = strings.Clone(r.ID)
		x.weight += 128
	}
	return ""
}

// number returns the number of a subject's name, 0 for none.
func (x *Index) number(n name) uint32 {
	if n == (name{}) {
		return 0
	}
	i, ok := x.numbers[n]
	if !ok {
		x.names = append(x.names, n)
		i = uint32(len(x.names)) // #nosec G115 -- fewer than there are entries
		x.numbers[n] = i
		x.weight += 64
	}
	return i
}

// subject returns the name that says whose an entry is.
func (x *Index) subject(e *entry) name {
	if e.subject == 0 {
		return name{}
	}
	return x.names[e.subject-1]
}

func (x *Index) ownerOf(r *fhir.Resource) (name, string) {
	if r.Type != "Patient" {
		return x.subjectOf(r)
	}
	if r.ID == "" {
		return name{}, "a Patient without an id"
	}
	return x.mention(r.Key()), ""
}

func (x *Index) withhold(typ string) {
	if typ == "OperationOutcome" {
		x.Counts.Outcomes++
		return
	}
	x.Counts.Withheld++
}

// Delete registers the deletion of a resource at a time (FHIR instant), or now in reading order for "".
func (x *Index) Delete(k fhir.Key, at string) {
	updated := int64(math.MinInt64)
	if d, err := fhir.ParseDateTime(at); err == nil {
		if t, ok := d.Instant(); ok {
			updated = t.UnixMicro()
		}
	}
	if _, won := x.put(entry{updated: updated, flags: deleted}, Place{}, k.Type, k.ID); won && k.Type == "Patient" {
		delete(x.facts, keyName(k))
	}
}

// put stores an entry, or lets it compete with the version that is there. It returns the entry's index and whether the
// new one counts.
func (x *Index) put(e entry, at Place, typ, id string) (i uint32, won bool) {
	e.typ = x.typeNumber(typ)
	i = x.entries.n
	if id != "" {
		key := keyName(fhir.Key{Type: typ, ID: id})
		if old, ok := x.byKey.get(key); ok {
			return old, x.supersede(old, e, at)
		}
		x.byKey.put(key, i)
	}
	x.entries.add(e)
	x.setOrigin(i, at)
	x.weight += 128
	return i, true
}

// supersede keeps the newer one of two versions, in the place of the first.
func (x *Index) supersede(old uint32, e entry, at Place) (won bool) {
	o := x.entries.at(old)
	won = newer(e, *o)
	x.Counts.lost(e, *o, won)
	if won {
		*o = e
		x.setOrigin(old, at)
		delete(x.ids, old)
	}
	return won
}

// setOrigin notes where an entry came from if its span does not tell.
func (x *Index) setOrigin(i uint32, at Place) {
	if len(x.origins) == 0 && at.Store == at.Input && at.Offset == at.Position {
		return
	}
	for n := uint32(len(x.origins)); n < x.entries.n; n++ { // #nosec G115 -- as many as there are entries
		e := x.entries.at(n)
		x.origins = append(x.origins, origin{e.store, e.offset})
	}
	x.origins[i] = origin{at.Input, at.Position}
}

func (x *Index) origin(i uint32) fhir.Origin {
	at := x.place(i)
	return fhir.Origin{Source: x.Name(at.input), Position: at.position}
}

// place is where an entry was read.
func (x *Index) place(i uint32) origin {
	if len(x.origins) > 0 {
		return x.origins[i]
	}
	e := x.entries.at(i)
	return origin{e.store, e.offset}
}

func (x *Index) typeNumber(typ string) uint16 {
	n, ok := x.typeNo[typ]
	if !ok {
		typ = strings.Clone(typ)
		n = uint16(len(x.types)) // #nosec G115 -- Add bounds them by maxTypes
		x.types = append(x.types, typ)
		x.typeNo[typ] = n
	}
	return n
}
