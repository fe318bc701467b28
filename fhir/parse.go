package fhir

import (
	"math/bits"
	"unicode/utf8"
)

// parser is one strict pass over a JSON text that fills a table.
type parser struct {
	s        string
	i        int
	t        *Table
	depth    int
	maxDepth int
}

func (p *parser) fail(problem string) error { return &SyntaxError{Offset: p.i, Problem: problem} }

func (p *parser) document() error {
	p.space()
	if p.i >= len(p.s) || p.s[p.i] != '{' {
		return p.fail("a resource is a JSON object and begins with {")
	}
	if _, err := p.value(); err != nil {
		return err
	}
	p.space()
	if p.i != len(p.s) {
		return p.fail("text after the end of the resource")
	}
	return nil
}

func (p *parser) space() {
	if p.i < len(p.s) && p.s[p.i] <= ' ' {
		p.spaces()
	}
}

func (p *parser) spaces() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\n', '\t', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) value() (uint32, error) {
	if p.i >= len(p.s) {
		return 0, p.fail("the text ends where a value is expected")
	}
	switch c := p.s[p.i]; c {
	case '"':
		n := node{kind: String}
		off, length, aux, err := p.quoted()
		if err != nil {
			return 0, err
		}
		n.off, n.len = off, length
		if aux {
			n.flags = flagAux
		}
		return p.t.add(n), nil
	case '{':
		return p.object()
	case '[':
		return p.array()
	case 't':
		return p.literal("true", node{kind: Bool, flags: flagTrue})
	case 'f':
		return p.literal("false", node{kind: Bool})
	case 'n':
		return p.literal("null", node{kind: Null})
	default:
		return p.number()
	}
}

// tooDeep enters an object or array; depth is taken back where it ends.
func (p *parser) tooDeep() bool {
	p.depth++
	return p.depth > p.maxDepth
}

func (p *parser) failDepth() error { return p.fail("nested deeper than the limit") }

func (p *parser) literal(word string, n node) (uint32, error) {
	if len(p.s)-p.i < len(word) || p.s[p.i:p.i+len(word)] != word {
		return 0, p.fail("not a JSON value")
	}
	p.i += len(word)
	return p.t.add(n), nil
}

func (p *parser) number() (uint32, error) {
	start := p.i
	if p.s[p.i] == '-' {
		p.i++
	}
	first := p.i
	if !p.digits() || p.s[first] == '0' && p.i-first > 1 {
		p.i = start
		return 0, p.fail("not a JSON value")
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if !p.digits() {
			return 0, p.fail("a digit must follow the decimal point")
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if !p.digits() {
			return 0, p.fail("a digit must follow the exponent sign")
		}
	}
	return p.t.add(node{kind: Number, off: u32(start), len: u32(p.i - start)}), nil
}

func (p *parser) digits() bool {
	start := p.i
	for p.i < len(p.s) && p.s[p.i]-'0' <= 9 {
		p.i++
	}
	return p.i > start
}

func (p *parser) array() (uint32, error) {
	if p.tooDeep() {
		return 0, p.failDepth()
	}
	self := p.t.add(node{kind: Array})
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		p.depth--
		return self, nil
	}
	var last, count uint32
	for {
		p.space()
		child, err := p.value()
		if err != nil {
			return 0, err
		}
		p.t.link(self, last, child)
		last = child
		count++
		p.space()
		if p.i >= len(p.s) {
			return 0, p.fail("the text ends inside an array")
		}
		c := p.s[p.i]
		p.i++
		if c == ']' {
			p.t.nodes[self].len = count
			p.depth--
			return self, nil
		}
		if c != ',' {
			p.i--
			return 0, p.fail("expected , or ] in an array")
		}
	}
}

func (p *parser) object() (uint32, error) {
	if p.tooDeep() {
		return 0, p.failDepth()
	}
	self := p.t.add(node{kind: Object})
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		p.depth--
		return self, nil
	}
	var last, count uint32
	var names nameSet
	for {
		child, err := p.member(&names)
		if err != nil {
			return 0, err
		}
		p.t.link(self, last, child)
		last = child
		count++
		p.space()
		if p.i >= len(p.s) {
			return 0, p.fail("the text ends inside an object")
		}
		c := p.s[p.i]
		p.i++
		if c == '}' {
			p.t.nodes[self].len = count
			if names.repeated && p.t.duplicateName(self) {
				return 0, p.fail("a member name occurs twice in the object that ends here")
			}
			if names.underscore {
				p.t.pairMembers(self)
			}
			p.depth--
			return self, nil
		}
		if c != ',' {
			p.i--
			return 0, p.fail("expected , or } in an object")
		}
	}
}

// nameSet is a quick look at the names of an object: whether two may be equal, and whether one may be a `_x`.
type nameSet struct {
	seen       uint64
	repeated   bool
	underscore bool
}

func (s *nameSet) add(name string) {
	h := uint(len(name))
	if len(name) > 0 {
		h += uint(name[0])*5 + uint(name[len(name)-1])*11 + uint(name[len(name)/2])*23
		s.underscore = s.underscore || name[0] == '_'
	}
	bit := uint64(1) << (h & 63)
	s.repeated = s.repeated || s.seen&bit != 0
	s.seen |= bit
}

func (p *parser) member(names *nameSet) (uint32, error) {
	p.space()
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return 0, p.fail("expected a member name in quotes")
	}
	off, length, aux, err := p.quoted()
	if err != nil {
		return 0, err
	}
	if length > 1<<16-1 {
		return 0, p.fail("a member name is longer than 65535 bytes")
	}
	var name string
	if aux {
		name = string(p.t.auxBuf[off : off+length])
	} else {
		name = p.s[off : off+length]
	}
	names.add(name)
	p.t.rare |= rareBit(name)
	p.space()
	if p.i >= len(p.s) || p.s[p.i] != ':' {
		return 0, p.fail("expected : after a member name")
	}
	p.i++
	p.space()
	child, err := p.value()
	if err != nil {
		return 0, err
	}
	n := &p.t.nodes[child]
	n.keyOff, n.keyLen = off, uint16(length)
	if aux {
		n.flags |= flagKeyAux
	}
	return child, nil
}

// quoted reads a string from its opening to behind its closing quote. The span lies in aux when the string had to
// be unescaped.
func (p *parser) quoted() (off, length uint32, aux bool, err error) {
	start := p.i + 1
	end, ascii := plainRun(p.s, start)
	if end < len(p.s) && p.s[end] == '"' {
		p.i = end + 1
		if !ascii && !utf8.ValidString(p.s[start:end]) {
			p.i = start
			return 0, 0, false, p.fail("a string is not valid UTF-8")
		}
		return u32(start), u32(end - start), false, nil
	}
	return p.escaped(start)
}

// plainRun returns the index of the first byte from i on that ends a plain run of string text (quote, backslash or
// control character, or the end), and whether the run was all ASCII.
func plainRun(s string, i int) (int, bool) {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	ascii := true
	for i+8 <= len(s) {
		x := load8(s, i)
		q, b := x^(ones*'"'), x^(ones*'\\')
		stop := ((q - ones) &^ q) | ((b - ones) &^ b) | ((x - ones*0x20) &^ x)
		if stop &= highs; stop != 0 {
			n := bits.TrailingZeros64(stop) / 8
			if x&highs&(1<<(8*n)-1) != 0 {
				ascii = false
			}
			return i + n, ascii
		}
		if x&highs != 0 {
			ascii = false
		}
		i += 8
	}
	for ; i < len(s); i++ {
		c := s[i]
		if c == '"' || c == '\\' || c < 0x20 {
			break
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return i, ascii
}

func load8(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

func u32(i int) uint32 {
	return uint32(i) // #nosec G115 -- ParseWithin refuses texts of 2 GiB and more
}
