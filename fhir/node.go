package fhir

import "iter"

// Node is one element of a Table: cheap to copy, and Missing as the zero value, so that paths can be followed
// without checks: n.Get("code").Get("text").Text() is "" wherever the path breaks off.
type Node struct {
	t *Table
	i uint32
}

// Kind returns the node's JSON kind; Missing for the zero Node.
func (n Node) Kind() Kind {
	if n.t == nil {
		return Missing
	}
	return n.t.nodes[n.i].kind
}

// Exists reports whether the node is there at all. A JSON null, or a primitive that has extensions only, exists.
func (n Node) Exists() bool { return n.t != nil }

// Get returns the member of an object by its name, or a Missing node. `_x` members are found through Extensions.
func (n Node) Get(name string) Node {
	if n.Kind() != Object {
		return Node{}
	}
	for i := n.t.nodes[n.i].off; i != 0; i = n.t.nodes[i].next {
		if int(n.t.nodes[i].keyLen) == len(name) && n.t.key(i) == name {
			return Node{n.t, i}
		}
	}
	return Node{}
}

// Path follows Get through several names.
func (n Node) Path(names ...string) Node {
	for _, name := range names {
		n = n.Get(name)
	}
	return n
}

// First returns the first member of an object or element of an array; Next of a child returns its successor.
func (n Node) First() Node {
	if k := n.Kind(); k != Object && k != Array {
		return Node{}
	}
	if i := n.t.nodes[n.i].off; i != 0 {
		return Node{n.t, i}
	}
	return Node{}
}

// Next returns the following sibling, or a Missing node.
func (n Node) Next() Node {
	if n.t == nil {
		return Node{}
	}
	if i := n.t.nodes[n.i].next; i != 0 {
		return Node{n.t, i}
	}
	return Node{}
}

// Children yields the members of an object or the elements of an array.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for c := n.First(); c.Exists(); c = c.Next() {
			if !yield(c) {
				return
			}
		}
	}
}

// Elements yields the elements of an array, or the node itself when it is not an array: FHIR elements that repeat
// and such that do not are walked alike. It yields nothing for a Missing node.
func (n Node) Elements() iter.Seq[Node] {
	return func(yield func(Node) bool) { n.eachElement(yield) } // small enough to be inlined: a loop over it allocates nothing
}

func (n Node) eachElement(yield func(Node) bool) {
	if n.Kind() != Array {
		if n.Exists() {
			yield(n)
		}
		return
	}
	for c := n.First(); c.Exists(); c = c.Next() {
		if !yield(c) {
			return
		}
	}
}

// Len returns the number of members or elements; 0 for a primitive.
func (n Node) Len() int {
	if k := n.Kind(); k != Object && k != Array {
		return 0
	}
	return int(n.t.nodes[n.i].len)
}

// Key returns the node's name in its object, "" for an array's elements.
func (n Node) Key() string {
	if n.t == nil {
		return ""
	}
	return n.t.key(n.i)
}

// Text returns the decoded text of a String, or the written text of a Number, "true" or "false" of a Bool; "" for
// anything else. It allocates nothing; the string shares memory with the whole resource's text, so a value that
// outlives the resource is better cloned.
func (n Node) Text() string {
	switch n.Kind() {
	case String, Number:
		return n.t.span(n.i)
	case Bool:
		if n.IsTrue() {
			return "true"
		}
		return "false"
	}
	return ""
}

// IsTrue reports whether the node is the literal true.
func (n Node) IsTrue() bool { return n.Kind() == Bool && n.t.nodes[n.i].flags&flagTrue != 0 }

// Extensions returns the object that holds the id and extensions of a primitive (the `_x` member), or a Missing
// node. For an object it is the object itself, which carries its extensions as members.
func (n Node) Extensions() Node {
	switch n.Kind() {
	case Missing, Array:
		return Node{}
	case Object:
		return n
	}
	if e := n.t.nodes[n.i].ext; e != 0 {
		return Node{n.t, e}
	}
	return Node{}
}

// Extension returns the first extension with the URL, on a primitive or an object.
func (n Node) Extension(url string) Node {
	for e := range n.Extensions().Get("extension").Elements() {
		if e.Get("url").Text() == url {
			return e
		}
	}
	return Node{}
}

// ID identifies the node within its table, for sets of visited nodes.
func (n Node) ID() uint32 { return n.i }

// Table returns the table that the node is part of.
func (n Node) Table() *Table { return n.t }

func (t *Table) span(i uint32) string {
	n := &t.nodes[i]
	if n.flags&flagAux != 0 {
		return t.aux[n.off : n.off+n.len]
	}
	return t.text[n.off : n.off+n.len]
}
