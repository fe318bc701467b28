package gather

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/crflink/crflink/fhir"
)

// A row begins with what it is sorted by. Behind that it is written with the functions here, and read in the same order: rows
// are read by the process that wrote them, from sealed blocks, so that what is read is what was written.

func appendName(row []byte, n name) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(row, n[0]), n[1])
}

func appendText(row []byte, s string) []byte {
	return append(binary.AppendUvarint(row, uint64(len(s))), s...)
}

func appendNames(row []byte, names []name) []byte {
	row = binary.AppendUvarint(row, uint64(len(names)))
	for _, n := range names {
		row = appendName(row, n)
	}
	return row
}

// appendItem writes all of an item but its key.
func appendItem(row []byte, it *item) []byte {
	row = binary.BigEndian.AppendUint64(append(row, it.flags), it.sum)
	for _, n := range []uint64{uint64(it.offset), uint64(it.length), uint64(it.store), uint64(it.version), uint64(it.typ), uint64(it.input), uint64(it.position)} { // #nosec G115 -- read back as what it was
		row = binary.AppendUvarint(row, n)
	}
	row = binary.AppendVarint(row, it.updated)
	return appendText(row, it.id)
}

// appendFacts writes what a Patient says about its identity.
func appendFacts(row []byte, f facts) []byte {
	row = appendNames(row, f.identifiers)
	row = appendNames(row, f.names)
	row = binary.AppendUvarint(row, uint64(len(f.links)))
	for _, l := range f.links {
		row = appendName(appendName(row, l.from), l.to)
	}
	return row
}

// rowReader reads what the functions above wrote.
type rowReader struct{ left []byte }

func (r *rowReader) name() name {
	n := name{binary.BigEndian.Uint64(r.left), binary.BigEndian.Uint64(r.left[8:])}
	r.left = r.left[16:]
	return n
}

func (r *rowReader) byte() byte {
	b := r.left[0]
	r.left = r.left[1:]
	return b
}

func (r *rowReader) number() uint64 {
	n, width := binary.Uvarint(r.left)
	r.left = r.left[width:]
	return n
}

func (r *rowReader) number32() uint32 { return uint32(r.number() & math.MaxUint32) } // #nosec G115 -- it was one

func (r *rowReader) text() string {
	n := r.number()
	s := string(r.left[:n])
	r.left = r.left[n:]
	return s
}

func (r *rowReader) names() []name {
	n := r.number()
	if n == 0 {
		return nil
	}
	names := make([]name, n)
	for i := range names {
		names[i] = r.name()
	}
	return names
}

func (r *rowReader) item() item {
	var it item
	it.flags = r.byte()
	it.sum = binary.BigEndian.Uint64(r.left)
	r.left = r.left[8:]
	it.offset = int64(r.number()) // #nosec G115 -- it was one
	it.length, it.store, it.version = r.number32(), r.number32(), r.number32()
	it.typ = uint16(r.number32() & math.MaxUint16)          // #nosec G115 -- it was one
	it.input, it.position = r.number32(), int64(r.number()) // #nosec G115 -- it was one
	updated, width := binary.Varint(r.left)
	it.updated, r.left = updated, r.left[width:]
	it.id = r.text()
	return it
}

func (r *rowReader) facts() facts {
	f := facts{identifiers: r.names(), names: r.names()}
	for range r.number() {
		f.links = append(f.links, link{from: r.name(), to: r.name()})
	}
	return f
}

// byName is the key of rows that begin with a name.
func byName(row []byte) []byte { return row[:16] }

// byText is the key of rows that begin with an id. No id has a zero byte.
func byText(row []byte) []byte { return row[:bytes.IndexByte(row, 0)+1] }

// idKey is what the rows of an id begin with.
func idKey(id string) []byte { return append([]byte(id), 0) }

// The kinds of definitions: rows of a name, a kind, and what the name means by it.
const (
	isAlias    = 'a' // a fullUrl that does not end in the type and id of its resource: type, id
	isAbsolute = 'b' // an absolute reference to a patient: id
	isOwned    = 'c' // an identifier: the id of the Patient that has it
)

func definition(row []byte, n name, kind byte, k fhir.Key) []byte {
	row = append(appendName(row[:0], n), kind)
	if kind == isAlias {
		row = appendText(row, k.Type)
	}
	return appendText(row, k.ID)
}

// The ways of an entry to say whose it is.
const (
	ofNobody = 'n' // it is shared, or a deletion
	ofID     = 'i' // the patient's id
	ofName   = 'u' // the name of a URL or identifier
)
