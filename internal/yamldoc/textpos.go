package yamldoc

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// TextPos maps a line and column within the scalar's text to the file, through the folding, quoting and indentation
// of its YAML style. A place behind the text is the place of its last character, plus one.
func (v Value) TextPos(line, col int) (fileLine, fileCol int) {
	line0, col0 := v.Pos()
	text, ok := v.text()
	if !ok {
		return line0, col0
	}
	a := aligner{source: v.doc.source, line: line0, col: col0}
	switch v.scalarNode().(type) {
	case *ast.LiteralNode:
		a.line, a.col = line0+1, 1
	default:
		a.quote = a.open()
	}
	atLine, atCol := 1, 1
	for _, r := range text {
		a.find(r)
		if atLine == line && atCol == col {
			return a.line, a.col
		}
		a.take(r)
		if atCol++; r == '\n' {
			atLine, atCol = atLine+1, 1
		}
	}
	return a.line, a.col
}

func (v Value) scalarNode() ast.Node {
	switch n := v.node.(type) {
	case *ast.AnchorNode:
		return n.Value
	case *ast.TagNode:
		return n.Value
	}
	return v.node
}

// text is the scalar's text; ok is false for what is no scalar.
func (v Value) text() (string, bool) {
	if !v.Exists() || v.IsMapping() || v.IsList() {
		return "", false
	}
	return scalar(v.node), true
}

// aligner walks a scalar's source beside its text.
type aligner struct {
	source    [][]rune // the file's lines
	line, col int      // place of the next character of the source
	quote     rune     // the style's quote, or 0
}

// next is the character at the place; the end of a line is a line feed, the end of the file 0.
func (a *aligner) next() rune {
	switch {
	case a.line > len(a.source):
		return 0
	case a.col > len(a.source[a.line-1]):
		return '\n'
	}
	return a.source[a.line-1][a.col-1]
}

func (a *aligner) advance(n int) {
	for range n {
		if a.next() == '\n' {
			a.line, a.col = a.line+1, 1
		} else {
			a.col++
		}
	}
}

// open steps over an opening quote.
func (a *aligner) open() rune {
	if q := a.next(); q == '\'' || q == '"' {
		a.advance(1)
		return q
	}
	return 0
}

func blank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }

// find moves over indentation and folded line ends to the source of r.
func (a *aligner) find(r rune) {
	for a.quote == '"' && a.next() == '\\' && a.peek(1) == '\n' { // a folded line within double quotes
		a.advance(2)
		for blank(a.next()) {
			a.advance(1)
		}
	}
	if blank(r) {
		return
	}
	for blank(a.next()) {
		a.advance(1)
	}
}

func (a *aligner) peek(n int) rune {
	b := *a
	b.advance(n)
	return b.next()
}

// take moves over the source of r.
func (a *aligner) take(r rune) {
	switch c := a.next(); {
	case a.quote == '"' && c == '\\':
		a.advance(2 + escapeDigits(a.peek(1)))
	case a.quote == '\'' && c == '\'':
		a.advance(2)
	case blank(r) && !blank(c):
	default:
		a.advance(1)
	}
}

// escapeDigits is the number of hexadecimal digits of a double-quoted escape (YAML 1.2.2, 5.7).
func escapeDigits(c rune) int {
	switch c {
	case 'x':
		return 2
	case 'u':
		return 4
	case 'U':
		return 8
	}
	return 0
}

func sourceLines(text []byte) [][]rune {
	var lines [][]rune
	for line := range strings.Lines(string(text)) {
		lines = append(lines, []rune(strings.TrimRight(line, "\r\n")))
	}
	return lines
}
