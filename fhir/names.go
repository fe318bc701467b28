package fhir

import "strings"

// Names keeps member names, each once, for all tables that are built with them. Names may be added at any time by one goroutine;
// as long as none is added, any number of builders may use them.
type Names struct {
	text  strings.Builder // what it has never changes
	known map[string]Name
}

// Name is the place of a name in the Names that gave it. The zero Name is none: elements of arrays have it.
type Name struct {
	off   uint32
	len   uint16
	rare  uint8 // what a table notes when it has the name
	below bool  // the name may be a `_x`
}

// Len returns how many names it has.
func (n *Names) Len() int { return len(n.known) }

// Name returns the place of a name of at most 65535 bytes, and adds it if need be.
func (n *Names) Name(s string) Name {
	if s == "" {
		return Name{}
	}
	name, ok := n.known[s]
	if !ok {
		name = n.add(s)
	}
	return name
}

func (n *Names) add(s string) Name {
	if n.known == nil {
		n.known = map[string]Name{}
	}
	name := Name{off: u32(n.text.Len()), len: uint16(len(s)), rare: rareBit(s), below: s[0] == '_'} // #nosec G115 -- as the contract says; parsed tables hold to it
	_, _ = n.text.WriteString(s)
	n.known[strings.Clone(s)] = name
	return name
}
