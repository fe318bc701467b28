package fhir

import "fmt"

// Builder fills a table without JSON text in between. Everything it writes is copied: a built table shares no
// memory with what it was built from, so nothing that was left out can be reached from it.
//
// Names belong to the members of objects and are "" for elements of arrays. A `_x` member hangs itself on its x
// when the object ends.
type Builder struct {
	t     *Table
	open  []openNode
	names map[string]span
}

type openNode struct{ self, last uint32 }

type span struct{ off, len uint32 }

// NewBuilder empties the table and begins to fill it. The table may be used once Finish has returned.
func NewBuilder(t *Table) *Builder {
	t.reset("")
	return &Builder{t: t, names: map[string]span{}}
}

// Reset begins another table.
func (b *Builder) Reset(t *Table) {
	t.reset("")
	b.t, b.open = t, b.open[:0]
	clear(b.names)
}

// Object begins an object.
func (b *Builder) Object(name string) { b.push(name, node{kind: Object}) }

// Array begins an array.
func (b *Builder) Array(name string) { b.push(name, node{kind: Array}) }

// End ends the innermost object or array.
func (b *Builder) End() {
	top := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	if b.t.nodes[top.self].kind == Object && b.t.closeObject(top.self) {
		panic("fhir: a builder wrote a member name twice")
	}
}

// Empty reports whether nothing has been written into the innermost object or array.
func (b *Builder) Empty() bool { return b.open[len(b.open)-1].last == 0 }

// String, Number, Bool and Null write a primitive. A number's text is kept as it is.
func (b *Builder) String(name, value string) {
	b.push(name, b.valued(String, value))
}

// Number writes a number by its text, which must be a JSON number.
func (b *Builder) Number(name, text string) {
	b.push(name, b.valued(Number, text))
}

// Bool writes true or false.
func (b *Builder) Bool(name string, value bool) {
	n := node{kind: Bool}
	if value {
		n.flags = flagTrue
	}
	b.push(name, n)
}

// Null writes a null.
func (b *Builder) Null(name string) { b.push(name, node{kind: Null}) }

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
	b.t.aux = string(b.t.auxBuf)
}

func (b *Builder) valued(k Kind, value string) node {
	s := b.text(value)
	return node{kind: k, off: s.off, len: s.len, flags: flagAux}
}

func (b *Builder) text(s string) span {
	off := len(b.t.auxBuf)
	b.t.auxBuf = append(b.t.auxBuf, s...)
	return span{u32(off), u32(len(s))}
}

func (b *Builder) push(name string, n node) {
	if name != "" {
		s, ok := b.names[name]
		if !ok {
			s = b.text(name)
			b.names[b.own(s)] = s
		}
		n.keyOff, n.keyLen = s.off, uint16(s.len) // #nosec G115 -- names come from parsed tables, which bound them
		n.flags |= flagKeyAux
	}
	i := b.t.add(n)
	if top := len(b.open) - 1; top >= 0 {
		b.t.link(b.open[top].self, b.open[top].last, i)
		b.open[top].last = i
		b.t.nodes[b.open[top].self].len++
	}
	if n.kind == Object || n.kind == Array {
		b.open = append(b.open, openNode{self: i})
	}
}

// own returns the text of a span as a string that does not keep the caller's memory alive.
func (b *Builder) own(s span) string { return string(b.t.auxBuf[s.off : s.off+s.len]) }
