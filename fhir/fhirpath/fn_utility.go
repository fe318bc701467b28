package fhirpath

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/crflink/crflink/fhir"
)

// trace (FHIRPath N1, 5.9) hands its collection to the Env's hook and to nobody else.
var utilityFunctions = map[string]function{"trace": {1, 2, compileTrace}}

func compileTrace(k *compiler, f *call) code {
	name, _ := k.literalText(f, 0, "a name")
	shown := itself(f.item())
	if len(f.args) == 2 {
		shown = k.perItem(f, 1)
	}
	left := f.left
	return code{static: left.static, run: func(c *ctx, this, out []Value) []Value {
		from := len(out)
		out = left.run(c, this, out)
		if c.Trace != nil {
			buf := c.take()
			for i := from; i < len(out); i++ {
				buf = shown.run(c, out[i:i+1], buf)
			}
			c.Trace(name, buf)
			c.give(buf)
		}
		return out
	}}
}

// compileHTMLChecks tests a Narrative's div against FHIR's rules (FHIR R4, Narrative: txt-1 and txt-2).
func compileHTMLChecks(_ *compiler, f *call) code {
	left := f.left
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		defer left.put(c, buf)
		if len(buf) == 0 {
			return none
		}
		for i := range buf {
			if s, ok := buf[i].asText(); !ok || !narrativeIsSafe(s) {
				return no
			}
		}
		return yes
	})
}

const (
	narrativeTags = " a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img " +
		"li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var "
	narrativeAttributes = " abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff " +
		"charset cite class colspan compact coords dir frame headers height href hreflang hspace id ismap lang longdesc name nowrap " +
		"rel rev rowspan rules scope shape span src start style summary tabindex title type usemap valign value vspace width xmlns "
)

// narrativeIsSafe accepts one well-formed div of the allowed elements and attributes that says something.
func narrativeIsSafe(s string) bool {
	d := xml.NewDecoder(strings.NewReader(s))
	d.Entity = xml.HTMLEntity
	depth, roots, content := 0, 0, false
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return roots == 1 && content
		}
		if err != nil {
			return false
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if depth == 0 && (t.Name.Local != "div" || roots > 0) || !allowed(t) {
				return false
			}
			if depth == 0 {
				roots++
			}
			content = content || t.Name.Local == "img"
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			content = content || depth > 0 && strings.TrimSpace(string(t)) != ""
		case xml.Directive, xml.ProcInst:
			return false
		}
	}
}

func allowed(t xml.StartElement) bool {
	if !strings.Contains(narrativeTags, " "+t.Name.Local+" ") {
		return false
	}
	for _, a := range t.Attr {
		if a.Name.Space != "xmlns" && a.Name.Space != "xml" && !strings.Contains(narrativeAttributes, " "+a.Name.Local+" ") {
			return false
		}
		if strings.HasPrefix(strings.TrimSpace(strings.ToLower(a.Value)), "javascript:") {
			return false
		}
	}
	return true
}

var _ Resolver = RecordResolver{}

// RecordResolver resolves references within one patient's record, by type and id.
type RecordResolver struct{ *fhir.Record }

// Resolve implements Resolver.
func (r RecordResolver) Resolve(ref string, _ fhir.Node) (fhir.Node, bool) {
	key, ok := fhir.ParseReference(ref).Key()
	if !ok || r.Record == nil {
		return fhir.Node{}, false
	}
	res := r.Find(key)
	if res == nil {
		return fhir.Node{}, false
	}
	return res.Node, true
}
