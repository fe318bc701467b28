package pseudonym

import "strings"

// text is what a profile says of a resource type, as it is written: who asks about an element or two need not have it compiled.
type text struct {
	name     string
	body     *yamlNode
	types    map[string]*yamlNode
	contexts map[string][]*extension
}

// said is what is said of one element.
type said struct {
	y    *yamlNode // an action or members
	path string    // from the resource
	in   string    // what paths of members begin with in the innermost named type
	on   []string  // what extensions of it stand on
}

// at returns what is said of the element that the names lead to; ok is false when it is not listed.
func (t *text) at(names []string) (w said, ok bool) {
	w = said{y: t.body, path: t.name, in: t.name, on: []string{t.name}}
	within := map[string]said{t.name: w}
	for _, name := range names {
		y := memberOf(w.y, name)
		if y == nil {
			return said{}, false
		}
		if w, ok = t.member(w, name, y, within); !ok {
			return said{}, false
		}
	}
	return w, true
}

// member resolves what is said of a member. Within itself a type is the same again.
func (t *text) member(of said, name string, y *yamlNode, within map[string]said) (w said, ok bool) {
	w = said{y: y, path: of.path + "." + name, in: of.in + "." + name}
	w.on = []string{w.path, w.in}
	if y.kind != yamlScalar || isAction(y.text) {
		return w, true
	}
	if outer, is := within[y.text]; is {
		return outer, true
	}
	w.on = append(w.on, y.text)
	if w.y, ok = t.types[y.text]; ok && w.y.kind == yamlMapping {
		w.in = y.text
	}
	within[y.text] = w
	return w, ok
}

// memberOf returns what is written of a member, also of one of the types of value[x]; nil when it is not listed.
func memberOf(of *yamlNode, name string) *yamlNode {
	if y := of.get(name); y != nil && y.kind != yamlList {
		return y
	}
	for i, k := range of.keys {
		prefix, choice := strings.CutSuffix(k.text, "[x]")
		if !choice || !strings.HasPrefix(name, prefix) || of.items[i].kind != yamlList {
			continue
		}
		for _, typ := range of.items[i].items {
			if typ.text != "" && choiceName(prefix, typ.text) == name {
				return typ
			}
		}
	}
	return nil
}

// action is Profile.Action of an element.
func (t *text) action(names []string) string {
	w, ok := t.at(names)
	if !ok {
		return "drop"
	}
	if w.y.kind == yamlMapping {
		return "keep"
	}
	a, err := parseAction(w.y.text)
	if err != nil {
		return "drop"
	}
	return a.String()
}

// extension reports whether an extension may stand on an element that is listed.
func (t *text) extension(names []string, url string) (may, listed bool) {
	w, ok := t.at(names)
	for _, context := range w.on {
		for _, e := range t.contexts[context] {
			may = may || e.url == url
		}
	}
	return may, ok
}
