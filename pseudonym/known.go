package pseudonym

import "strings"

// The names of all elements are known before any resource type is compiled: walks under way read them without a lock.

// know notes a name that reports may print and records may have.
func (c *compiler) know(name string) {
	c.profile.names[name] = name
	c.profile.written.Name(name)
	c.profile.written.Name("_" + name)
}

// knowMembers notes the names of the elements in a mapping of members, and below.
func (c *compiler) knowMembers(y *yamlNode) {
	if y.kind != yamlMapping {
		return
	}
	for i, k := range y.keys {
		if choice, ok := strings.CutSuffix(k.text, "[x]"); ok {
			c.knowChoice(choice, y.items[i])
			continue
		}
		c.know(k.text)
		c.knowMembers(y.items[i])
	}
}

// knowChoice notes the names of value[x] for a list of types, or for one.
func (c *compiler) knowChoice(prefix string, types *yamlNode) {
	if types.kind == yamlScalar {
		types = &yamlNode{kind: yamlList, items: []*yamlNode{types}}
	}
	for _, t := range types.items {
		if t.kind == yamlScalar && t.text != "" {
			c.know(choiceName(prefix, t.text))
		}
	}
}

func choiceName(prefix, typ string) string { return prefix + strings.ToUpper(typ[:1]) + typ[1:] }

// knowExtension notes the names of the values of an extension and of its parts.
func (c *compiler) knowExtension(y *yamlNode) {
	values := []*yamlNode{y.get("value")}
	if parts := y.get("parts"); parts != nil {
		values = append(values, parts.items...)
	}
	for _, v := range values {
		switch {
		case v == nil:
		case v.kind == yamlMapping:
			c.knowMembers(v)
		default:
			c.knowChoice("value", v)
		}
	}
}
