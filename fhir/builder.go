package fhir

import (
	"fmt"
	"strings"
)

// Builder fills a table without JSON text in between. Everything it writes is copied: a built table shares no
// memory with what it was built from, so nothing that was left out can be reached from it. Tables of one builder share
// the memory of their member names.
//
// Names belong to the members of objects and are "" for elements of arrays. A `_x` member hangs itself on its x
// when the object ends.
type Builder struct {
	t    *Table // to be filled
	work Table  // what was written so far
	open []openNode
	pool pool
}

// openNode is an object or array under way.
type openNode struct {
	self, last uint32
	seen       uint64 // hashes of its names
	repeated   bool   // two names may be equal
	underscore bool   // a name may be a `_x`
}

type span struct{ off, len uint32 }

// NewBuilder empties the table and begins to fill it. The table may be used once Finish has returned.
func NewBuilder(t *Table) *Builder {
	b := &Builder{}
	b.Reset(t)
	return b
}

// Reset begins another table.
func (b *Builder) Reset(t *Table) {
	t.reset("")
	b.work.reset("")
	b.t, b.open = t, b.open[:0]
	b.pool.trim()
}

// Object begins an object.
func (b *Builder) Object(name string) { b.begin(name, Object) }

// Array begins an array.
func (b *Builder) Array(name string) { b.begin(name, Array) }

// End ends the innermost object or array.
func (b *Builder) End() {
	top := &b.open[len(b.open)-1] // the next to open takes its place
	b.open = b.open[:len(b.open)-1]
	if !top.repeated && !top.underscore {
		return
	}
	b.work.names = b.pool.text.String()
	if top.repeated && b.work.duplicateName(top.self) {
		panic("fhir: a builder wrote a member name twice")
	}
	if top.underscore {
		b.work.pairMembers(top.self)
	}
}

// Empty reports whether nothing has been written into the innermost object or array.
func (b *Builder) Empty() bool { return b.open[len(b.open)-1].last == 0 }

// String, Number, Bool and Null write a primitive. A number's text is kept as it is.
func (b *Builder) String(name, value string) {
	b.text(b.push(name, String), value)
}

// Bytes writes a String whose text is copied.
func (b *Builder) Bytes(name string, value []byte) {
	n, off := b.push(name, String), len(b.work.auxBuf)
	b.work.auxBuf = append(b.work.auxBuf, value...)
	n.off, n.len = u32(off), u32(len(value))
	n.flags |= flagAux
}

// Number writes a number by its text, which must be a JSON number.
func (b *Builder) Number(name, text string) {
	b.text(b.push(name, Number), text)
}

// Bool writes true or false.
func (b *Builder) Bool(name string, value bool) {
	n := b.push(name, Bool)
	if value {
		n.flags |= flagTrue
	}
}

// Null writes a null.
func (b *Builder) Null(name string) { b.push(name, Null) }

// Copy writes the node's own value (a primitive without its extensions) under the name.
func (b *Builder) Copy(name string, n Node) {
	switch n.Kind() {
	case String:
		b.String(name, n.Text())
	case Number:
		b.Number(name, n.Text())
	case Bool:
		b.Bool(name, n.IsTrue())
	case Null:
		b.Null(name)
	case Missing, Object, Array:
		panic(fmt.Sprintf("fhir: Copy takes a primitive, not %s", n.Kind()))
	}
}

// Finish ends the build. Every object and array must have ended.
func (b *Builder) Finish() {
	if len(b.open) != 0 {
		panic("fhir: a builder was finished with an open object or array")
	}
	b.t.nodes = append(b.t.nodes[:0], b.work.nodes...)
	b.t.aux, b.t.rare = string(b.work.auxBuf), b.work.rare
	b.t.names = b.pool.text.String()
}

// text gives a primitive its text.
func (b *Builder) text(n *node, s string) {
	off := len(b.work.auxBuf)
	b.work.auxBuf = append(b.work.auxBuf, s...)
	n.off, n.len = u32(off), u32(len(s))
	n.flags |= flagAux
}

// begin adds an object or array and opens it.
func (b *Builder) begin(name string, k Kind) {
	b.push(name, k)
	b.open = append(b.open, openNode{})
	b.open[len(b.open)-1].self = u32(len(b.work.nodes) - 1)
}

// push adds a node to the innermost object or array. The result is valid until the next push: what a node has beyond its name is
// written in place, because copying what was just written in parts is slow.
func (b *Builder) push(name string, k Kind) *node {
	i := b.work.add(node{})
	n := &b.work.nodes[i]
	n.kind = k
	var o *openNode
	if top := len(b.open) - 1; top >= 0 {
		o = &b.open[top]
		b.work.link(o.self, o.last, i)
		o.last = i
		b.work.nodes[o.self].len++
	}
	if name != "" {
		s := b.pool.span(name)
		n.keyOff, n.keyLen = s.off, uint16(s.len) // #nosec G115 -- names come from parsed tables, which bound them
		n.flags = flagKeyPool
		b.work.noted(name)
		if o != nil {
			o.named(s.off, name)
		}
	}
	return n
}

// named notes the name of a member: equal names have equal places in the pool.
func (o *openNode) named(place uint32, name string) {
	bit := uint64(1) << (place * 0x9e3779b1 >> 26)
	o.repeated = o.repeated || o.seen&bit != 0
	o.seen |= bit
	o.underscore = o.underscore || name[0] == '_'
}

// pool keeps each member name once, for all tables of a builder. Text that was handed out never changes.
type pool struct {
	text   strings.Builder
	spans  map[string]span
	recent [256]recent
}

// recent is a name that was asked for lately.
type recent struct {
	name string
	span span
}

// maxPool bounds the names in bytes: FHIR R4 has some 20 KB of them, hostile input any number.
const maxPool = 1 << 16

// trim lets go of the names between two tables when there are too many.
func (p *pool) trim() {
	if p.text.Len() > maxPool {
		*p = pool{}
	}
}

func (p *pool) span(name string) span {
	n := len(name)
	r := &p.recent[(n*7+int(name[0])*5+int(name[n-1])*11+int(name[n/2])*23)&255]
	if r.name == name {
		return r.span
	}
	s, ok := p.spans[name]
	if !ok {
		s = p.add(name)
	}
	*r = recent{p.text.String()[s.off : s.off+s.len], s}
	return s
}

func (p *pool) add(name string) span {
	if p.spans == nil {
		p.spans = map[string]span{}
	}
	s := span{u32(p.text.Len()), u32(len(name))}
	_, _ = p.text.WriteString(name)
	p.spans[p.text.String()[s.off:]] = s
	return s
}
