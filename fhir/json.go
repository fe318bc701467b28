package fhir

import "unicode/utf8"

// AppendJSON appends the node as compact JSON: members in their order, numbers as written, the extensions of
// primitives as `_x` members behind their x. Parsing the result gives an equal table.
func AppendJSON(dst []byte, n Node) []byte {
	switch n.Kind() {
	case Object:
		dst = append(dst, '{')
		for m := range n.Children() {
			dst = appendMember(dst, m)
		}
		return append(dst, '}')
	case Array:
		dst = append(dst, '[')
		for c := range n.Children() {
			dst = AppendJSON(separate(dst), c)
		}
		return append(dst, ']')
	case String:
		return AppendQuoted(dst, n.Text())
	case Number, Bool:
		return append(dst, n.Text()...)
	default:
		return append(dst, "null"...)
	}
}

// appendMember writes `x` and `_x`. A null, or an array of nulls, that only carries extensions is written as `_x` alone.
func appendMember(dst []byte, m Node) []byte {
	exts := m.extensionNodes()
	if exts == nil || !valueless(m) {
		dst = AppendQuoted(separate(dst), m.Key())
		dst = AppendJSON(append(dst, ':'), m)
	}
	if exts == nil {
		return dst
	}
	dst = AppendQuoted(separate(dst), "_"+m.Key())
	dst = append(dst, ':')
	if m.Kind() != Array {
		return AppendJSON(dst, exts[0])
	}
	dst = append(dst, '[')
	for _, e := range exts {
		dst = AppendJSON(separate(dst), e)
	}
	return append(dst, ']')
}

func valueless(m Node) bool {
	for e := range m.Elements() {
		if e.Kind() != Null {
			return false
		}
	}
	return true
}

// extensionNodes returns the `_x` value of a primitive, or one for each primitive of an array; nil when there is none.
func (n Node) extensionNodes() []Node {
	if n.Kind() == Object {
		return nil
	}
	if n.Kind() != Array {
		if e := n.Extensions(); e.Exists() {
			return []Node{e}
		}
		return nil
	}
	found := false
	var all []Node
	for c := range n.Children() {
		var e Node
		if c.Kind() != Object {
			e = c.Extensions()
		}
		found = found || e.Exists()
		all = append(all, e)
	}
	if !found {
		return nil
	}
	return all
}

func separate(dst []byte) []byte {
	if n := len(dst); n == 0 || dst[n-1] == '{' || dst[n-1] == '[' || dst[n-1] == ':' {
		return dst
	}
	return append(dst, ',')
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends s as a JSON string. Only what RFC 8259 requires is escaped, and bytes that are not UTF-8
// become U+FFFD.
func AppendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// String renders the node as JSON, "" for a Missing one; for tests and for output that may show originals.
func (n Node) String() string {
	if !n.Exists() {
		return ""
	}
	return string(AppendJSON(nil, n))
}
