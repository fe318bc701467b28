package fhirpath

import (
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// FHIR's own functions (FHIR R4, FHIRPath: 2.1.9.1.4).
var fhirFunctions = map[string]function{
	"extension":   {1, 1, compileExtension},
	"hasValue":    {0, 0, compileHasValue},
	"getValue":    {0, 0, compileGetValue},
	"resolve":     {0, 0, compileResolve},
	"memberOf":    {1, 1, compileMemberOf},
	"conformsTo":  {1, 1, compileConformsTo},
	"htmlChecks":  {0, 0, compileHTMLChecks},
	"children":    {0, 0, func(k *compiler, f *call) code { return k.below(f, false) }},
	"descendants": {0, 0, func(k *compiler, f *call) code { return k.below(f, true) }},
}

// compileExtension finds extensions by URL, on primitives too.
func compileExtension(k *compiler, f *call) code {
	left, url := f.left, k.arg(f, 0)
	k.needKind(f.args[0].pos, url.static, kindSet(String), "extension()")
	s := typed(typeExtension).all()
	if url.value != nil {
		s.paths = k.extend(left.static, "extension('"+url.value.text+"')")
	} else {
		s.paths = k.extend(left.static, "extension")
	}
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		u, ok := c.item(&url, this, kindsText, f, f.args[0].pos)
		if !ok {
			return out
		}
		buf := left.get(c, this)
		for i := range buf {
			for e := buf[i].node.Extensions().Get("extension").First(); e.Exists(); e = e.Next() {
				if e.Get("url").Text() == u.text {
					out = append(out, Value{kind: Element, node: e, typ: typeExtension.ID})
				}
			}
		}
		left.put(c, buf)
		return out
	}}
}

func hasValue(v *Value) bool {
	if v.kind != Element {
		return true
	}
	kind := v.node.Kind()
	return kind == fhir.Bool || kind == fhir.Number || kind == fhir.String
}

func compileHasValue(_ *compiler, f *call) code {
	left := f.left
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		t := triOf(len(buf) == 1 && hasValue(&buf[0]))
		left.put(c, buf)
		return t
	})
}

func compileGetValue(_ *compiler, f *call) code {
	left := f.left
	var s static
	for k := Boolean; k < Quantity; k++ {
		if left.set != nil && left.kinds()&kindSet(k) != 0 {
			s = s.orKind(k)
		}
	}
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		if len(buf) == 1 && hasValue(&buf[0]) {
			if v, ok := buf[0].system(); ok {
				out = append(out, v)
			}
		}
		left.put(c, buf)
		return out
	}}
}

func compileMemberOf(k *compiler, f *call) code {
	name, ok := k.literalText(f, 0, "the name or URL of a code list")
	if !ok {
		return nothing()
	}
	var contains func(system, code string) bool
	if k.opts.CodeLists != nil {
		contains, ok = k.opts.CodeLists(name)
	}
	if contains == nil || !ok {
		k.report(f.args[0].pos, "declare it among the study's code lists", "memberOf() does not know the code list %q", name)
		return nothing()
	}
	k.codedStatic(f)
	left := f.left
	return booleanCode(func(c *ctx, this []Value) tri {
		buf := left.get(c, this)
		defer left.put(c, buf)
		if len(buf) > 1 {
			c.fail(f.pos, "memberOf() is given several items where one is needed")
		}
		if len(buf) != 1 {
			return none
		}
		t := memberOf(&buf[0], contains)
		if t == none && !buf[0].valueless() {
			c.fail(f.pos, "memberOf() takes a code, Coding or CodeableConcept, this is "+buf[0].kindName())
		}
		return t
	})
}

// codedStatic reports a collection that holds nothing coded.
func (k *compiler) codedStatic(f *call) {
	for _, t := range f.left.set {
		if t.Name == "Coding" || t.Name == "CodeableConcept" || kindsOfType(t)&kindSet(String, Quantity) != 0 || t == anyElement {
			return
		}
	}
	if f.left.set != nil {
		k.report(f.pos, "", "memberOf() takes a code, Coding or CodeableConcept, this is %s", f.left.static)
	}
}

// memberOf asks a code list about a code, a Coding, or any coding of a CodeableConcept.
func memberOf(v *Value, contains func(system, code string) bool) tri {
	if s, ok := v.asText(); ok {
		return triOf(contains("", s))
	}
	if v.kind != Element || v.node.Kind() != fhir.Object {
		return none
	}
	codings := v.node.Get("coding")
	if codings.Kind() != fhir.Array {
		codings = v.node
	}
	for coding := range codings.Elements() {
		if code := coding.Get("code"); code.Kind() == fhir.String && contains(coding.Get("system").Text(), code.Text()) {
			return yes
		}
	}
	return no
}

const definitionBase = "http://hl7.org/fhir/StructureDefinition/"

// compileConformsTo knows the base definitions of R4: an item conforms when it is of that type. Profiles are refused.
func compileConformsTo(k *compiler, f *call) code {
	url, ok := k.literalText(f, 0, "the URL of a definition")
	if !ok {
		return nothing()
	}
	name, isBase := strings.CutPrefix(fhir.TrimVersion(url), definitionBase)
	t := model.Lookup(name)
	if !isBase || t == nil || t.Kind == model.Nested {
		k.report(f.args[0].pos, "only the types of R4 itself can be asked for", "conformsTo() does not know %q", url)
		return nothing()
	}
	return k.isCode(f.left, t, f.pos)
}

// below compiles children() and descendants().
func (k *compiler) below(f *call, deep bool) code {
	left := f.left
	s := static{many: true, unordered: true}
	paths := make([]string, 0, len(left.paths))
	for _, p := range left.paths {
		paths = append(paths, p+".*")
	}
	k.note(paths)
	k.untraced = k.untraced || len(paths) == 0
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		for i := range buf {
			out = appendChildren(&buf[i], deep, out)
		}
		left.put(c, buf)
		return out
	}}
}

// appendChildren appends the members of an element; deep, what is below each, first all of one level.
func appendChildren(v *Value, deep bool, out []Value) []Value {
	if v.kind != Element {
		return out
	}
	from := len(out)
	n, t := v.node, types[v.typ]
	if n.Kind() != fhir.Object {
		n, t = n.Extensions(), anyElement
	}
	for m := n.First(); m.Exists(); m = m.Next() {
		key := m.Key()
		if key == "resourceType" {
			continue
		}
		typ := uint16(0)
		if e := t.Element(key); e != nil && !e.Choice {
			typ = e.Types[0].ID
		} else if _, u := t.ChoiceOf(key); u != nil {
			typ = u.ID
		} else if t.Name != "" && t != anyElement {
			continue
		}
		for e := range m.Elements() {
			if e.Kind() != fhir.Null || e.Extensions().Exists() {
				out = append(out, Value{kind: Element, node: e, typ: own(e, typ)})
			}
		}
	}
	if deep {
		for i, end := from, len(out); i < end; i++ {
			child := out[i]
			out = appendChildren(&child, true, out)
		}
	}
	return out
}
