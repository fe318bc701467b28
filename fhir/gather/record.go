package gather

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/crflink/crflink/fhir"
)

// Reader reads the text at a span. It is called from several goroutines.
type Reader func(Span) (string, error)

// Record reads the patient's resources of the wanted types and the shared resources of these types that they lead to.
func (x *Index) Record(p Patient, want func(typ string) bool, read Reader) (*fhir.Record, error) {
	return recordOf(x, p, want, texts{x, read}.load)
}

// book is what a record is put together by: an Index, or what it has become on disk.
type book interface {
	items(p Patient, want func(typ string) bool, into []item) []item // appends those of the wanted types
	shared(name) (it item, ok bool, err error)                       // by the name of its key
	meaning(name) (k fhir.Key, ok bool, err error)                   // of a fullUrl, if it has one only
	holds(it item, key name) bool                                    // whether the item is the resource of the key
	originOf(item) fhir.Origin
	typeName(uint16) string // of a number in an item
	LinkedFrom(Patient) []fhir.Key
}

// item is a resource with all that is known of it.
type item struct {
	entry
	origin
	key    name   // on disk only: of its type and id, zero when it has no id
	id     string // where its text has none
	number uint32 // in memory only: in the index
}

func recordOf(x book, p Patient, want func(typ string) bool, load loader) (*fhir.Record, error) {
	b := recorder{x: x, want: want, load: load, record: fhir.NewRecord(fhir.Key{Type: "Patient", ID: p.ID})}
	b.record.SetLinkedFrom(x.LinkedFrom(p))
	own, err := b.own(p)
	if err != nil {
		return nil, err
	}
	b.record.Grow(len(own))
	for _, r := range own {
		b.record.Add(r)
	}
	others, err := b.follow(own)
	if err != nil {
		return nil, err
	}
	for _, r := range others {
		b.record.Add(r)
	}
	return b.record, nil
}

type recorder struct {
	x      book
	want   func(string) bool
	load   loader
	record *fhir.Record
	last   string // reference that leads to nothing shared
}

// lists are what the items of records under way are listed in.
var lists = sync.Pool{New: func() any { return new([]item) }}

func (b *recorder) own(p Patient) ([]*fhir.Resource, error) {
	list, _ := lists.Get().(*[]item)
	defer lists.Put(list)
	*list = b.x.items(p, b.want, (*list)[:0])
	wanted := *list
	if cap(*list) > keptItems {
		*list = nil
	}
	own := make([]*fhir.Resource, 0, len(wanted))
	end := int64(0) // of the texts that lie together
	for n := range wanted {
		it := &wanted[n]
		if it.end() >= end || n > 0 && it.store != wanted[n-1].store {
			end = together(wanted[n:])
		}
		r, err := b.load(*it, end)
		if err != nil {
			return nil, err
		}
		own = append(own, r)
	}
	sortResources(own, p.ID)
	return own, nil
}

// keptItems bounds what is kept for the next record.
const keptItems = 1 << 12

// What lies together is read at once: a patient's resources of one type usually do.
const (
	gap    = 16       // bytes between texts that lie together: a line end, or the punctuation of a Bundle
	atOnce = 64 << 10 // bytes that are read at once
)

// together returns where the texts end that lie together from the first on.
func together(items []item) int64 {
	first := &items[0]
	end := first.end()
	for n := range items[1:] {
		e := &items[n+1]
		if e.store != first.store || e.offset < end || e.offset > end+gap || e.end() > first.offset+atOnce {
			break
		}
		end = e.end()
	}
	return end
}

// sortResources orders a record alike for all sources: the surviving Patient, other Patients, then by type, id and, for
// those without an id, origin.
func sortResources(list []*fhir.Resource, survivor string) {
	rank := func(r *fhir.Resource) int {
		switch {
		case r.Type == "Patient" && r.ID == survivor:
			return 0
		case r.Type == "Patient":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b *fhir.Resource) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Origin.Source, b.Origin.Source), cmp.Compare(a.Origin.Position, b.Origin.Position))
	})
}

// loader returns the resource of an item; what lies behind it up to the end is wanted next.
type loader func(it item, end int64) (*fhir.Resource, error)

// texts loads resources from their texts.
type texts struct {
	x    book
	read Reader
}

func (t texts) load(it item, end int64) (*fhir.Resource, error) {
	origin := t.x.originOf(it)
	span := it.span()
	span.Ahead = uint32(max(0, min(end-it.end(), atOnce))) // #nosec G115 -- at most atOnce
	text, err := t.read(span)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", origin, err)
	}
	r, err := fhir.ReadResource(text, origin)
	if err != nil {
		return nil, fmt.Errorf("%w (it was different when it was read first)", err)
	}
	if it.id != "" {
		r.ID = it.id
	}
	if r.Type != t.x.typeName(it.typ) || r.ID != "" && !t.x.holds(it, keyName(r.Key())) {
		return nil, fmt.Errorf("%s: another resource is there than when the input was read first: it was changed meanwhile", origin)
	}
	return r, nil
}

// follow returns the shared resources that the own ones lead to, over any number of steps.
func (b *recorder) follow(own []*fhir.Resource) ([]*fhir.Resource, error) {
	seen := map[name]bool{}
	var found []*fhir.Resource
	for next := own; len(next) > 0; {
		var more []*fhir.Resource
		for _, r := range next {
			for ref := range r.References() {
				s, err := b.target(ref.Text(), seen)
				if err != nil {
					return nil, err
				}
				if s != nil {
					more = append(more, s)
				}
			}
		}
		found = append(found, more...)
		next = more
	}
	sortResources(found, "")
	return found, nil
}

// target reads the wanted shared resource that a reference leads to, nil when there is none or it was seen. References by
// fullUrl are noted in the record.
func (b *recorder) target(reference string, seen map[name]bool) (*fhir.Resource, error) {
	if reference == b.last { // most references of a record name its patient
		return nil, nil
	}
	k, ok, err := b.key(reference)
	if err != nil {
		return nil, err
	}
	if !ok || !b.want(k.Type) || fhir.BelongsToPatients(k.Type) == fhir.Owned {
		b.last = reference
		return nil, nil
	}
	n := keyName(k)
	if seen[n] {
		return nil, nil
	}
	seen[n] = true
	it, ok, err := b.x.shared(n)
	if err != nil || !ok {
		return nil, err
	}
	return b.load(it, 0)
}

func (b *recorder) key(reference string) (fhir.Key, bool, error) {
	ref := fhir.ParseReference(reference)
	if ref.Form == fhir.Relative {
		k, ok := ref.Key()
		return k, ok, nil
	}
	url := reference
	if ref.Form == fhir.Absolute {
		url = ref.Base + "/" + ref.Type + "/" + ref.ID
	}
	if k, ok, err := b.x.meaning(nameOf("url", url)); ok || err != nil {
		if err == nil {
			b.record.SetAlias(reference, k)
		}
		return k, ok, err
	}
	k, ok := ref.Key()
	return k, ok, nil
}

func (x *Index) items(p Patient, want func(typ string) bool, into []item) []item {
	for _, i := range x.grouped[p.first:p.last] {
		if want(x.types[x.entries.at(i).typ]) {
			into = append(into, x.item(i))
		}
	}
	return into
}

func (x *Index) item(i uint32) item {
	return item{entry: *x.entries.at(i), origin: x.place(i), number: i, id: x.ids[i]}
}

func (x *Index) shared(n name) (item, bool, error) {
	i, ok := x.byKey.get(n)
	if !ok || x.entries.at(i).flags&(shared|deleted) != shared {
		return item{}, false, nil
	}
	return x.item(i), true, nil
}

func (x *Index) meaning(n name) (fhir.Key, bool, error) {
	k, ok := x.aliases[n]
	return k, ok && x.stale[n] == nil, nil
}

func (x *Index) holds(it item, key name) bool {
	i, ok := x.byKey.get(key)
	return ok && i == it.number
}

func (x *Index) originOf(it item) fhir.Origin {
	return fhir.Origin{Source: x.Name(it.input), Position: it.position}
}

func (x *Index) typeName(n uint16) string { return x.types[n] }
