package odm

import (
	"bufio"
	"encoding/xml"
	"io"
	"strings"
)

// xmlWriter writes elements one after the other and remembers the first error. Text and attributes may hold anything:
// what XML 1.0 cannot hold becomes U+FFFD.
type xmlWriter struct {
	w     *bufio.Writer
	depth int
	err   error
}

func newXMLWriter(w io.Writer) *xmlWriter {
	x := &xmlWriter{w: bufio.NewWriterSize(w, 1<<16)}
	x.raw(xml.Header)
	return x
}

func (x *xmlWriter) raw(s string) {
	if x.err == nil {
		_, x.err = x.w.WriteString(s)
	}
}

func (x *xmlWriter) escaped(s string) {
	if x.err == nil {
		x.err = xml.EscapeText(x.w, []byte(s))
	}
}

const spaces = "                "

func (x *xmlWriter) tag(name string, attributes []string) {
	x.raw(spaces[:min(x.depth, len(spaces))])
	x.raw("<")
	x.raw(name)
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] == "" {
			continue // in ODM no attribute of ours may be empty
		}
		x.raw(" ")
		x.raw(attributes[i])
		x.raw(`="`)
		x.escaped(attributes[i+1])
		x.raw(`"`)
	}
}

// open starts an element. Attributes are names and values in turn; those with an empty value are left out.
func (x *xmlWriter) open(name string, attributes ...string) {
	x.tag(name, attributes)
	x.raw(">\n")
	x.depth++
}

func (x *xmlWriter) close(name string) {
	x.depth--
	x.raw(spaces[:min(x.depth, len(spaces))])
	x.raw("</" + name + ">\n")
}

// empty writes an element without content.
func (x *xmlWriter) empty(name string, attributes ...string) {
	x.tag(name, attributes)
	x.raw("/>\n")
}

// text writes an element that holds a text.
func (x *xmlWriter) text(name, content string, attributes ...string) {
	x.tag(name, attributes)
	x.raw(">")
	x.escaped(content)
	x.raw("</" + name + ">\n")
}

func (x *xmlWriter) flush() error {
	if x.err == nil {
		x.err = x.w.Flush()
	}
	return x.err
}

func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

func joinNonEmpty(sep string, texts ...string) string {
	var kept []string
	for _, t := range texts {
		if t != "" {
			kept = append(kept, t)
		}
	}
	return strings.Join(kept, sep)
}
