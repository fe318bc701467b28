package fhir

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escaped reads a string that is not one plain run, unescaping it into aux.
func (p *parser) escaped(start int) (off, length uint32, aux bool, err error) {
	begin := len(p.t.auxBuf)
	p.i = start
	for {
		end, ascii := plainRun(p.s, p.i)
		if !ascii && !utf8.ValidString(p.s[p.i:end]) {
			return 0, 0, false, p.fail("a string is not valid UTF-8")
		}
		p.t.auxBuf = append(p.t.auxBuf, p.s[p.i:end]...)
		p.i = end
		switch {
		case end >= len(p.s):
			return 0, 0, false, p.fail("the text ends inside a string")
		case p.s[end] == '"':
			p.i++
			return u32(begin), u32(len(p.t.auxBuf) - begin), true, nil
		case p.s[end] != '\\':
			return 0, 0, false, p.fail("a control character in a string must be escaped")
		}
		if err := p.escape(); err != nil {
			return 0, 0, false, err
		}
	}
}

var simpleEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *parser) escape() error {
	if p.i+1 >= len(p.s) {
		return p.fail("the text ends inside a string")
	}
	if c := simpleEscapes[p.s[p.i+1]]; c != 0 {
		p.t.auxBuf = append(p.t.auxBuf, c)
		p.i += 2
		return nil
	}
	r, ok := p.unicodeEscape()
	if !ok {
		return p.fail("an unknown escape sequence in a string")
	}
	if utf16.IsSurrogate(r) {
		low, ok := p.unicodeEscape()
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return p.fail("half of a surrogate pair in a string")
		}
	}
	p.t.auxBuf = utf8.AppendRune(p.t.auxBuf, r)
	return nil
}

// unicodeEscape reads \uXXXX, or reads nothing.
func (p *parser) unicodeEscape() (rune, bool) {
	if p.i+6 > len(p.s) || p.s[p.i] != '\\' || p.s[p.i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.s[p.i+2 : p.i+6]) {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | d
	}
	p.i += 6
	return r, true
}

func hexDigit(c byte) rune {
	switch {
	case c-'0' <= 9:
		return rune(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return -1
}
