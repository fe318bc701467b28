package fhirpath

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokQuoted // `name`
	tokString
	tokNumber
	tokLong
	tokTemporal
	tokDollar // $this
	tokSymbol
)

// token is a lexical unit; text is decoded for strings and quoted names.
type token struct {
	kind tokenKind
	pos  int
	end  int
	text string
}

// lexer cuts the source into tokens, one at a time.
type lexer struct {
	src string
	i   int
}

// next returns the following token.
func (l *lexer) next() (token, *finding) {
	if f := l.space(); f != nil {
		return token{}, f
	}
	start := l.i
	if start == len(l.src) {
		return token{kind: tokEnd, pos: start, end: start}, nil
	}
	tok, f := l.token()
	tok.pos, tok.end = start, l.i
	return tok, f
}

// space skips white space and comments.
func (l *lexer) space() *finding {
	for l.i < len(l.src) {
		rest := l.src[l.i:]
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r':
			l.i++
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.i += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return found(l.i, "the comment has no end", "close it with */")
			}
			l.i += n + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) token() (token, *finding) {
	switch c := l.src[l.i]; {
	case isLetter(c):
		return token{kind: tokName, text: l.take(isWord)}, nil
	case isDigit(c):
		return l.number(), nil
	case c == '\'':
		return l.quoted(tokString, '\'')
	case c == '`':
		return l.quoted(tokQuoted, '`')
	case c == '"':
		return token{}, found(l.i, "a string is written between single quotes", "replace \" by '")
	case c == '@':
		return l.temporal()
	case c == '$':
		l.i++
		return token{kind: tokDollar, text: l.take(isWord)}, nil
	}
	return l.symbol()
}

func (l *lexer) take(ok func(byte) bool) string {
	start := l.i
	for l.i < len(l.src) && ok(l.src[l.i]) {
		l.i++
	}
	return l.src[start:l.i]
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }

// number reads 1, 1.5 or 1L. A point belongs to the number only when a digit follows.
func (l *lexer) number() token {
	start := l.i
	l.take(isDigit)
	if l.i+1 < len(l.src) && l.src[l.i] == '.' && isDigit(l.src[l.i+1]) {
		l.i++
		l.take(isDigit)
		return token{kind: tokNumber, text: l.src[start:l.i]}
	}
	text := l.src[start:l.i]
	if l.i < len(l.src) && l.src[l.i] == 'L' && (l.i+1 == len(l.src) || !isWord(l.src[l.i+1])) {
		l.i++
		return token{kind: tokLong, text: text}
	}
	return token{kind: tokNumber, text: text}
}

func isTemporal(c byte) bool {
	return isDigit(c) || c == '-' || c == ':' || c == 'T' || c == 'Z' || c == '+'
}

// temporal reads @ and all that can belong to a date or time; a point only before a digit and behind a second, so
// that @2020.is(Date) ends where it should, and a sign only behind a T, so that @2020+1 does.
func (l *lexer) temporal() (token, *finding) {
	start := l.i
	l.i++
	for l.i < len(l.src) {
		c := l.src[l.i]
		digitFollows := l.i+1 < len(l.src) && isDigit(l.src[l.i+1])
		behindT := strings.IndexByte(l.src[start:l.i], 'T') >= 0
		ok := isTemporal(c)
		switch c {
		case '.':
			ok = digitFollows && behindT
		case '-':
			ok = digitFollows
		case '+':
			ok = digitFollows && behindT
		}
		if !ok {
			break
		}
		l.i++
	}
	return token{kind: tokTemporal, text: l.src[start:l.i]}, nil
}

var symbols = []string{"<=", ">=", "!=", "!~", "<", ">", "=", "~", "+", "-", "*", "/", "&", "|", "(", ")", "[", "]", "{", "}", ".", ",", "%"}

func (l *lexer) symbol() (token, *finding) {
	for _, s := range symbols {
		if strings.HasPrefix(l.src[l.i:], s) {
			l.i += len(s)
			return token{kind: tokSymbol, text: s}, nil
		}
	}
	r, n := utf8.DecodeRuneInString(l.src[l.i:])
	f := found(l.i, "unexpected character "+strconv.QuoteRune(r), "")
	l.i += n
	return token{}, f
}

// quoted reads a string or a quoted name and resolves its escapes.
func (l *lexer) quoted(kind tokenKind, quote byte) (token, *finding) {
	start := l.i
	l.i++
	var b []byte
	for l.i < len(l.src) {
		c := l.src[l.i]
		switch c {
		case quote:
			l.i++
			return token{kind: kind, text: string(b)}, nil
		case '\\':
			r, n := unescape(l.src[l.i:])
			if n == 0 {
				return token{}, found(l.i, "unknown escape in a string", `allowed are \' \" \`+"` "+`\r \n \t \f \\ \/ \uXXXX`)
			}
			b = utf8.AppendRune(b, r)
			l.i += n
		default:
			b = append(b, c)
			l.i++
		}
	}
	return token{}, found(start, "the string has no end", "close it with "+string(quote))
}

// unescape decodes the escape at the start of s and returns its length, 0 when it is none (FHIRPath N1, 4.1.2).
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '\'', '"', '`', '\\', '/':
		return rune(s[1]), 2
	case 'r':
		return '\r', 2
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'f':
		return '\f', 2
	case 'u':
		return unescapeUnicode(s)
	}
	return 0, 0
}

func unescapeUnicode(s string) (rune, int) {
	if len(s) < 6 {
		return 0, 0
	}
	v, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return 0, 0
	}
	if r := rune(v); r < 0xD800 || r > 0xDFFF {
		return r, 6
	}
	if v < 0xDC00 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low, err := strconv.ParseUint(s[8:12], 16, 16); err == nil && low >= 0xDC00 && low < 0xE000 {
			return rune(0x10000 + (v-0xD800)<<10 + (low - 0xDC00)), 12 // #nosec G115 -- both are 16 bits
		}
	}
	return 0, 0
}
