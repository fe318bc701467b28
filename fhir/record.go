package fhir

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
)

// Origin is where a resource was read: a source's name and a position that a person can go to.
// It names no patient.
type Origin struct {
	Source   string // the source's name and, for files, the path within it
	Position int64  // files: byte offset of the resource; servers: ordinal of the entry in the answer
	Alias    string // of the source, where a study has several; else ""
}

func (o Origin) String() string { return fmt.Sprintf("%s@%d", o.Source, o.Position) }

// Resource is one parsed resource.
type Resource struct {
	Node          // the resource's root object
	Type   string // resourceType
	ID     string // id; "" when the resource has none
	Origin Origin
	table  Table
}

// Key returns type and id.
func (r *Resource) Key() Key { return Key{r.Type, r.ID} }

var released = sync.Pool{New: func() any { return new(Resource) }}

// NewResource returns an empty resource to be read or built, with the memory of one that was released where there is one.
func NewResource() *Resource {
	r, _ := released.Get().(*Resource)
	return r
}

// keptNodes bounds what a released resource keeps: a few giants must not fill the memory.
const keptNodes = 1 << 13

// Release gives the resource's memory to later ones. Neither the resource nor a node of it may be used afterwards; strings
// that were taken from it stay valid.
func (r *Resource) Release() {
	nodes, auxBuf := r.table.nodes[:0], r.table.auxBuf[:0]
	if cap(nodes) > keptNodes {
		nodes, auxBuf = nil, nil
	}
	*r = Resource{table: Table{nodes: nodes, auxBuf: auxBuf}}
	released.Put(r)
}

// ReadResource parses the text of one resource. A text without a resourceType, or with an id that is no FHIR id, is
// refused.
func ReadResource(text string, origin Origin) (*Resource, error) {
	r := NewResource()
	if err := r.Read(text, origin); err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// Read parses another text into r, reusing its memory. Nodes of the earlier content are meaningless afterwards.
func (r *Resource) Read(text string, origin Origin) error {
	return r.ReadWithin(text, origin, DefaultLimits)
}

// ReadWithin is Read with other limits.
func (r *Resource) ReadWithin(text string, origin Origin, limits Limits) error {
	r.Origin = origin
	if err := r.table.ParseWithin(text, limits); err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	return r.adopt()
}

// Raw returns the text that the resource was read from, "" for a built one.
func (r *Resource) Raw() string { return r.table.text }

// Build lets fill write the resource through a builder.
func (r *Resource) Build(b *Builder, origin Origin, fill func(*Builder)) error {
	r.Origin = origin
	b.Reset(&r.table)
	fill(b)
	b.Finish()
	return r.adopt()
}

func (r *Resource) adopt() error {
	r.Node = r.table.Root()
	typ, id := r.Get("resourceType"), r.Get("id")
	switch {
	case typ.Kind() != String || !isTypeName(typ.Text()):
		return fmt.Errorf("%s: resourceType is missing or is not the name of a resource type", r.Origin)
	case id.Exists() && (id.Kind() != String || !IsID(id.Text())):
		return fmt.Errorf("%s: the id is not a FHIR id (1 to 64 letters, digits, - and .)", r.Origin)
	}
	r.Type, r.ID = typ.Text(), id.Text()
	return nil
}

// Record holds one patient's resources: first the Patient, then what refers to the patient, then what those refer
// to without belonging to a patient (Medication, Device, Organization).
type Record struct {
	patient   Key
	resources []*Resource
	byKey     map[Key]*Resource
	aliases   map[string]Key
	linked    []Key
	same      []Key
	found     map[string]int
}

// NewRecord returns an empty record of the patient with the id.
func NewRecord(patient Key) *Record {
	return &Record{patient: patient, byKey: map[Key]*Resource{}}
}

// Grow makes room for so many more resources.
func (r *Record) Grow(n int) {
	r.resources = slices.Grow(r.resources, n)
	if len(r.byKey) == 0 {
		r.byKey = make(map[Key]*Resource, n)
	}
}

// Release releases all resources and empties the record.
func (r *Record) Release() {
	for _, res := range r.resources {
		res.Release()
	}
	*r = Record{}
}

// Key returns the patient's type and id.
func (r *Record) Key() Key { return r.patient }

// Patient returns the Patient resource, or nil when the source has none of that id.
func (r *Record) Patient() *Resource { return r.byKey[r.patient] }

// Add adds a resource. One of the same type and id that is already there is replaced.
func (r *Record) Add(res *Resource) {
	if res.ID != "" {
		if old, ok := r.byKey[res.Key()]; ok {
			for i := range r.resources {
				if r.resources[i] == old {
					r.resources[i] = res
				}
			}
			r.byKey[res.Key()] = res
			return
		}
		r.byKey[res.Key()] = res
	}
	r.resources = append(r.resources, res)
}

// Find returns the resource of a type and id, or nil.
func (r *Record) Find(k Key) *Resource { return r.byKey[k] }

// SetLinkedFrom notes which other patients' records name this patient in Patient.link.
func (r *Record) SetLinkedFrom(others []Key) { r.linked = others }

// LinkedFrom returns the patients whose records name this one in Patient.link, whether or not this one names them.
func (r *Record) LinkedFrom() []Key { return slices.Clone(r.linked) }

// SetSame notes under which other keys sources of one study know the patient: what they say of these keys is said of this person.
func (r *Record) SetSame(keys []Key) { r.same = keys }

// Same returns what SetSame noted.
func (r *Record) Same() []Key { return slices.Clone(r.same) }

// SetAlias says which resource a reference means whose text does not tell: one by fullUrl (urn:uuid).
func (r *Record) SetAlias(reference string, k Key) {
	if r.aliases == nil {
		r.aliases = map[string]Key{}
	}
	r.aliases[reference] = k
}

// Aliases yields what SetAlias said, in the order of the references.
func (r *Record) Aliases() iter.Seq2[string, Key] {
	return func(yield func(string, Key) bool) {
		for _, reference := range slices.Sorted(maps.Keys(r.aliases)) {
			if !yield(reference, r.aliases[reference]) {
				return
			}
		}
	}
}

// KeyOf returns the type and id that the text of a reference means in this record, whether or not the resource is part
// of it; ok is false for contained, conditional and unknown ones.
func (r *Record) KeyOf(reference string) (k Key, ok bool) {
	if k, ok = r.aliases[reference]; ok {
		return k, true
	}
	return ParseReference(reference).Key()
}

// Resources yields all resources in the order in which they were added.
func (r *Record) Resources() iter.Seq[*Resource] {
	return func(yield func(*Resource) bool) {
		for _, res := range r.resources {
			if !yield(res) {
				return
			}
		}
	}
}

// OfType yields the resources of one type.
func (r *Record) OfType(typ string) iter.Seq[*Resource] {
	return func(yield func(*Resource) bool) {
		for _, res := range r.resources {
			if res.Type == typ && !yield(res) {
				return
			}
		}
	}
}

// Len returns the number of resources.
func (r *Record) Len() int { return len(r.resources) }

// SetType puts other resources in the place of those of one type; they stand at the end. References between what stays
// are not touched, and what goes is not released.
func (r *Record) SetType(typ string, with []*Resource) {
	for _, res := range r.resources {
		if res.Type == typ {
			delete(r.byKey, res.Key())
		}
	}
	r.resources = slices.DeleteFunc(r.resources, func(res *Resource) bool { return res.Type == typ })
	for _, res := range with {
		r.Add(res)
	}
}
