package fhir

// Choice returns the member of an object that writes the choice element of that name, as valueQuantity writes value:
// the name followed by an upper-case letter. Key tells which type it has.
func (n Node) Choice(name string) Node {
	if n.Kind() != Object {
		return Node{}
	}
	for i := n.t.nodes[n.i].off; i != 0; i = n.t.nodes[i].next {
		if int(n.t.nodes[i].keyLen) <= len(name) {
			continue
		}
		if key := n.t.key(i); key[:len(name)] == name && key[len(name)]-'A' < 26 {
			return Node{n.t, i}
		}
	}
	return Node{}
}
