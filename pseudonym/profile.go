package pseudonym

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
)

//go:embed profiles/mii-default.yaml
var miiDefault []byte

// miiDefaultJSON is the same document, which is read in a hundredth of the time. `go test ./pseudonym -update` writes it.
//
//go:embed profiles/mii-default.json
var miiDefaultJSON string

// DefaultProfile is the name of the built-in profile for the MII core data set.
const DefaultProfile = "mii-default"

// Profile is a compiled allow-list: per resource type a trie of elements with what happens to each. What it says never changes,
// and it is safe for concurrent use. The tries of the built-in one are compiled when somebody asks for them: a study reads a few of its types.
type Profile struct {
	name, version, hash string

	resources    map[string]*rule
	extensions   map[string]*rule  // such as may stand on every element
	names        map[string]string // element names that a report may print
	systems      map[string]string // identifier systems that stay
	canonicals   []string          // beginnings of canonical URLs that stay
	units        map[string]bool   // words of printed units, in lower case
	placeholders map[string]bool   // dates that stand for none
	noDate       [256]bool         // the sums of the first bytes of these
	written      fhir.Names        // the names of elements, as they are written
	as           commonNames       // some of them
	table        *memberTable      // extensions, for the walk
}

// commonNames are names that are written whatever the profile lists.
type commonNames struct{ resourceType, contained, extension, modifierExtension, url fhir.Name }

func commonOf(n *fhir.Names) commonNames {
	return commonNames{n.Name("resourceType"), n.Name("contained"), n.Name("extension"), n.Name("modifierExtension"), n.Name("url")}
}

// rule is a node of the trie: what happens to one element.
type rule struct {
	path       string
	name       string    // the element's name in its parent
	as, under  fhir.Name // name and "_" + name, as they are written
	index      int
	act        action
	members    map[string]*rule // of an object; nil for a primitive
	table      *memberTable     // members, for the walk
	extensions map[string]*rule // allowed here, by URL
	allowed    *memberTable     // extensions, for the walk
	url        string           // of an extension
	opening    *opening         // of a resource type; nil where everything is compiled
	text       *text            // of a resource type of which everything is compiled that is written
}

// opening compiles the trie of a resource type once.
type opening struct {
	once    sync.Once
	compile func()
	rules   int // more than the index of any rule in it
}

// open returns the rule of a resource type with its trie.
func (r *rule) open() *rule {
	if r.opening != nil {
		r.opening.once.Do(r.opening.compile)
	}
	return r
}

func (r *rule) isObject() bool { return r.members != nil }

// BuiltIn returns the profile of a built-in name.
func BuiltIn(name string) (*Profile, error) {
	if name != DefaultProfile {
		return nil, fmt.Errorf("de-identification profile: there is none built in of this name; use %s or give a file", DefaultProfile)
	}
	return compiledDefault()
}

// compiledDefault compiles once what does not change: a program that runs studies every night asks each time.
var compiledDefault = sync.OnceValues(func() (*Profile, error) {
	root, err := parseJSON(miiDefaultJSON)
	if err != nil {
		return nil, err
	}
	return compileProfile(source{file: DefaultProfile, text: miiDefault, root: root}, false)
})

// source is the text of a profile and what was read from it; the root is nil where there is nothing to read.
type source struct {
	file  string
	text  []byte
	root  *yamlNode
	found finding.List
}

// ParseProfile reads a profile. The error is a finding.List with every fault and its place.
func ParseProfile(file string, src []byte) (*Profile, error) {
	root, found := parseYAML(file, src)
	return compileProfile(source{file, src, root, found}, true)
}

// compileProfile compiles the tries of all resource types at once, or leaves each until it is opened: then faults in it go unseen.
func compileProfile(s source, whole bool) (*Profile, error) {
	c, found := newCompiler(), s.found
	if s.root != nil {
		c.document(s.root)
	}
	if whole {
		c.openAll()
	}
	for _, p := range c.problems {
		found.Add(s.file, p.line, p.col, p.hint, "%s", p.text)
	}
	found.Sort()
	if err := found.Err(); err != nil {
		return nil, err
	}
	c.profile.as, c.profile.table = commonOf(&c.profile.written), newMemberTable(c.profile.extensions)
	sum := sha256.Sum256(s.text)
	c.profile.hash = hex.EncodeToString(sum[:])
	return c.profile, nil
}

// Name returns the profile's name.
func (p *Profile) Name() string { return p.name }

// Version returns the profile's version.
func (p *Profile) Version() string { return p.version }

// Hash returns the SHA-256 of the profile's text, for the hash of a run's inputs.
func (p *Profile) Hash() string { return p.hash }

// Action says what the profile does with an element, such as "Observation.code.coding.code", as it is written in a
// profile: "keep code", "shift", or "drop" for what it does not list. An element with members is "keep".
func (p *Profile) Action(path string) string {
	if t, names := p.textOf(path); t != nil {
		return t.action(names)
	}
	r := p.find(path)
	switch {
	case r == nil:
		return "drop"
	case r.isObject():
		return "keep"
	}
	return r.act.String()
}

// Extension says whether an extension of the URL may stand on the element at path.
func (p *Profile) Extension(path, url string) bool {
	if t, names := p.textOf(path); t != nil {
		may, listed := t.extension(names, url)
		return listed && (may || p.extensions[url] != nil)
	}
	r := p.find(path)
	return r != nil && (r.extensions[url] != nil || p.extensions[url] != nil)
}

// textOf returns what is written of the resource type at the beginning of a path, nil where it is not all that counts, and the rest of
// the path.
func (p *Profile) textOf(path string) (t *text, names []string) {
	typ, rest, nested := strings.Cut(path, ".")
	if r := p.resources[typ]; r != nil {
		t = r.text
	}
	if nested {
		names = strings.Split(rest, ".")
	}
	return t, names
}

// isPlaceholder reports whether a text begins as a date that stands for none. Most dates are told from those by a sum.
func (p *Profile) isPlaceholder(s string) bool {
	s = s[:min(len(s), len("2006-01-02"))]
	return p.noDate[yearSum(s)] && p.placeholders[s]
}

// yearSum tells most years apart.
func yearSum(s string) byte {
	if len(s) < len("2006") {
		return 0
	}
	return s[0]<<5 + s[1]*37 + s[2]*10 + s[3]
}

func (p *Profile) find(path string) *rule {
	typ, rest, nested := strings.Cut(path, ".")
	r := p.resources[typ]
	if r != nil {
		r.open()
	}
	for nested && r != nil {
		var name string
		name, rest, nested = strings.Cut(rest, ".")
		r = r.members[name]
	}
	return r
}
