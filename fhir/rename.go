package fhir

import (
	"slices"
	"strings"
)

// Rename returns the resource under another id, with the references that to says yes to written as it says; everything else stays as
// it was read.
func (r *Resource) Rename(id string, to func(reference string) (string, bool)) (*Resource, error) {
	edits, plain := r.renamings(id, to)
	if plain {
		return ReadResource(spliced(r.Raw(), edits), r.Origin)
	}
	again, err := ReadResource(string(AppendJSON(nil, r.Node)), r.Origin) // without escapes that nothing needs, such as Patient\/1
	if err != nil {
		return nil, err
	}
	defer again.Release()
	edits, _ = again.renamings(id, to)
	return ReadResource(spliced(again.Raw(), edits), r.Origin)
}

// edit is a part of a text and what takes its place.
type edit struct {
	off, len uint32
	text     string
}

// renamings are the edits of a renaming; plain is false where one of the texts stands otherwise than it reads.
func (r *Resource) renamings(id string, to func(string) (string, bool)) (edits []edit, plain bool) {
	plain = r.Raw() != ""
	add := func(n Node, text string) {
		at := &n.t.nodes[n.i]
		if at.flags&flagAux != 0 {
			plain = false
			return
		}
		edits = append(edits, edit{at.off, at.len, text})
	}
	if own := r.Get("id"); own.Kind() == String {
		add(own, id)
	}
	for ref := range r.References() {
		if text, ok := to(ref.Text()); ok {
			add(ref, text)
		}
	}
	return edits, plain
}

// spliced returns the text with its edits.
func spliced(text string, edits []edit) string {
	slices.SortFunc(edits, func(a, b edit) int { return int(a.off) - int(b.off) })
	var b strings.Builder
	b.Grow(len(text) + 32*len(edits))
	at := uint32(0)
	for _, e := range edits {
		b.WriteString(text[at:e.off])
		b.WriteString(e.text)
		at = e.off + e.len
	}
	b.WriteString(text[at:])
	return b.String()
}
