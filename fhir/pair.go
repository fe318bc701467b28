package fhir

// link appends child to the list of parent, whose last child so far is last (0 when it has none).
func (t *Table) link(parent, last, child uint32) {
	if last == 0 {
		t.nodes[parent].off = child
	} else {
		t.nodes[last].next = child
	}
}

// manyMembers is the size from which the duplicate check of an object uses a set.
const manyMembers = 16

// duplicateName reports whether a name occurs twice in a finished object.
func (t *Table) duplicateName(self uint32) bool {
	n := t.nodes[self]
	if n.len <= manyMembers {
		for i, c := n.off, uint32(1); c < n.len; c++ {
			i = t.nodes[i].next
			for j := n.off; j != i; j = t.nodes[j].next {
				if t.nodes[i].keyLen == t.nodes[j].keyLen && t.key(i) == t.key(j) {
					return true
				}
			}
		}
		return false
	}
	if t.keys == nil {
		t.keys = make(map[string]struct{}, n.len)
	}
	clear(t.keys)
	for i, c := n.off, uint32(0); c < n.len; i, c = t.nodes[i].next, c+1 {
		t.keys[t.key(i)] = struct{}{}
	}
	return len(t.keys) != int(n.len)
}

// pairMembers hangs each `_x` member on its x (FHIR R4, JSON representation of primitive elements). Where there is
// no x, a null of that name stands in, so that the element is seen. A `_x` that cannot be a partner stays an
// ordinary member.
func (t *Table) pairMembers(self uint32) {
	var last uint32
	for i := t.nodes[self].off; i != 0; i = t.nodes[i].next {
		if t.nodes[i].keyLen > 1 && t.key(i)[0] == '_' && t.pairable(i) {
			if x := t.member(self, t.key(i)[1:]); x == 0 {
				t.standIn(i)
			} else if t.pairValue(x, i) {
				t.unlink(self, last, i)
				continue
			}
		}
		last = i
	}
}

// unlink takes i, which follows last, out of the list of self. i keeps its next, so that a walk can go on.
func (t *Table) unlink(self, last, i uint32) {
	if last == 0 {
		t.nodes[self].off = t.nodes[i].next
	} else {
		t.nodes[last].next = t.nodes[i].next
	}
	t.nodes[self].len--
	t.nodes[i].flags |= flagPaired
}

func (t *Table) member(self uint32, name string) uint32 {
	for i := t.nodes[self].off; i != 0; i = t.nodes[i].next {
		if t.key(i) == name {
			return i
		}
	}
	return 0
}

// pairable reports whether i has the shape of primitive extensions: an object, or an array of objects and nulls.
func (t *Table) pairable(i uint32) bool {
	switch n := t.nodes[i]; n.kind {
	case Object:
		return true
	case Array:
		if n.len == 0 {
			return false
		}
		for c := n.off; c != 0; c = t.nodes[c].next {
			if k := t.nodes[c].kind; k != Object && k != Null {
				return false
			}
		}
		return true
	}
	return false
}

// standIn turns the `_x` member i without a partner into a member x: a null, or an array of nulls, that carries the
// extensions.
func (t *Table) standIn(i uint32) {
	exts := t.nodes[i]
	t.nodes[i].keyOff++
	t.nodes[i].keyLen--
	if exts.kind == Object {
		moved := t.add(node{kind: Object, off: exts.off, len: exts.len})
		n := &t.nodes[i]
		n.kind, n.off, n.len, n.ext = Null, 0, 0, moved
		return
	}
	var last uint32
	for c := exts.off; c != 0; c = t.nodes[c].next {
		null := node{kind: Null}
		if t.nodes[c].kind == Object {
			null.ext = c
		}
		child := t.add(null)
		t.link(i, last, child)
		last = child
	}
}

// pairValue hangs the extensions e on the primitive or array of primitives x.
func (t *Table) pairValue(x, e uint32) bool {
	if t.nodes[x].kind != Array {
		if t.nodes[x].kind == Object || t.nodes[e].kind != Object {
			return false
		}
		t.nodes[x].ext = e
		return true
	}
	if t.nodes[e].kind != Array || !t.primitives(x) {
		return false
	}
	v, last := t.nodes[x].off, uint32(0)
	for c := t.nodes[e].off; c != 0; c = t.nodes[c].next {
		if v == 0 {
			v = t.add(node{kind: Null})
			t.link(x, last, v)
			t.nodes[x].len++
		}
		if t.nodes[c].kind == Object {
			t.nodes[v].ext = c
		}
		last, v = v, t.nodes[v].next
	}
	return true
}

func (t *Table) primitives(array uint32) bool {
	for c := t.nodes[array].off; c != 0; c = t.nodes[c].next {
		if k := t.nodes[c].kind; k == Object || k == Array {
			return false
		}
	}
	return true
}
