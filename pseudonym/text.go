package pseudonym

import "strings"

// text is what a profile says of a resource type, as it is written: who asks for an action or two need not have it compiled.
type text struct {
	body  *yamlNode
	types map[string]*yamlNode
}

// action is Profile.Action below the type.
func (t *text) action(names []string) string {
	y := t.body
	for _, name := range names {
		if y = t.member(y, name); y == nil {
			return "drop"
		}
	}
	if y.kind == yamlMapping {
		return "keep"
	}
	a, err := parseAction(y.text)
	if err != nil {
		return "drop"
	}
	return a.String()
}

// member returns what is said of a member, a named type's members or action where it has one; nil when it is not listed.
func (t *text) member(of *yamlNode, name string) *yamlNode {
	if y := of.get(name); y != nil && y.kind != yamlList {
		return t.resolved(y)
	}
	for i, k := range of.keys {
		prefix, choice := strings.CutSuffix(k.text, "[x]")
		if !choice || !strings.HasPrefix(name, prefix) || of.items[i].kind != yamlList {
			continue
		}
		for _, typ := range of.items[i].items {
			if typ.text != "" && choiceName(prefix, typ.text) == name {
				return t.resolved(typ)
			}
		}
	}
	return nil
}

func (t *text) resolved(y *yamlNode) *yamlNode {
	if y.kind == yamlScalar && !isAction(y.text) {
		return t.types[y.text]
	}
	return y
}
