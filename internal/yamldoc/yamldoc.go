// Package yamldoc reads a YAML file with the positions of its parts, so that every mistake in it is reported at its
// place, all of them at once.
package yamldoc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/crflink/crflink/internal/finding"
)

// Doc is one parsed file and the findings about it so far.
type Doc struct {
	File     string
	Findings finding.List
	root     ast.Node
	source   [][]rune // lines
}

// Value is a part of a document: a mapping, a list or a scalar. The zero Value is absent.
type Value struct {
	doc  *Doc
	node ast.Node
	key  ast.Node
}

// Parse reads a YAML text of one document. A text that is not YAML gives one finding and an empty document.
func Parse(file string, text []byte) (doc *Doc) {
	doc = &Doc{File: file, source: sourceLines(text)}
	defer func() {
		if recover() != nil { // the parser has panicked on hostile input before (goccy/go-yaml 439, 471, 718)
			doc.Findings.Add(file, 1, 1, "", "the file is not readable as YAML")
		}
	}()
	parsed, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		doc.syntax(err)
		return doc
	}
	switch len(parsed.Docs) {
	case 0:
	case 1:
		doc.root = parsed.Docs[0].Body
	default:
		doc.Findings.Add(file, 1, 1, "put each document in a file of its own", "the file holds more than one YAML document")
	}
	return doc
}

// syntax turns "[3:5] message\n excerpt" into a finding.
func (d *Doc) syntax(err error) {
	line, col, message := 1, 1, strings.SplitN(err.Error(), "\n", 2)[0]
	if rest, ok := strings.CutPrefix(message, "["); ok {
		if at, text, ok := strings.Cut(rest, "] "); ok {
			if l, c, ok := strings.Cut(at, ":"); ok {
				line, _ = strconv.Atoi(l)
				col, _ = strconv.Atoi(c)
				message = text
			}
		}
	}
	d.Findings.Add(d.File, line, col, "", "not valid YAML: %s", message)
}

// Root returns the document's content.
func (d *Doc) Root() Value { return Value{doc: d, node: d.root} }

// Exists reports whether the part is there and is not null.
func (v Value) Exists() bool {
	if v.node == nil {
		return false
	}
	_, null := v.node.(*ast.NullNode)
	return !null
}

// Key returns the name under which the value stands in its mapping.
func (v Value) Key() string {
	if v.key == nil {
		return ""
	}
	return scalar(v.key)
}

// Pos returns the value's line and column, or its key's when it has no value.
func (v Value) Pos() (line, col int) {
	for _, n := range []ast.Node{v.node, v.key} {
		if n == nil {
			continue
		}
		if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
			n = m.Values[0].Key
		}
		if t := n.GetToken(); t != nil && t.Position != nil {
			return t.Position.Line, t.Position.Column
		}
	}
	return 1, 1
}

// KeyPos returns the place of the value's key.
func (v Value) KeyPos() (line, col int) {
	return Value{doc: v.doc, node: v.key}.Pos()
}

// Place returns file and line of the value's key, or of the value where it has none.
func (v Value) Place() string {
	line, _ := v.Pos()
	if v.key != nil {
		line, _ = v.KeyPos()
	}
	return fmt.Sprintf("%s:%d", v.doc.File, line)
}

// Errorf adds a finding at the value.
func (v Value) Errorf(hint, format string, args ...any) {
	line, col := v.Pos()
	v.doc.Findings.Add(v.doc.File, line, col, hint, format, args...)
}

// ErrorAtKey adds a finding at the value's key.
func (v Value) ErrorAtKey(hint, format string, args ...any) {
	line, col := v.KeyPos()
	v.doc.Findings.Add(v.doc.File, line, col, hint, format, args...)
}

// Warn adds a warning at the value.
func (v Value) Warn(message string) { v.warn(message, v.Pos) }

// WarnAtKey adds a warning at the value's key.
func (v Value) WarnAtKey(message string) { v.warn(message, v.KeyPos) }

func (v Value) warn(message string, at func() (line, col int)) {
	line, col := at()
	v.doc.Findings = append(v.doc.Findings, finding.Finding{File: v.doc.File, Line: line, Col: col, Severity: finding.Warning, Message: message})
}

// ErrorAt adds a finding at a line and column of characters within the scalar's text, for expressions.
func (v Value) ErrorAt(line, col int, hint, format string, args ...any) {
	atLine, atCol := v.TextPos(line, col)
	v.doc.Findings.Add(v.doc.File, atLine, atCol, hint, format, args...)
}

// Entries returns the members of a mapping in their order. A value that is not a mapping, and a key that occurs
// twice, are findings.
func (v Value) Entries() []Value {
	if !v.Exists() {
		return nil
	}
	var pairs []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		v.Errorf("", "expected a mapping (name: value) here")
		return nil
	}
	entries := make([]Value, 0, len(pairs))
	seen := map[string]bool{}
	for _, p := range pairs {
		e := Value{doc: v.doc, node: p.Value, key: p.Key}
		if seen[e.Key()] {
			line, col := e.KeyPos()
			v.doc.Findings.Add(v.doc.File, line, col, "remove one of the two", "%q stands here twice", e.Key())
			continue
		}
		seen[e.Key()] = true
		entries = append(entries, e)
	}
	return entries
}

// Fields is Entries by name; a name that is not among the known ones is a finding with the nearest right name.
func (v Value) Fields(known ...string) map[string]Value {
	fields := map[string]Value{}
	for _, e := range v.Entries() {
		if !slices.Contains(known, e.Key()) {
			line, col := e.KeyPos()
			v.doc.Findings.Add(v.doc.File, line, col, finding.DidYouMean(e.Key(), known), "unknown key %q", e.Key())
			continue
		}
		fields[e.Key()] = e
	}
	return fields
}

// Items returns the elements of a list; a single value counts as a list of one.
func (v Value) Items() []Value {
	if !v.Exists() {
		return nil
	}
	seq, ok := v.node.(*ast.SequenceNode)
	if !ok {
		return []Value{v}
	}
	items := make([]Value, len(seq.Values))
	for i, n := range seq.Values {
		items[i] = Value{doc: v.doc, node: n}
	}
	return items
}

// IsMapping reports whether the value has members.
func (v Value) IsMapping() bool {
	switch v.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// IsList reports whether the value is a list.
func (v Value) IsList() bool {
	_, ok := v.node.(*ast.SequenceNode)
	return ok
}

// Text returns a scalar's text as written (numbers and booleans too); "" and a finding for a mapping or list.
func (v Value) Text() string {
	if !v.Exists() {
		return ""
	}
	if v.IsMapping() || v.IsList() {
		v.Errorf("", "expected a single value here")
		return ""
	}
	return scalar(v.node)
}

// Texts returns the text of each element of a list, or of the single value.
func (v Value) Texts() []string {
	var texts []string
	for _, i := range v.Items() {
		texts = append(texts, i.Text())
	}
	return texts
}

// Int reads an integer.
func (v Value) Int() int {
	if !v.Exists() {
		return 0
	}
	n, err := strconv.Atoi(v.Text())
	if err != nil {
		v.Errorf("", "expected a whole number here")
	}
	return n
}

// Bool reads true or false.
func (v Value) Bool() bool {
	if !v.Exists() {
		return false
	}
	switch v.Text() {
	case "true":
		return true
	case "false":
		return false
	}
	v.Errorf("", "expected true or false here")
	return false
}

// OneOf returns the text if it is among the choices, else adds a finding and returns the first choice.
func (v Value) OneOf(choices ...string) string {
	if !v.Exists() {
		return choices[0]
	}
	text := v.Text()
	if !slices.Contains(choices, text) {
		v.Errorf(finding.DidYouMean(text, choices), "%q is not possible here", text)
		return choices[0]
	}
	return text
}

func scalar(n ast.Node) string {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value
	case *ast.LiteralNode:
		return s.Value.Value
	case *ast.AnchorNode:
		return scalar(s.Value)
	case *ast.TagNode:
		return scalar(s.Value)
	}
	if t := n.GetToken(); t != nil {
		return t.Value
	}
	return fmt.Sprint(n)
}
