package fhirpath

import "github.com/crflink/crflink/fhir"

// Functions of SQL on FHIR v2 (ViewDefinition, "Required Additional Functions"): a resource and a reference to it have
// equal keys, here the relative reference. Only literal references have one.
var keyFunctions = map[string]function{
	"getResourceKey":  {0, 0, compileResourceKey},
	"getReferenceKey": {0, 1, compileReferenceKey},
}

func compileResourceKey(k *compiler, f *call) code {
	left := f.left
	s := ofKind(String)
	s.many = left.many
	s.paths = k.extend(left.static, "id")
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		for i := range buf {
			n := buf[i].node
			if key := (fhir.Key{Type: n.Get("resourceType").Text(), ID: n.Get("id").Text()}); key.Type != "" && key.ID != "" {
				out = append(out, stringValue(key.String()))
			}
		}
		left.put(c, buf)
		return out
	}}
}

func compileReferenceKey(k *compiler, f *call) code {
	typ := ""
	if len(f.args) == 1 {
		t := k.typeSpecifier(f.args[0])
		if t == nil {
			return nothing()
		}
		typ = t.Name
	}
	for _, t := range f.left.set {
		if t != typeReference && t != anyElement {
			k.report(f.pos, "", "getReferenceKey() takes a Reference, this is %s", f.left.static)
			return nothing()
		}
	}
	left := f.left
	s := ofKind(String)
	s.many = left.many
	s.paths = k.extend(left.static, "reference")
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		for i := range buf {
			key, ok := fhir.ParseReference(buf[i].node.Get("reference").Text()).Key()
			if ok && (typ == "" || key.Type == typ) {
				out = append(out, stringValue(key.String()))
			}
		}
		left.put(c, buf)
		return out
	}}
}
