package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"path"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// Mapping is a checked and compiled mapping file. It is not changed afterwards and safe for concurrent use.
type Mapping struct {
	Version    string
	dictionary *ecrf.Dictionary
	events     []event
	forms      []form
	hash       string
	usesAsOf   bool
}

// Hash is the SHA-256 in hex of the mapping file and of the code map files it names.
func (m *Mapping) Hash() string { return m.hash }

// Load reads the mapping file of that name, checks it against the dictionary and compiles it. The list holds every
// finding, warnings too; the mapping is nil when one of them is an error.
func Load(files fs.FS, name string, dictionary *ecrf.Dictionary) (*Mapping, finding.List) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, finding.List{{File: name, Line: 1, Col: 1, Message: fmt.Sprintf("the mapping file cannot be read: %v", err)}}
	}
	doc := yamldoc.Parse(name, text)
	c := &compiler{file: readFile(doc), doc: doc, dictionary: dictionary, files: sub(files, name), sum: sha256.New()}
	c.sum.Write(text)
	m := c.compile()
	doc.Findings.Sort()
	if doc.Findings.HasErrors() {
		return nil, doc.Findings
	}
	m.hash = hex.EncodeToString(c.sum.Sum(nil))
	return m, doc.Findings
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
	m := &Mapping{Version: c.file.version, dictionary: c.dictionary}
	if c.file.study != c.dictionary.Study {
		c.file.studyAt.Errorf("both files name the same study", "the mapping is for study %q, the dictionary for %q", c.file.study, c.dictionary.Study)
	}
	c.readMaps()
	for _, e := range c.file.events {
		m.events = append(m.events, event{name: e.name, label: e.label, rule: *c.eventRule(e)})
		c.events = append(c.events, e.name)
	}
	for _, f := range c.file.forms {
		if compiled, ok := c.form(f); ok {
			m.forms = append(m.forms, compiled)
		}
	}
	c.unfilled(m)
	m.usesAsOf = c.usesAsOf
	return m
}

// compiler checks one file.
type compiler struct {
	file       file
	doc        *yamldoc.Doc
	dictionary *ecrf.Dictionary
	files      fs.FS
	sum        hash.Hash
	events     []string
	maps       map[string]*codeMap
	usesAsOf   bool
}

func (c *compiler) warn(at yamldoc.Value, message string) {
	line, col := at.Pos()
	c.doc.Findings = append(c.doc.Findings, finding.Finding{File: c.doc.File, Line: line, Col: col, Severity: finding.Warning, Message: message})
}

func (c *compiler) readMaps() {
	c.maps = map[string]*codeMap{}
	for name, v := range c.file.maps {
		c.maps[name] = readCodeMap(v, c.files)
		for _, e := range v.Entries() {
			if e.Key() != "file" {
				continue
			}
			if text, err := fs.ReadFile(c.files, e.Text()); err == nil {
				c.sum.Write(text) //nolint:errcheck // a hash takes everything
			}
		}
	}
}

func (c *compiler) eventRule(e eventSpec) *rule {
	r := &rule{id: e.name, item: &ecrf.Item{Name: e.name, Type: ecrf.Date}}
	r.selector = c.selector(e.rule)
	if e.rule.value.Exists() {
		r.value = c.expression(e.rule.value, r.types)
	} else {
		e.at.Errorf("say with value which date of the resource the event has", "the event has no value")
	}
	r.choose = c.choice(e.rule.choose)
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
			return sel
		}
	}
	sel.where = c.expression(s.where, sel.types)
	sel.date = c.expression(s.date, sel.types)
	sel.window = readWindow(s.window, c.events)
	return sel
}

func (c *compiler) form(s formSpec) (form, bool) {
	f := c.dictionary.Form(s.name)
	if f == nil {
		line, col := s.at.KeyPos()
		c.doc.Findings.Add(c.doc.File, line, col, finding.DidYouMean(s.name, c.dictionary.FormNames()), "the dictionary has no form %q", s.name)
		return form{}, false
	}
	out := form{name: s.name}
	if events := c.dictionary.EventsOf(s.name); len(events) == 1 {
		out.event = events[0]
	} else {
		s.at.Errorf("", "the form is filled in %d events of the dictionary; a mapping fills a form in exactly one", len(events))
	}
	if f.Repeating != (s.repeat != nil) {
		s.at.Errorf("a repeating form has a repeat rule, a single form has none", "form %q and its rules disagree on whether it repeats", s.name)
	}
	var types []string
	if s.repeat != nil {
		out.repeat = c.repeat(*s.repeat)
		types = out.repeat.types
	}
	for _, i := range s.items {
		if r := c.rule(s.name, f, i, types); r != nil {
			out.rules = append(out.rules, r)
		}
	}
	c.order(s, out.rules)
	return out, true
}

func (c *compiler) repeat(s ruleSpec) *repeat {
	r := &repeat{selector: c.selector(s), id: s.name}
	r.date = c.expression(s.order, r.types)
	if !s.key.Exists() {
		s.at.Errorf("say with key what names an instance for ever, for example id", "the repeat rule has no key")
	}
	r.key = c.expression(s.key, r.types)
	return r
}

// rule compiles the rule of an item. types are those of the form's repeat rule, nil for a single form.
func (c *compiler) rule(formName string, f *ecrf.Form, s ruleSpec, types []string) *rule {
	item := f.Item(s.name)
	if item == nil {
		line, col := s.at.KeyPos()
		c.doc.Findings.Add(c.doc.File, line, col, finding.DidYouMean(s.name, f.ItemNames()), "form %q has no item %q", formName, s.name)
		return nil
	}
	r := &rule{id: formName + "." + s.name, item: item, optional: s.optional.Bool()}
	if s.derive.Exists() {
		r.derive = c.derivation(s.derive, f)
		return r
	}
	if s.imaging.Exists() {
		s.imaging.OneOf("study-uid")
		r.studyUID = true
	}
	switch {
	case s.resource.Exists() && types != nil:
		s.resource.Errorf("leave resource out, or move the item to another form", "the resource of a repeating form's items is its repeat rule's")
	case types == nil:
		r.selector = c.selector(s)
		types = r.types
	}
	r.choose = c.choice(s.choose)
	r.days = c.daysRule(s.days, types)
	r.value = c.expression(s.value, types)
	c.checkSource(s, r)
	c.conversion(s, r)
	return r
}

// checkSource reports a rule that says not, or twice, what the value is.
func (c *compiler) checkSource(s ruleSpec, r *rule) {
	counts := r.choose.kind == chooseExists || r.choose.kind == chooseCount
	given := 0
	for _, is := range []bool{s.value.Exists(), s.days.Exists(), r.studyUID, counts} {
		if is {
			given++
		}
	}
	if given != 1 {
		s.at.Errorf("one of value, days, imaging, derive, or choose: exists or count", "the rule says %d times what the item's value is", given)
	}
}

func (c *compiler) choice(v yamldoc.Value) choice {
	if !v.Exists() {
		return choice{kind: chooseOnly}
	}
	if !v.IsMapping() {
		k := choiceKind(v.OneOf(choiceKinds...))
		if k == chooseNearest {
			v.Errorf("write choose: {nearest: EVENT}", "nearest needs an event")
		}
		return choice{kind: k}
	}
	nearest := v.Fields("nearest")["nearest"]
	if !contains(c.events, nearest.Text()) {
		nearest.Errorf(finding.DidYouMean(nearest.Text(), c.events), "unknown event %q", nearest.Text())
	}
	return choice{kind: chooseNearest, event: nearest.Text()}
}

// conversion checks how the source's value becomes the item's.
func (c *compiler) conversion(s ruleSpec, r *rule) {
	if s.codes.Exists() {
		name := s.codes.Text()
		m, ok := c.maps[name]
		if !ok {
			s.codes.Errorf(finding.DidYouMean(name, keys(c.maps)), "unknown code map %q", name)
		} else if list := c.dictionary.CodeList(r.item.CodeList); list != nil {
			m.checkAgainst(s.codes, name, list.Values(), c.warn)
		}
		r.codes = m
	}
	if r.item.Type != ecrf.Integer && r.item.Type != ecrf.Decimal || r.choose.kind == chooseCount || r.days != nil {
		return
	}
	r.number = &numberRule{
		unit: r.item.Unit, decimals: r.item.Decimals, limits: s.compare.OneOf("missing", "limit") == "limit", spellings: c.file.units,
	}
	if s.activity.Exists() {
		s.activity.OneOf("pet")
		r.number.petActivity = true
	}
	if s.molarMass.Exists() {
		d, _, err := apd.NewFromString(s.molarMass.Text())
		if err != nil || d.Sign() <= 0 {
			s.molarMass.Errorf("the molar mass in g/mol, for example 113.12 for creatinine", "not a molar mass")
		}
		r.number.molarMass = d
	}
}

// unfilled warns of items that no rule fills.
func (c *compiler) unfilled(m *Mapping) {
	for _, f := range c.dictionary.Forms {
		for _, item := range f.Items {
			if !slices.ContainsFunc(m.forms, func(x form) bool { return x.fills(item.Name) }) {
				c.warn(c.doc.Root(), fmt.Sprintf("no rule fills item %q of form %q", item.Name, f.Name))
			}
		}
	}
}

func (f form) fills(item string) bool {
	return slices.ContainsFunc(f.rules, func(r *rule) bool { return r.item.Name == item })
}

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	return names
}
