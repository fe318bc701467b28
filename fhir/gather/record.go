package gather

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/crflink/crflink/fhir"
)

// Reader reads the text at a span. It is called from several goroutines.
type Reader func(Span) (string, error)

// Record reads the patient's resources of the wanted types and the shared resources of these types that they lead to.
func (x *Index) Record(p Patient, want func(typ string) bool, read Reader) (*fhir.Record, error) {
	b := recorder{x: x, want: want, read: read, record: fhir.NewRecord(fhir.Key{Type: "Patient", ID: p.ID})}
	b.record.SetLinkedFrom(x.LinkedFrom(p))
	own, err := b.own(p)
	if err != nil {
		return nil, err
	}
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
	x      *Index
	want   func(string) bool
	read   Reader
	record *fhir.Record
	last   string // reference that leads to nothing shared
}

func (b *recorder) own(p Patient) ([]*fhir.Resource, error) {
	var wanted []uint32
	for _, i := range b.x.grouped[p.first:p.last] {
		if b.want(b.x.types[b.x.entries.at(i).typ]) {
			wanted = append(wanted, i)
		}
	}
	own := make([]*fhir.Resource, 0, len(wanted))
	end := int64(0) // of the texts that lie together
	for n, i := range wanted {
		if e := b.x.entries.at(i); e.end() >= end || n > 0 && e.store != b.x.entries.at(wanted[n-1]).store {
			end = b.together(wanted[n:])
		}
		r, err := b.load(i, end)
		if err != nil {
			return nil, err
		}
		own = append(own, r)
	}
	sortResources(own, p.ID)
	return own, nil
}

// What lies together is read at once: a patient's resources of one type usually do.
const (
	gap    = 16       // bytes between texts that lie together: a line end, or the punctuation of a Bundle
	atOnce = 64 << 10 // bytes that are read at once
)

// together returns where the texts end that lie together from the first on.
func (b *recorder) together(entries []uint32) int64 {
	first := b.x.entries.at(entries[0])
	end := first.end()
	for _, i := range entries[1:] {
		e := b.x.entries.at(i)
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

// load reads an entry; what lies behind it up to the end is wanted next.
func (b *recorder) load(i uint32, end int64) (*fhir.Resource, error) {
	e := b.x.entries.at(i)
	origin := b.x.origin(i)
	span := e.span()
	span.Ahead = uint32(max(0, min(end-e.end(), atOnce))) // #nosec G115 -- at most atOnce
	text, err := b.read(span)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", origin, err)
	}
	r, err := fhir.ReadResource(text, origin)
	if err != nil {
		return nil, fmt.Errorf("%w (it was different when it was read first)", err)
	}
	if id, ok := b.x.ids[i]; ok {
		r.ID = id
	}
	if at, ok := b.x.byKey.get(keyName(r.Key())); r.Type != b.x.types[e.typ] || r.ID != "" && (!ok || at != i) {
		return nil, fmt.Errorf("%s: another resource is there than when the input was read first: it was changed meanwhile", origin)
	}
	return r, nil
}

// follow returns the shared resources that the own ones lead to, over any number of steps.
func (b *recorder) follow(own []*fhir.Resource) ([]*fhir.Resource, error) {
	seen := map[uint32]bool{}
	var found []*fhir.Resource
	for next := own; len(next) > 0; {
		var more []*fhir.Resource
		for _, r := range next {
			for ref := range r.References() {
				i, ok := b.target(ref.Text())
				if !ok || seen[i] {
					continue
				}
				seen[i] = true
				s, err := b.load(i, 0)
				if err != nil {
					return nil, err
				}
				more = append(more, s)
			}
		}
		found = append(found, more...)
		next = more
	}
	sortResources(found, "")
	return found, nil
}

// target returns the wanted shared entry that a reference leads to. References by fullUrl are noted in the record.
func (b *recorder) target(reference string) (uint32, bool) {
	if reference == b.last { // most references of a record name its patient
		return 0, false
	}
	k, ok := b.key(reference)
	if !ok || !b.want(k.Type) || fhir.BelongsToPatients(k.Type) == fhir.Owned {
		b.last = reference
		return 0, false
	}
	i, ok := b.x.byKey.get(keyName(k))
	if !ok || b.x.entries.at(i).flags&(shared|deleted) != shared {
		return 0, false
	}
	return i, true
}

func (b *recorder) key(reference string) (fhir.Key, bool) {
	ref := fhir.ParseReference(reference)
	if ref.Form == fhir.Relative {
		return ref.Key()
	}
	url := reference
	if ref.Form == fhir.Absolute {
		url = ref.Base + "/" + ref.Type + "/" + ref.ID
	}
	n := nameOf("url", url)
	if k, ok := b.x.aliases[n]; ok && b.x.stale[n] == nil {
		b.record.SetAlias(reference, k)
		return k, true
	}
	return ref.Key()
}
