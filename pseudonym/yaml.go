package pseudonym

import (
	"fmt"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// yamlNode is one value of a profile with its place: a scalar has text, a mapping keys and items, a list items.
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
)

func (k yamlKind) String() string {
	return [...]string{"a single value", "a mapping", "a list"}[k]
}

// parseYAML reads a profile's text; the root is nil where there is nothing to read.
func parseYAML(file string, src []byte) (*yamlNode, finding.List) {
	doc := yamldoc.Parse(file, src)
	if !doc.Root().Exists() {
		if len(doc.Findings) == 0 {
			doc.Findings.Add(file, 1, 1, "", "the file is empty")
		}
		return nil, doc.Findings
	}
	root := readYAML(doc.Root())
	return root, doc.Findings
}

func readYAML(v yamldoc.Value) *yamlNode {
	y := &yamlNode{}
	y.line, y.col = v.Pos()
	switch {
	case v.IsMapping():
		y.kind = yamlMapping
		for _, e := range v.Entries() {
			k := &yamlNode{text: e.Key()}
			k.line, k.col = e.KeyPos()
			y.keys = append(y.keys, k)
			y.items = append(y.items, readYAML(e))
		}
	case v.IsList():
		y.kind = yamlList
		for _, e := range v.Items() {
			y.items = append(y.items, readYAML(e))
		}
	default:
		y.text = v.Text()
	}
	return y
}

// parseJSON reads the JSON of a profile, which has no places.
func parseJSON(text string) (*yamlNode, error) {
	var t fhir.Table
	if err := t.Parse(text); err != nil {
		return nil, err
	}
	return readJSON(t.Root()), nil
}

func readJSON(n fhir.Node) *yamlNode {
	y := &yamlNode{}
	switch n.Kind() {
	case fhir.Object:
		y.kind = yamlMapping
		for c := range n.Children() {
			y.keys = append(y.keys, &yamlNode{text: c.Key()})
			y.items = append(y.items, readJSON(c))
		}
	case fhir.Array:
		y.kind = yamlList
		for c := range n.Children() {
			y.items = append(y.items, readJSON(c))
		}
	default:
		y.text = n.Text()
	}
	return y
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
