package gather

import (
	"fmt"

	"github.com/crflink/crflink/fhir"
)

// Memory keeps a few resources, one patient's or a batch's, with their index. They are parsed once: what is added is what records
// are made of.
type Memory struct {
	*Index
	held    []held
	looked  int // how many of them Missing has seen
	missing map[fhir.Key]bool
}

// held is a resource in memory.
type held struct {
	resource *fhir.Resource
	given    bool // it is part of a record
}

// NewMemory returns an empty memory. Name names the inputs of the index.
func NewMemory(inputName func(uint32) string) *Memory {
	return &Memory{Index: NewIndex(inputName), missing: map[fhir.Key]bool{}}
}

// Add keeps the resource and registers it. One that cannot be used, for the reason that is returned, is left to the caller.
func (m *Memory) Add(r *fhir.Resource, fullURL string, isSubsetted bool, input uint32) (reason string) {
	if reason = m.Index.Add(r, fullURL, isSubsetted, m.place(r, input)); reason == "" {
		m.held = append(m.held, held{resource: r})
	}
	return reason
}

// place is where the resource will be held.
func (m *Memory) place(r *fhir.Resource, input uint32) Place {
	span := Span{Offset: m.Next(), Length: uint32(len(r.Raw()))} // #nosec G115 -- a resource is limited to less
	return Place{Span: span, Input: input, Position: r.Origin.Position}
}

// AddOwned keeps a resource that is known to belong to the patient, whatever its text says. Shared ones stay shared.
func (m *Memory) AddOwned(r *fhir.Resource, patient string, input uint32) {
	i := m.entries.n
	if m.Add(r, "", fhir.IsSubsetted(r.Get("meta")), input) != "" {
		// Its subject cannot be told from here: say it anew.
		at := m.place(r, input)
		m.put(entry{offset: at.Offset, length: at.Length}, at, r.Type, r.ID)
		m.held = append(m.held, held{resource: r})
	}
	if i == m.entries.n || m.entries.at(i).flags&shared != 0 {
		return
	}
	owner := m.mention(fhir.Key{Type: "Patient", ID: patient})
	if r.Type == "Patient" && r.ID != patient {
		m.merged[m.subject(m.entries.at(i))] = owner
	}
	if r.Type == "Patient" {
		m.facts[keyName(r.Key())] = facts{identifiers: m.facts[keyName(r.Key())].identifiers}
		return
	}
	m.entries.at(i).subject = m.number(owner)
}

// Next returns how many resources were kept: the ordinal of the next one.
func (m *Memory) Next() int64 { return int64(len(m.held)) }

// Record returns the patient's resources of the wanted types and the shared resources of these types that they lead to. The record
// owns them: what several records have is in each of them once.
func (m *Memory) Record(p Patient, want func(typ string) bool) (*fhir.Record, error) {
	return recordOf(m.Index, p, want, m.load)
}

// load gives a resource out. Who comes later is given another of the same text.
func (m *Memory) load(it item, end int64) (*fhir.Resource, error) {
	if it.offset >= m.Next() {
		return nil, fmt.Errorf("no resource %d in memory", it.offset)
	}
	h := &m.held[it.offset]
	if h.given {
		return texts{m.Index, func(Span) (string, error) { return h.resource.Raw(), nil }}.load(it, end)
	}
	h.given = true
	h.resource.Origin = m.originOf(it)
	return h.resource, nil
}

// Missing returns the keys of the wanted types that the resources refer to and that the memory does not hold. Each is returned once.
func (m *Memory) Missing(want func(typ string) bool) []fhir.Key {
	var missing []fhir.Key
	last := ""
	for _, h := range m.held[m.looked:] {
		for ref := range h.resource.References() {
			text := ref.Text()
			if text == last { // most of a patient's resources name the patient
				continue
			}
			last = text
			k, ok := fhir.ParseReference(text).Key()
			if !ok || !want(k.Type) || m.missing[k] {
				continue
			}
			if _, is := m.byKey.get(keyName(k)); !is {
				m.missing[k] = true
				missing = append(missing, k)
			}
		}
	}
	m.looked = len(m.held)
	return missing
}
