package pseudonym

import (
	"slices"
	"strings"
)

// extensionKeys are the keys of one extension in a profile.
var extensionKeys = []string{"url", "on", "value", "parts"}

// declareExtensions files the profile's extensions under what they stand on.
func (c *compiler) declareExtensions(y *yamlNode) {
	seen := map[string]bool{}
	for _, item := range y.items {
		if !c.expects(item, yamlMapping, "an extension") {
			continue
		}
		for _, k := range item.keys {
			if !slices.Contains(extensionKeys, k.text) {
				c.fault(k, "the keys are: "+strings.Join(extensionKeys, ", "), "unknown key %q of an extension", k.text)
			}
		}
		url, on := item.get("url"), item.get("on")
		if url == nil || on == nil || on.kind != yamlList || item.get("value") == nil && item.get("parts") == nil {
			c.fault(item, "", "an extension has a url, a list on, and a value or parts")
			continue
		}
		c.knowExtension(item)
		e := &extension{url: url.text, node: item}
		for _, context := range on.items {
			if seen[e.url+" "+context.text] {
				c.fault(context, "", "the extension is listed for %s twice", context.text)
				continue
			}
			seen[e.url+" "+context.text] = true
			c.contexts[context.text] = append(c.contexts[context.text], e)
		}
	}
}

// attach allows on a rule the extensions of its path, its place in a type, and its type.
func (c *compiler) attach(r *rule, s scope, typ string) {
	contexts := []string{s.path}
	if s.typePath != s.path {
		contexts = append(contexts, s.typePath)
	}
	if typ != "" && typ != s.typePath {
		contexts = append(contexts, typ)
	}
	for _, context := range contexts {
		c.used[context] = true
		for _, e := range c.contexts[context] {
			if r.extensions[e.url] != nil {
				continue
			}
			if r.extensions == nil {
				r.extensions = map[string]*rule{}
			}
			r.extensions[e.url] = c.extensionRule(e, s)
		}
	}
}

// extensionRule compiles an extension at one place: its members are valueX for each of its types, its own extensions
// are its parts.
func (c *compiler) extensionRule(e *extension, s scope) *rule {
	r := c.rule(s.path+".extension("+e.url+")", "")
	r.url = e.url
	r.members, r.extensions = map[string]*rule{}, map[string]*rule{}
	inner := scope{path: r.path, typePath: "Extension", stack: s.stack}
	c.extensionValue(r, e.node.get("value"), inner)
	parts := e.node.get("parts")
	if parts == nil || !c.expects(parts, yamlMapping, "parts") {
		return r
	}
	for i, k := range parts.keys {
		part := c.rule(r.path+"."+k.text, "")
		part.url, part.members = k.text, map[string]*rule{}
		c.extensionValue(part, parts.items[i], scope{path: part.path, typePath: "Extension", stack: s.stack})
		r.extensions[k.text] = part
	}
	return r
}

// extensionValue compiles the value[x] of an extension: the name of a type, a list of such, or a mapping from
// valueX to an action.
func (c *compiler) extensionValue(r *rule, y *yamlNode, s scope) {
	switch {
	case y == nil:
	case y.kind == yamlScalar:
		c.choice(r, "value", &yamlNode{kind: yamlList, items: []*yamlNode{y}}, s, &yamlNode{})
	case y.kind == yamlList:
		c.choice(r, "value", y, s, &yamlNode{})
	case y.kind == yamlMapping:
		for i, k := range y.keys {
			r.members[k.text] = c.element(k.text, y.items[i], s.member(k.text))
		}
	}
}
