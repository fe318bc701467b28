package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/ucum"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pseudonym"
)

// Mapping is a checked and compiled mapping file. It is not changed afterwards and safe for concurrent use.
type Mapping struct {
	Version    string
	Author     string // who wrote it, as the file says
	dictionary *ecrf.Dictionary
	events     []event
	forms      []form
	hash       string
	ruleHashes map[string]string // by form.item
	types      []string          // resource types that Fill reads, sorted
	elements   elements          // of them
	demands    demands
	usesAsOf   bool
	distinct   int                  // expressions
	names      map[string]string    // of long texts
	maps       []*codeMap           // those that rules use
	calendar   []*parameter         // days of the calendar
	across     map[string]*formRule // by form.item: items of single forms that other forms use
	overlays   []overlaid           // the mapping as it is for sources with rules of their own
}

// formRule is a rule with the rules of its form.
type formRule struct {
	form *form
	rule *rule
}

// Hash is the SHA-256 in hex of the mapping file and of the code map files it names.
func (m *Mapping) Hash() string { return m.hash }

// Option is what else a mapping is checked against.
type Option func(*compiler)

// Behind says what de-identification does before the mapping sees a resource: elements that the profile drops are
// findings, and in a study whose days are moved so is what would give the shift away.
func Behind(profile *pseudonym.Profile, dates pseudonym.DateMode) Option {
	return func(c *compiler) {
		c.profile, c.shifted = profile, dates == pseudonym.Shift || dates == pseudonym.Relative
	}
}

// Load reads the mapping file of that name, checks it against the dictionary and the options, and compiles it. The list
// holds every finding, warnings too; the mapping is nil when one of them is an error.
func Load(files fs.FS, name string, dictionary *ecrf.Dictionary, options ...Option) (*Mapping, finding.List) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, finding.List{{File: name, Line: 1, Col: 1, Message: fmt.Sprintf("the mapping file cannot be read: %v", err)}}
	}
	doc := yamldoc.Parse(name, text)
	c := newCompiler(doc, dictionary, sub(files, name), options)
	c.sum.Write(text)
	m := c.compile()
	doc.Findings.Sort()
	doc.Findings = slices.Compact(doc.Findings) // what two rules share is said once
	if doc.Findings.HasErrors() {
		return nil, doc.Findings
	}
	m.hash = hex.EncodeToString(c.sum.Sum(nil))
	m.ruleHashes = hashRules(doc.Root(), m, c.named)
	found := slices.Concat(doc.Findings, c.layOver(m, files, name, text, options))
	found.Sort()
	if found = slices.Compact(found); found.HasErrors() {
		return nil, found
	}
	return m, found
}

func newCompiler(doc *yamldoc.Doc, dictionary *ecrf.Dictionary, files fs.FS, options []Option) *compiler {
	c := &compiler{
		file: readFile(doc), doc: doc, dictionary: dictionary, files: files, sum: sha256.New(),
		types: map[string]bool{"Patient": true}, elements: elements{byType: map[string]map[string]bool{}}, demands: newDemands(), compiled: map[string]*expression{}, used: map[string]bool{},
	}
	for _, o := range options {
		o(c)
	}
	return c
}

// sub is the folder of the named file, where the files that it names lie.
func sub(files fs.FS, name string) fs.FS {
	if dir := path.Dir(name); dir != "." {
		if s, err := fs.Sub(files, dir); err == nil {
			return s
		}
	}
	return files
}

func (c *compiler) compile() *Mapping {
	m := &Mapping{Version: c.file.version, Author: strings.TrimSpace(c.file.author), dictionary: c.dictionary}
	switch {
	case c.file.study == "":
		c.doc.Root().Errorf("begin the file with study: "+c.dictionary.Study, "the mapping does not say of which study it is")
	case c.file.study != c.dictionary.Study:
		c.file.studyAt.Errorf("both files name the same study", "the mapping is for study %q, the dictionary for %q", c.file.study, c.dictionary.Study)
	}
	c.units = c.readUnits()
	c.readMaps()
	c.readLists()
	c.variables = c.parameters()
	for _, e := range c.file.events {
		compiled := event{name: e.name, label: e.label, earliest: e.earliest}
		for _, spec := range e.rules {
			compiled.rules = append(compiled.rules, c.eventRule(spec))
		}
		m.events = append(m.events, compiled)
		c.events = append(c.events, e.name)
	}
	c.readVisits()
	for _, f := range c.file.forms {
		m.forms = append(m.forms, c.form(f)...)
	}
	m.across = c.acrossForms(m.forms)
	c.unfilled()
	c.unused()
	for _, name := range slices.Sorted(maps.Keys(c.variables)) {
		m.calendar = append(m.calendar, c.file.parameters[name])
	}
	m.names = c.file.names
	for _, v := range c.file.maps {
		if c.used["map "+v.Key()] {
			m.maps = append(m.maps, c.maps[v.Key()])
		}
	}
	m.elements, m.demands = c.elements, c.demands
	m.types, m.usesAsOf, m.distinct = slices.Sorted(maps.Keys(c.types)), c.usesAsOf, len(c.compiled)
	return m
}

// compiler checks one file.
type compiler struct {
	file       file
	doc        *yamldoc.Doc
	dictionary *ecrf.Dictionary
	files      fs.FS
	overlays   []overlaid
	sum        hash.Hash
	named      []byte // what the files hold that it names
	events     []string
	maps       map[string]*codeMap
	lists      map[string]*codeSet
	visits     map[string]*visit
	variables  map[string]fhirpath.Type // days of the calendar
	profile    *pseudonym.Profile       // nil when it is not known what de-identification leaves
	entered    []string                 // form.item of dates that people enter
	readable   *bool                    // whether a target can be read; nil when that is not known
	shifted    bool                     // the subjects' days are moved
	scope      Scope                    // what the study is authorised to use; nil is everything
	crossing   []crossing               // uses of items of other forms
	visiting   bool                     // the form that is read names visits
	deriving   string                   // the item whose derivation is read
	units      map[string]string
	compiled   map[string]*expression
	types      map[string]bool // resource types that are read
	elements   elements        // that are read
	demands    demands
	usesAsOf   bool
	used       map[string]bool // names of expressions; of others with what they are: "map x", "list x"
}

func (c *compiler) warn(at yamldoc.Value, message string) { at.Warn(message) }

func (c *compiler) warnAtKey(v yamldoc.Value, message string) { v.WarnAtKey(message) }

// need returns the named part of a mapping, or a finding where the mapping stands.
func need(at yamldoc.Value, parts map[string]yamldoc.Value, name, hint string) (yamldoc.Value, bool) {
	if v, ok := parts[name]; ok && v.Exists() {
		return v, true
	}
	at.Errorf(hint, "%s is missing", name)
	return yamldoc.Value{}, false
}

func (c *compiler) readMaps() {
	c.maps = map[string]*codeMap{}
	for _, v := range c.file.maps {
		c.maps[v.Key()] = c.codeMapOf(v)
	}
}

// readUnits reads the printed units that stand for UCUM codes.
func (c *compiler) readUnits() map[string]string {
	units := map[string]string{}
	for _, e := range append(c.file.units.Entries(), c.file.ownUnits.Entries()...) {
		units[e.Key()] = e.Text()
		if err := ucum.Validate(e.Text()); err != nil {
			e.Errorf("the right side is a UCUM code, such as mg/dL", "%v", err)
		}
	}
	return units
}

func (c *compiler) eventRule(s ruleSpec) *rule {
	if s.entered.Exists() {
		return c.enteredRule(s)
	}
	r := &rule{id: s.name, at: s.place(), item: &ecrf.Item{Name: s.name, Type: ecrf.Date}}
	r.selector = c.selector(s)
	if s.value.Exists() {
		r.value = c.expression(s.value, r.types)
		c.fits(s.value, r)
	} else {
		s.at.Errorf("say with value which date of the resource the event has", "the event has no value")
	}
	r.choose = c.choice(s.choose, s.ties)
	switch k := r.choose.kind; k {
	case chooseExists, chooseCount, chooseMean, chooseList:
		s.choose.Errorf("choose first or last", "an event is a day; %s gives none", k)
	}
	return r
}

func (c *compiler) selector(s ruleSpec) selector {
	sel := selector{types: s.resource.Texts(), include: s.include.Texts()}
	if len(sel.types) == 0 {
		s.at.Errorf("say with resource which type of resource the rule reads", "the rule has no resource")
		return sel
	}
	for _, r := range s.resource.Items() {
		if t := r.Text(); !isResourceType(t) {
			r.Errorf(finding.DidYouMean(t, resourceTypes()), "%q is no resource type of FHIR R4", t)
			sel.types = nil // nothing else can be said about the rule
			continue
		}
		c.authorised(r, r.Text())
	}
	for _, t := range sel.types {
		c.types[t] = true
	}
	if sel.types != nil {
		sel.where = c.condition(s.where, sel.types)
		sel.date = c.date(s.date, sel.types)
	}
	for _, t := range sel.types {
		c.ask(t, sel.where)
	}
	sel.window = c.window(s.window)
	return sel
}
