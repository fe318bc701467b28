package fhir

import (
	"fmt"
	"strings"
)

// Builder fills tables without JSON text in between. Everything it writes is copied: a built table shares no memory with what it
// was built from, so nothing that was left out can be reached from it. Tables of one builder share the memory of their names, and
// of their values: see Fresh.
//
// Names belong to the members of objects; elements of arrays have none. A `_x` member hangs itself on its x when the object ends.
type Builder struct {
	names  *Names
	t      *Table // to be filled
	work   Table  // what was written so far
	open   []openNode
	values strings.Builder // of all tables since Fresh; what it has never changes
	chunk  uint32          // counts the texts that values had
}

// openNode is an object or array under way.
type openNode struct {
	self, last uint32
	before     uint32 // the child of the parent in front of self
	bare       uint32 // nodes that it has without content of its own
	seen       uint64 // hashes of its names
	repeated   bool   // two names may be equal
	underscore bool   // a name may be a `_x`
}

// Text is the place of a value that a builder wrote.
type Text struct{ off, len, chunk uint32 }

// NewBuilder returns a builder of tables whose members have the names. It begins with Reset.
func NewBuilder(names *Names) *Builder {
	b := &Builder{names: names}
	b.Fresh(0)
	return b
}

// chunkSize is how much text of values tables share.
const chunkSize = 1 << 13

// Fresh makes the next tables share no memory with earlier ones, and makes room for about so many bytes of values.
func (b *Builder) Fresh(size int) {
	b.values = strings.Builder{}
	b.values.Grow(size)
	b.chunk++
}

// Reset empties a table and begins to fill it. It may be used once Finish has returned.
func (b *Builder) Reset(t *Table) {
	t.reset("")
	b.work.reset("")
	b.t, b.open = t, b.open[:0]
}

// Object begins an object.
func (b *Builder) Object(name Name) { b.begin(name, Object) }

// Array begins an array.
func (b *Builder) Array(name Name) { b.begin(name, Array) }

// Extension begins an extension, which has content when it has more than its URL.
func (b *Builder) Extension(member Name, url string) {
	b.begin(Name{}, Object)
	b.String(member, url)
	b.open[len(b.open)-1].bare = 1
}

// End ends the innermost object or array.
func (b *Builder) End() {
	top := &b.open[len(b.open)-1] // the next to open takes its place
	b.open = b.open[:len(b.open)-1]
	if !top.repeated && !top.underscore {
		return
	}
	b.work.names = b.names.text.String()
	if top.repeated && b.work.duplicateName(top.self) {
		panic("fhir: a builder wrote a member name twice")
	}
	if top.underscore {
		b.work.pairMembers(top.self)
	}
}

// EndIfAny ends the innermost object or array, and takes it back when it has no content: what loses all of it leaves no trace.
func (b *Builder) EndIfAny() {
	top := &b.open[len(b.open)-1]
	if len(b.work.nodes) > int(top.self+1+top.bare) || len(b.open) == 1 {
		b.End()
		return
	}
	b.open = b.open[:len(b.open)-1]
	b.work.nodes = b.work.nodes[:top.self]
	parent := &b.open[len(b.open)-1]
	parent.last = top.before
	b.work.nodes[parent.self].len--
	b.work.link(parent.self, top.before, 0)
}

// String writes a text.
func (b *Builder) String(name Name, value string) Text {
	n, off := b.push(name, String), b.values.Len()
	_, _ = b.values.WriteString(value)
	return b.text(n, off)
}

// Bytes writes a String whose text is copied.
func (b *Builder) Bytes(name Name, value []byte) Text {
	n, off := b.push(name, String), b.values.Len()
	_, _ = b.values.Write(value)
	return b.text(n, off)
}

// Again writes a String whose text was written before, and reports whether it could: after Fresh it cannot.
func (b *Builder) Again(name Name, t Text) bool {
	if t.chunk != b.chunk {
		return false
	}
	n := b.push(name, String)
	n.off, n.len = t.off, t.len
	n.flags |= flagAux
	return true
}

// Number writes a number by its text, which must be a JSON number and is kept as it is.
func (b *Builder) Number(name Name, text string) {
	n, off := b.push(name, Number), b.values.Len()
	_, _ = b.values.WriteString(text)
	b.text(n, off)
}

// Bool writes true or false.
func (b *Builder) Bool(name Name, value bool) {
	n := b.push(name, Bool)
	if value {
		n.flags |= flagTrue
	}
}

// Null writes a null.
func (b *Builder) Null(name Name) { b.push(name, Null) }

// Copy writes the node's own value (a primitive without its extensions) under the name.
func (b *Builder) Copy(name Name, n Node) {
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
	b.t.aux, b.t.names, b.t.rare = b.values.String(), b.names.text.String(), b.work.rare
	if b.values.Cap()-b.values.Len() < chunkSize/16 {
		b.Fresh(chunkSize)
	}
}

// text gives a primitive the text that was written from off on.
func (b *Builder) text(n *node, off int) Text {
	n.off, n.len = u32(off), u32(b.values.Len()-off)
	n.flags |= flagAux
	return Text{n.off, n.len, b.chunk}
}

// begin adds an object or array and opens it.
func (b *Builder) begin(name Name, k Kind) {
	before := uint32(0)
	if top := len(b.open) - 1; top >= 0 {
		before = b.open[top].last
	}
	b.push(name, k)
	b.open = append(b.open, openNode{})
	o := &b.open[len(b.open)-1]
	o.self, o.before = u32(len(b.work.nodes)-1), before
}

// push adds a node to the innermost object or array. The result is valid until the next push: what a node has beyond its name is
// written in place, because copying what was just written in parts is slow.
func (b *Builder) push(name Name, k Kind) *node {
	i := b.work.more()
	n := &b.work.nodes[i]
	n.kind = k
	var o *openNode
	if top := len(b.open) - 1; top >= 0 {
		o = &b.open[top]
		b.work.link(o.self, o.last, i)
		o.last = i
		b.work.nodes[o.self].len++
	}
	if name.len != 0 {
		n.keyOff, n.keyLen = name.off, name.len
		n.flags = flagKeyPool
		b.work.rare |= name.rare
		if o != nil {
			o.named(name)
		}
	}
	return n
}

// named notes the name of a member: equal names have equal places.
func (o *openNode) named(name Name) {
	bit := uint64(1) << (name.off * 0x9e3779b1 >> 26)
	o.repeated = o.repeated || o.seen&bit != 0
	o.seen |= bit
	o.underscore = o.underscore || name.below
}
