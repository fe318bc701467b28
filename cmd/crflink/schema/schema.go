// Package schema holds the JSON Schemas (draft 2020-12) of the files that people write, so that editors complete keys and
// mark mistakes while they are typed.
//
// A schema says what can be said without reading other files; crflink lint says the rest. Its objects have exactly the keys
// that the readers know, which a test compares.
package schema

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/crflink/crflink/internal/finding"
)

// node is a schema or a part of one.
type node map[string]any

// files are the kinds of files with their schemas.
var files = map[string]func() node{
	"study": study, "mapping": mappingFile, "dictionary": dictionary, "tests": tests, "consent": policy, "serve": serve, "quantification": quantification,
}

// Names lists the kinds of files, in the order of the documentation.
func Names() []string {
	return []string{"study", "mapping", "dictionary", "tests", "consent", "serve", "quantification"}
}

// Of returns the schema of a kind of file as indented JSON, with a line feed at its end.
func Of(name string) ([]byte, error) {
	make, ok := files[name]
	if !ok {
		return nil, fmt.Errorf("there is no schema of %q: %s", name, finding.DidYouMean(name, Names()))
	}
	root := make()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "crflink: " + name
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", name, err)
	}
	return []byte(b.String()), nil
}

// object has these members and no others.
func object(members map[string]node, required ...string) node {
	o := node{"type": "object", "properties": members, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// named has members of one kind, whatever their names are.
func named(of node) node { return node{"type": "object", "additionalProperties": of} }

// text is a single value; YAML writes some texts as numbers or booleans.
func text() node { return node{"type": []string{"string", "number", "boolean"}} }

func whole() node { return node{"type": "integer"} }

func yes() node { return node{"type": "boolean"} }

func enum(values ...string) node { return node{"enum": values} }

func list(of node) node { return node{"type": "array", "items": of} }

// some is one value or a list of them.
func some(of node) node { return either(of, list(of)) }

func either(all ...node) node { return node{"anyOf": all} }

// said adds a description.
func (n node) said(format string, args ...any) node {
	n["description"] = fmt.Sprintf(format, args...)
	return n
}
