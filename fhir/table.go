package fhir

import (
	"fmt"
	"math"
)

// Kind is the JSON kind of a node.
type Kind uint8

// The kinds of nodes. Missing is the kind of the zero Node.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Object
	Array
)

// String names the kind as RFC 8259 does.
func (k Kind) String() string {
	return [...]string{"missing", "null", "boolean", "number", "string", "object", "array"}[k]
}

// node is one element. A primitive's off and len are a span of text; a container's are the index of its first
// child and the number of children.
type node struct {
	off, len uint32
	next     uint32 // next sibling; 0 ends the list, because node 0 is the root and nobody's sibling
	ext      uint32 // the `_x` partner of a primitive; 0 is none
	keyOff   uint32
	keyLen   uint16
	kind     Kind
	flags    uint8
}

const (
	flagAux     = 1 << iota // the value's span lies in aux, not in text
	flagKeyAux              // the key's span lies in aux
	flagKeyPool             // the key's span lies in names
	flagTrue                // the value of a Bool
	flagPaired              // a `_x` member that hangs on its partner and is not listed as a member
)

// Limits bound what a Table accepts.
type Limits struct {
	Bytes int // longest resource
	Depth int // deepest nesting of objects and arrays
}

// DefaultLimits accept 16 MiB (a resource with an inline document) and 128 levels (the deepest
// QuestionnaireResponse seen in the field has 30).
var DefaultLimits = Limits{Bytes: 16 << 20, Depth: 128}

// Table is one resource as a flat list of nodes. The zero Table is empty and ready to Parse. A Table may be parsed
// again; nodes of the earlier content are then meaningless, but strings taken from them stay valid.
type Table struct {
	text   string // the source
	aux    string // text that is not in the source: unescaped strings, built values
	names  string // the member names of a built table
	nodes  []node
	auxBuf []byte
	keys   map[string]struct{} // duplicate check of objects with many members
	rare   uint8               // names that occur and seldom do
}

// Rare names, which a Table remembers to have seen.
const (
	hasContained = 1 << iota
	hasModifier
)

// rareBit is the bit of a rare name, 0 of others.
func rareBit(name string) uint8 {
	switch len(name) {
	case len("contained"):
		if name == "contained" {
			return hasContained
		}
	case len("modifierExtension"):
		if name == "modifierExtension" {
			return hasModifier
		}
	}
	return 0
}

// HasContained reports whether any object may have a member contained, HasModifiers whether any may have a modifierExtension. Both cost
// nothing: a walk that does not need to look need not.
func (t *Table) HasContained() bool { return t.rare&hasContained != 0 }

// HasModifiers is described at HasContained.
func (t *Table) HasModifiers() bool { return t.rare&hasModifier != 0 }

// SyntaxError says why a text is not one acceptable JSON resource. It never quotes the text.
type SyntaxError struct {
	Offset  int // bytes from the start of the resource
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("byte %d: %s", e.Offset, e.Problem)
}

// bytesPerNode is how much compact text of real resources makes one node. It saves a fresh table from growing often.
const bytesPerNode = 20

// Parse reads one JSON object strictly (RFC 8259): duplicate names, invalid UTF-8, lone surrogates, unescaped
// control characters and anything after the object are refused, as is what exceeds DefaultLimits.
// The error is a *SyntaxError.
func (t *Table) Parse(text string) error {
	return t.ParseWithin(text, DefaultLimits)
}

// ParseWithin is Parse with other limits.
func (t *Table) ParseWithin(text string, limits Limits) error {
	t.reset(text)
	if len(text) > limits.Bytes || len(text) > math.MaxUint32/2 {
		return &SyntaxError{Offset: min(limits.Bytes, len(text)), Problem: fmt.Sprintf("longer than the limit of %d bytes", limits.Bytes)}
	}
	if t.nodes == nil {
		t.nodes = make([]node, 0, len(text)/bytesPerNode+8)
	}
	p := parser{s: text, t: t, maxDepth: limits.Depth}
	if err := p.document(); err != nil {
		t.reset("")
		return err
	}
	t.aux = string(t.auxBuf)
	return nil
}

func (t *Table) reset(text string) {
	t.text, t.aux, t.names = text, "", ""
	t.nodes, t.auxBuf, t.rare = t.nodes[:0], t.auxBuf[:0], 0
}

// Root returns the resource's own node; it is Missing for an empty table.
func (t *Table) Root() Node {
	if len(t.nodes) == 0 {
		return Node{}
	}
	return Node{t: t}
}

// Len returns the number of nodes.
func (t *Table) Len() int { return len(t.nodes) }

func (t *Table) add(n node) uint32 {
	t.nodes = append(t.nodes, n)
	return uint32(len(t.nodes) - 1) // #nosec G115 -- a text of at most 2 GiB has fewer than 2^32 nodes
}

// more adds an empty node. It is cleared where it lies: a copy of one that was just written waits for the writing.
func (t *Table) more() uint32 {
	i := len(t.nodes)
	if i == cap(t.nodes) {
		t.nodes = append(t.nodes, node{})
	} else {
		t.nodes = t.nodes[:i+1]
		t.nodes[i] = node{}
	}
	return uint32(i) // #nosec G115 -- as above
}

func (t *Table) key(i uint32) string {
	n := &t.nodes[i]
	switch {
	case n.flags&(flagKeyAux|flagKeyPool) == 0:
	case n.flags&flagKeyPool != 0:
		return t.names[n.keyOff : n.keyOff+uint32(n.keyLen)]
	default:
		return t.auxText()[n.keyOff : n.keyOff+uint32(n.keyLen)]
	}
	return t.text[n.keyOff : n.keyOff+uint32(n.keyLen)]
}

// auxText is aux, or its unfinished form while a parse is under way.
func (t *Table) auxText() string {
	if len(t.aux) < len(t.auxBuf) {
		t.aux = string(t.auxBuf)
	}
	return t.aux
}
