package fhirpath

import (
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
)

// compileResolve finds the resources that References, canonicals and URIs name: contained ones in their container,
// others through the Env's Resolver. What is not found is left out.
func compileResolve(k *compiler, f *call) code {
	left := f.left
	s := static{many: left.many, unordered: left.unordered, set: []*model.Type{anyResource}}
	for _, t := range left.set {
		if t != typeReference && kindsOfType(t)&kindSet(String) == 0 && t != anyElement {
			k.report(f.pos, "", "resolve() takes a Reference, canonical or uri, this is %s", left.static)
			return nothing()
		}
	}
	if left.single() == typeReference && len(left.targets) > 0 {
		s.set = nil
		for _, name := range left.targets {
			if t := model.Lookup(name); t != nil {
				s = s.withType(t)
			}
		}
	}
	for _, t := range s.set {
		k.resolved = append(k.resolved, t.Name)
	}
	return code{static: s, run: func(c *ctx, this, out []Value) []Value {
		buf := left.get(c, this)
		for i := range buf {
			if n, ok := c.resolve(&buf[i]); ok {
				out = append(out, Value{kind: Element, node: n, typ: own(n, anyResource.ID)})
			}
		}
		left.put(c, buf)
		return out
	}}
}

func (s static) withType(t *model.Type) static {
	s.set = append(s.set, t)
	s.paths = append(s.paths, t.Name)
	return s
}

func (c *ctx) resolve(v *Value) (fhir.Node, bool) {
	ref, ok := v.asText()
	if !ok {
		ref = v.node.Get("reference").Text()
	}
	switch {
	case ref == "":
		return fhir.Node{}, false
	case ref[0] == '#':
		return contained(v.node, ref[1:])
	case c.Resolver == nil:
		return fhir.Node{}, false
	}
	n, ok := c.Resolver.Resolve(ref, v.node)
	return n, ok && n.Exists()
}

// contained finds a contained resource by its id; "#" alone is the container.
func contained(from fhir.Node, id string) (fhir.Node, bool) {
	if !from.Exists() {
		return from, false
	}
	container := containerOf(from)
	if id == "" {
		return container, true
	}
	for r := range container.Get("contained").Elements() {
		if r.Get("id").Text() == id {
			return r, true
		}
	}
	return fhir.Node{}, false
}

// containerOf returns the resource that an element belongs to: the root or, in a Bundle, the entry's resource. Nodes
// are numbered in the order of the text, so that is the last one that begins before the element.
func containerOf(n fhir.Node) fhir.Node {
	root := n.Table().Root()
	if root.Get("resourceType").Text() != "Bundle" {
		return root
	}
	container := root
	for e := range root.Get("entry").Elements() {
		r := e.Get("resource")
		if !r.Exists() {
			continue
		}
		if r.ID() > n.ID() {
			break
		}
		container = r
	}
	return container
}
