package pseudonym

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// yamlNode is one value of a YAML document with its place: a scalar has text, a mapping keys and items, a list items.
type yamlNode struct {
	kind      yamlKind
	text      string
	keys      []*yamlNode
	items     []*yamlNode
	line, col int
}

type yamlKind uint8

const (
	yamlScalar yamlKind = iota
	yamlMapping
	yamlList
	yamlOther
)

func (k yamlKind) String() string {
	return [...]string{"a single value", "a mapping", "a list", "something else"}[k]
}

func parseYAML(src []byte) (*yamlNode, []problem) {
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		p := problem{line: 1, col: 1, text: "not YAML"}
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			p.text = syntax.GetMessage()
			if t := syntax.GetToken(); t != nil {
				p.line, p.col = t.Position.Line, t.Position.Column
			}
		}
		return nil, []problem{p}
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, []problem{{line: 1, col: 1, text: "the file is empty"}}
	}
	return readYAML(file.Docs[0].Body), nil
}

func readYAML(n ast.Node) *yamlNode {
	y := &yamlNode{}
	if t := n.GetToken(); t != nil {
		y.line, y.col = t.Position.Line, t.Position.Column
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		y.kind = yamlMapping
		for _, v := range n.Values {
			y.member(v)
		}
		y.placeAtFirst()
	case *ast.MappingValueNode:
		y.kind = yamlMapping
		y.member(n)
		y.placeAtFirst()
	case *ast.SequenceNode:
		y.kind = yamlList
		for _, v := range n.Values {
			y.items = append(y.items, readYAML(v))
		}
	case ast.ScalarNode:
		y.text = n.GetToken().Value
		if s, ok := n.GetValue().(string); ok {
			y.text = s
		}
	default:
		y.kind = yamlOther
	}
	return y
}

func (y *yamlNode) member(v *ast.MappingValueNode) {
	y.keys = append(y.keys, readYAML(v.Key))
	y.items = append(y.items, readYAML(v.Value))
}

// placeAtFirst puts a mapping where its first key stands; the parser puts it at a colon.
func (y *yamlNode) placeAtFirst() {
	if len(y.keys) > 0 {
		y.line, y.col = y.keys[0].line, y.keys[0].col
	}
}

func (y *yamlNode) get(key string) *yamlNode {
	for i, k := range y.keys {
		if k.text == key {
			return y.items[i]
		}
	}
	return nil
}

// problem is one fault of a profile, with its place and how to mend it.
type problem struct {
	line, col int
	text      string
	hint      string
}

func (y *yamlNode) problem(hint, format string, args ...any) problem {
	return problem{line: y.line, col: y.col, text: fmt.Sprintf(format, args...), hint: hint}
}
