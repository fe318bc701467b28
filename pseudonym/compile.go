package pseudonym

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// compiler turns a profile's document into tries. Types may refer to themselves: then the trie does, too.
type compiler struct {
	profile  *Profile
	types    map[string]*yamlNode
	contexts map[string][]*extension // by what they stand on
	used     map[string]bool         // contexts that exist
	problems []problem
	rules    int // made until now

	mu sync.Mutex // of whoever opens a resource type
}

// extension is one entry of a profile's extensions.
type extension struct {
	url  string
	node *yamlNode
}

func newCompiler() *compiler {
	c := &compiler{
		profile: &Profile{
			resources: map[string]*rule{}, extensions: map[string]*rule{}, names: map[string]string{},
			systems: map[string]string{}, units: map[string]bool{}, placeholders: map[string]bool{},
		},
		types: map[string]*yamlNode{}, contexts: map[string][]*extension{}, used: map[string]bool{},
	}
	c.profile.written.Name("_") // beside an element without a name of its own, as extensions are
	return c
}

func (c *compiler) fault(y *yamlNode, hint, format string, args ...any) {
	c.problems = append(c.problems, y.problem(hint, format, args...))
}

// expects reports whether y has the kind, and says so when not.
func (c *compiler) expects(y *yamlNode, kind yamlKind, what string) bool {
	if y.kind != kind {
		c.fault(y, "", "%s is %s, not %s", what, kind, y.kind)
	}
	return y.kind == kind
}

// sections are the keys of a profile, in the order in which they are read.
var sections = []string{"profile", "version", "words", "identifierSystems", "canonicals", "units", "placeholders", "types", "extensions", "resources"}

func (c *compiler) document(root *yamlNode) {
	if !c.expects(root, yamlMapping, "a profile") {
		return
	}
	for _, k := range root.keys {
		if !slices.Contains(sections, k.text) {
			c.fault(k, "the keys of a profile are: "+strings.Join(sections, ", "), "unknown key %q", k.text)
		}
	}
	for _, key := range []string{"profile", "version", "types", "resources"} {
		if root.get(key) == nil {
			c.fault(root, "", "a profile needs the key %s", key)
		}
	}
	c.scalars(root)
	if y := root.get("types"); y != nil && c.expects(y, yamlMapping, "types") {
		for i, k := range y.keys {
			c.types[k.text] = y.items[i]
			c.knowMembers(y.items[i])
		}
	}
	if y := root.get("extensions"); y != nil && c.expects(y, yamlList, "extensions") {
		c.declareExtensions(y)
	}
	c.compileGlobal()
	if y := root.get("resources"); y != nil && c.expects(y, yamlMapping, "resources") {
		c.declareResources(y)
	}
}

func (c *compiler) scalars(root *yamlNode) {
	p := c.profile
	for key, to := range map[string]*string{"profile": &p.name, "version": &p.version} {
		if y := root.get(key); y != nil && c.expects(y, yamlScalar, key) {
			*to = y.text
		}
	}
	lists := map[string]func(string){
		"words":             func(s string) { p.names[s] = s },
		"identifierSystems": func(s string) { p.systems[s] = s },
		"canonicals":        func(s string) { p.canonicals = append(p.canonicals, s) },
		"units":             func(s string) { p.units[strings.ToLower(s)] = true },
		"placeholders":      func(s string) { p.placeholders[s], p.noDate[yearSum(s)] = true, true },
	}
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		y := root.get(key)
		if y == nil || !c.expects(y, yamlList, key) {
			continue
		}
		for _, item := range y.items {
			if c.expects(item, yamlScalar, "an entry of "+key) {
				lists[key](item.text)
			}
		}
	}
}

// declareResources makes the rule of each resource type; its trie is compiled when it is opened.
func (c *compiler) declareResources(y *yamlNode) {
	for i, k := range y.keys {
		body := y.items[i]
		if body.kind == yamlScalar && body.text == "drop" {
			c.know(k.text)
			continue
		}
		if !c.expects(body, yamlMapping, "resource "+k.text) {
			continue
		}
		c.knowMembers(body)
		r := c.rule(k.text, k.text)
		r.members, r.extensions = make(map[string]*rule, len(body.keys)), map[string]*rule{}
		r.opening, r.text = &opening{}, &text{k.text, body, c.types, c.contexts}
		r.opening.compile = func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.object(r, body, scope{path: k.text, typePath: k.text, stack: map[string]*rule{k.text: r}})
			tabulate(r, map[*rule]bool{})
			r.opening.rules = c.rules
		}
		c.profile.resources[k.text] = r
	}
}

// openAll compiles every resource type, and looks for extensions that stand on nothing.
func (c *compiler) openAll() {
	for _, typ := range slices.Sorted(maps.Keys(c.profile.resources)) {
		c.profile.resources[typ].open()
	}
	for _, context := range slices.Sorted(maps.Keys(c.contexts)) {
		for _, e := range c.contexts[context] {
			if !c.used[context] {
				c.fault(e.node, "give a resource type, a type, or a path into one that the profile lists", "an extension stands on %s, which the profile does not list", context)
			}
		}
	}
}

// compileGlobal compiles the extensions that may stand everywhere.
func (c *compiler) compileGlobal() {
	c.used["*"] = true
	for _, e := range c.contexts["*"] {
		x := c.extensionRule(e, scope{path: "*", stack: map[string]*rule{}})
		tabulate(x, map[*rule]bool{})
		c.profile.extensions[e.url] = x
	}
}

// scope is where in the profile an element is compiled.
type scope struct {
	path     string           // from the resource: Observation.code.coding
	typePath string           // from the innermost named type: Coding.system
	stack    map[string]*rule // the named types that the path leads through
}

func (s scope) member(name string) scope {
	return scope{path: s.path + "." + name, typePath: s.typePath + "." + name, stack: s.stack}
}

func (c *compiler) rule(path, name string) *rule {
	written := &c.profile.written
	c.rules++
	return &rule{path: path, name: name, as: written.Name(name), under: written.Name("_" + name), index: c.rules - 1}
}

// element compiles one element: an action, the name of a type, or members.
func (c *compiler) element(name string, y *yamlNode, s scope) *rule {
	switch {
	case y.kind == yamlMapping:
		r := c.rule(s.path, name)
		c.object(r, y, s)
		return r
	case y.kind != yamlScalar:
		c.fault(y, "only a name that ends in [x] takes a list", "%s is an action, a type or a mapping of members, not %s", s.path, y.kind)
		return c.rule(s.path, name)
	case isAction(y.text):
		r := c.rule(s.path, name)
		a, err := parseAction(y.text)
		if err != nil {
			c.fault(y, "", "%s", err)
		}
		r.act = a
		c.attach(r, s, "")
		return r
	}
	return c.typed(name, y, s)
}

// typed compiles an element of a named type. Within itself a type is the same rule again.
func (c *compiler) typed(name string, y *yamlNode, s scope) *rule {
	def, ok := c.types[y.text]
	if !ok {
		c.fault(y, "declare it under types, or write an action: drop, keep, hash, shift, generalise, redact, replace", "unknown type %q", y.text)
		return c.rule(s.path, name)
	}
	r := c.rule(s.path, name)
	if outer := s.stack[y.text]; outer != nil {
		r.act, r.members, r.extensions = outer.act, outer.members, outer.extensions
		return r
	}
	// From here on the type is being compiled: its extensions may lead back to it.
	s.stack = maps.Clone(s.stack)
	s.stack[y.text] = r
	switch {
	case def.kind == yamlScalar && isAction(def.text):
		a, err := parseAction(def.text)
		if err != nil {
			c.fault(def, "", "%s", err)
		}
		r.act = a
		c.attach(r, s, y.text)
	case def.kind == yamlMapping:
		r.members = make(map[string]*rule, len(def.keys))
		r.extensions = map[string]*rule{}
		c.attach(r, s, y.text)
		c.object(r, def, scope{path: s.path, typePath: y.text, stack: s.stack})
	default:
		c.fault(def, "", "type %s is an action or a mapping of members", y.text)
	}
	return r
}

func (c *compiler) object(r *rule, y *yamlNode, s scope) {
	if r.members == nil {
		r.members = make(map[string]*rule, len(y.keys))
		r.extensions = map[string]*rule{}
	}
	c.attach(r, s, "")
	for i, k := range y.keys {
		if choice, ok := strings.CutSuffix(k.text, "[x]"); ok {
			c.choice(r, choice, y.items[i], s, y)
			continue
		}
		r.members[k.text] = c.element(k.text, y.items[i], s.member(k.text))
	}
}

// choice compiles value[x]: a list of types. What the mapping also lists by its full name is as it says there.
func (c *compiler) choice(r *rule, prefix string, types *yamlNode, s scope, siblings *yamlNode) {
	if !c.expects(types, yamlList, prefix+"[x]") {
		return
	}
	for _, t := range types.items {
		if t.kind != yamlScalar || t.text == "" {
			c.fault(t, "", "%s[x] is a list of type names", prefix)
			continue
		}
		name := choiceName(prefix, t.text)
		if siblings.get(name) == nil {
			r.members[name] = c.element(name, t, s.member(name))
		}
	}
}
