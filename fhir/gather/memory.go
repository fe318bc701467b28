package gather

import (
	"fmt"

	"github.com/crflink/crflink/fhir"
)

// Memory keeps the texts of a few resources, one patient's or a batch's, with their index.
type Memory struct {
	*Index
	texts []string
}

// NewMemory returns an empty memory. Name names the inputs of the index.
func NewMemory(inputName func(uint32) string) *Memory {
	return &Memory{Index: NewIndex(inputName)}
}

// Add keeps the text and registers its resource.
func (m *Memory) Add(r *fhir.Resource, text, fullURL string, isSubsetted bool, input uint32) (reason string) {
	span := Span{Offset: m.Next(), Length: uint32(len(text))} // #nosec G115 -- a resource is limited to less
	reason = m.Index.Add(r, fullURL, isSubsetted, Place{Span: span, Input: input, Position: r.Origin.Position})
	if reason == "" {
		m.texts = append(m.texts, text)
	}
	return reason
}

// AddOwned keeps a resource that is known to belong to the patient, whatever its text says. Shared ones stay shared.
func (m *Memory) AddOwned(r *fhir.Resource, patient string, input uint32) {
	text := r.String()
	i := m.entries.n
	if m.Add(r, text, "", fhir.IsSubsetted(r.Get("meta")), input) != "" {
		// Its subject cannot be told from here: say it anew.
		span := Span{Offset: m.Next(), Length: uint32(len(text))} // #nosec G115 -- a resource is limited to less
		m.put(entry{offset: span.Offset, length: span.Length}, Place{Span: span, Input: input, Position: r.Origin.Position}, r.Type, r.ID)
		m.texts = append(m.texts, text)
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

// Next returns how many texts were kept: the ordinal of the next one.
func (m *Memory) Next() int64 { return int64(len(m.texts)) }

// Read is a Reader.
func (m *Memory) Read(at Span) (string, error) {
	if at.Offset >= int64(len(m.texts)) {
		return "", fmt.Errorf("no text %d in memory", at.Offset)
	}
	return m.texts[at.Offset], nil
}

// Missing returns the keys of the wanted types that the resources refer to and that the memory does not hold.
func (m *Memory) Missing(want func(typ string) bool) []fhir.Key {
	seen := map[fhir.Key]bool{}
	var missing []fhir.Key
	for _, text := range m.texts {
		r, err := fhir.ReadResource(text, fhir.Origin{})
		if err != nil {
			continue // Add saw it parsed
		}
		for ref := range r.References() {
			k, ok := fhir.ParseReference(ref.Text()).Key()
			if !ok || seen[k] || !want(k.Type) {
				continue
			}
			seen[k] = true
			if _, held := m.byKey.get(keyName(k)); !held {
				missing = append(missing, k)
			}
		}
	}
	return missing
}
