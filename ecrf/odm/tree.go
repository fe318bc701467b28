package odm

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a document whose metadata are read.
const (
	maxDocument = 256 << 20 // bytes
	maxDepth    = 100
	maxNodes    = 500_000
)

// node is an element of the metadata. Attributes have their local names; those of REDCap begin with "redcap:".
type node struct {
	name       string
	attributes map[string]string
	text       strings.Builder
	children   []*node
}

func (n *node) get(attribute string) string { return strings.TrimSpace(n.attributes[attribute]) }

// all returns the children of that name.
func (n *node) all(name string) []*node {
	var found []*node
	for _, c := range n.children {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// first returns the first child of that name, or an empty node.
func (n *node) first(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return &node{}
}

// Elements whose content is no metadata and may be large.
var dataElements = map[string]bool{"ClinicalData": true, "AdminData": true, "ReferenceData": true, "Association": true, "Signature": true}

// readTree reads a document's elements but those of data. Entities other than XML's five are not expanded, and nothing
// outside of the document is read.
func readTree(r io.Reader) (*node, error) {
	limited := &io.LimitedReader{R: r, N: maxDocument + 1}
	d := xml.NewDecoder(limited)
	d.Strict = false
	d.CharsetReader = charset
	t := &treeReader{decoder: d, root: &node{}}
	t.open = []*node{t.root}
	for {
		token, err := d.RawToken()
		if limited.N <= 0 {
			return nil, fmt.Errorf("the document is larger than %d MiB", maxDocument>>20)
		}
		if errors.Is(err, io.EOF) && len(t.open) == 1 && t.skip == 0 {
			return t.root, nil
		}
		if err == nil {
			err = t.token(token)
		}
		if err != nil {
			line, col := d.InputPos()
			return nil, fmt.Errorf("line %d, column %d: the document is not readable as XML: %w", line, col, err)
		}
	}
}

type treeReader struct {
	decoder *xml.Decoder
	root    *node
	open    []*node
	nodes   int
	skip    int // depth within an element of data; 0 outside
}

func (t *treeReader) token(token xml.Token) error {
	switch e := token.(type) {
	case xml.StartElement:
		return t.start(e)
	case xml.EndElement:
		if t.skip > 0 {
			t.skip--
			return nil
		}
		return t.end(e.Name.Local)
	case xml.CharData:
		if t.skip == 0 {
			t.within().text.Write(e)
		}
	}
	return nil
}

// within is the element that a text belongs to: markup within a TranslatedText belongs to it.
func (t *treeReader) within() *node {
	for i := len(t.open) - 1; i > 0; i-- {
		if t.open[i].name == "TranslatedText" {
			return t.open[i]
		}
	}
	return t.open[len(t.open)-1]
}

func (t *treeReader) start(e xml.StartElement) error {
	if t.skip > 0 || dataElements[e.Name.Local] {
		t.skip++
		return nil
	}
	if t.nodes++; t.nodes > maxNodes {
		return fmt.Errorf("more than %d elements", maxNodes)
	}
	if len(t.open) > maxDepth {
		return fmt.Errorf("elements nested more than %d deep", maxDepth)
	}
	n := &node{name: e.Name.Local, attributes: make(map[string]string, len(e.Attr))}
	for _, a := range e.Attr {
		switch a.Name.Space {
		case "", "xml":
			n.attributes[a.Name.Local] = a.Value
		case "redcap":
			n.attributes["redcap:"+a.Name.Local] = a.Value
		}
	}
	parent := t.open[len(t.open)-1]
	parent.children = append(parent.children, n)
	t.open = append(t.open, n)
	return nil
}

func (t *treeReader) end(name string) error {
	last := t.open[len(t.open)-1]
	if len(t.open) == 1 || last.name != name {
		return fmt.Errorf("element %q is closed and was not open", name)
	}
	t.open = t.open[:len(t.open)-1]
	return nil
}

// charset reads the encodings that ODM files are found in.
func charset(name string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "latin1", "iso-8859-15", "windows-1252":
		return &latinReader{r: r}, nil
	}
	return nil, fmt.Errorf("encoding %q is not supported; save the file in UTF-8", name)
}

// latinReader reads ISO-8859-1 as UTF-8. Where the related code pages differ from it there is a replacement character.
type latinReader struct {
	r    io.Reader
	rest []byte
}

func (l *latinReader) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		var raw [4096]byte
		n, err := l.r.Read(raw[:])
		for _, b := range raw[:n] {
			r := rune(b)
			if b >= 0x80 && b < 0xa0 {
				r = utf8.RuneError
			}
			l.rest = utf8.AppendRune(l.rest, r)
		}
		if len(l.rest) == 0 {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
