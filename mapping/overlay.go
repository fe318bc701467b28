package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// LaidOver lays a file with rules of one source's own over the mapping: what it says holds for resources of that source, and the
// mapping for all others. The file has the mapping's form; it is named like the mapping file and lies beside it or below.
func LaidOver(alias, name string) Option {
	return func(c *compiler) { c.overlays = append(c.overlays, overlaid{alias: alias, name: name}) }
}

// overlaid is a mapping as it is for one source.
type overlaid struct {
	alias, name string
	mapping     *Mapping
	own         map[string]bool // by form.item: the file says something that the rule can see
}

// Overlays returns the sources that have rules of their own, by alias.
func (m *Mapping) Overlays() []string {
	var aliases []string
	for _, o := range m.overlays {
		aliases = append(aliases, o.alias)
	}
	return aliases
}

// NamesOf returns the names as they are for a source: its own, and those of the mapping besides.
func (m *Mapping) NamesOf(alias string) map[string]string {
	if o := m.overlayOf(alias); o != nil {
		return o.mapping.Names()
	}
	return m.Names()
}

// OwnRule reports whether a source's file says something that the rule of form.item can see.
func (m *Mapping) OwnRule(alias, id string) bool {
	o := m.overlayOf(alias)
	return o != nil && o.own[id]
}

func (m *Mapping) overlayOf(alias string) *overlaid {
	for i := range m.overlays {
		if m.overlays[i].alias == alias {
			return &m.overlays[i]
		}
	}
	return nil
}

// ofAllSources are the parts of a rule that no source has for itself: they are about all candidates together.
var ofAllSources = []string{"choose", "ties", "qualifier", "optional", "days", "derive"}

// layOver compiles the mapping for each source that has a file of its own.
func (c *compiler) layOver(m *Mapping, all fs.FS, name string, text []byte, options []Option) finding.List {
	var found finding.List
	for _, o := range c.overlays {
		own, err := fs.ReadFile(all, o.name)
		if err != nil {
			found = append(found, finding.Finding{File: o.name, Line: 1, Col: 1, Message: fmt.Sprintf("the mapping file of source %s cannot be read: %v", o.alias, err)})
			continue
		}
		base, doc := yamldoc.Parse(name, text), yamldoc.Parse(o.name, own)
		over := newCompiler(base, c.dictionary, sub(all, name), options)
		over.overlays = nil
		over.file.lay(doc)
		over.sum.Write(text)
		over.sum.Write(own)
		o.mapping = over.compile()
		o.mapping.hash = hex.EncodeToString(over.sum.Sum(nil))
		o.mapping.ruleHashes = hashRules(doc.Root(), o.mapping, over.named) // what the mapping says of them is in its own
		o.own = map[string]bool{}
		for id, without := range hashRules(yamldoc.Parse(o.name, nil).Root(), o.mapping, over.named) {
			o.own[id] = o.mapping.ruleHashes[id] != without
		}
		for _, f := range base.Findings {
			if f.Severity != finding.Warning && !slices.Contains(c.doc.Findings, f) {
				f.Message += fmt.Sprintf(" (with what source %s has of its own)", o.alias)
				found = append(found, f)
			}
		}
		found = append(found, doc.Findings...)
		m.join(o)
	}
	return found
}

// lay takes up what the file of a source says.
func (f *file) lay(doc *yamldoc.Doc) {
	top := doc.Root().Fields(topParts...)
	if visits := top["visits"]; visits.Exists() {
		visits.Errorf("say it in the mapping", "visits are those of all sources")
	}
	if study := top["study"]; study.Text() != f.study {
		study.Errorf("both files name the same study", "the mapping is for study %q, this file for %q", f.study, study.Text())
	}
	maps.Copy(f.names, texts(top["names"]))
	maps.Copy(f.parameters, readParameters(top["parameters"]))
	for _, e := range top["expressions"].Entries() {
		f.expressions[e.Key()] = e
	}
	f.ownUnits = top["units"]
	f.lists, f.maps = replaced(f.lists, top["lists"].Entries()), replaced(f.maps, top["maps"].Entries())
	for _, e := range top["events"].Entries() {
		f.layEvent(e)
	}
	for _, e := range top["forms"].Entries() {
		f.layForm(e)
	}
}

// replaced puts values in the place of those of the same key, and others at the end.
func replaced(all, with []yamldoc.Value) []yamldoc.Value {
	out := slices.Clone(all)
	for _, v := range with {
		if i := slices.IndexFunc(out, func(o yamldoc.Value) bool { return o.Key() == v.Key() }); i >= 0 {
			out[i] = v
			continue
		}
		out = append(out, v)
	}
	return out
}

// layEvent puts a source's own parts into the rule of an event, or its own rules in the place of as many.
func (f *file) layEvent(e yamldoc.Value) {
	i := slices.IndexFunc(f.events, func(s eventSpec) bool { return s.name == e.Key() })
	if i < 0 {
		e.ErrorAtKey(finding.DidYouMean(e.Key(), eventNames(f.events)), "the mapping has no event %q", e.Key())
		return
	}
	own, was := readEvent(e), f.events[i]
	switch {
	case len(own.rules) != len(was.rules):
		e.ErrorAtKey("a source's own rules take the place of as many", "the mapping has %d rules of event %s, this file %d", len(was.rules), e.Key(), len(own.rules))
		return
	case own.label != "":
		e.Errorf("leave it out", "the label is that of the mapping")
	}
	rules := slices.Clone(was.rules)
	for j, r := range own.rules {
		rules[j] = rules[j].laid(r)
	}
	f.events[i].rules = rules
}

func eventNames(all []eventSpec) []string {
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = e.name
	}
	return names
}

// layForm puts a source's own rules into a form.
func (f *file) layForm(v yamldoc.Value) {
	i := slices.IndexFunc(f.forms, func(s formSpec) bool { return s.name == v.Key() })
	if i < 0 {
		var names []string
		for _, s := range f.forms {
			names = append(names, s.name)
		}
		v.ErrorAtKey(finding.DidYouMean(v.Key(), names), "the mapping has no form %q", v.Key())
		return
	}
	own, form := readForm(v), f.forms[i]
	for _, at := range []yamldoc.Value{own.visits, own.ties} {
		if at.Exists() {
			at.Errorf("leave it out", "%s is that of the mapping", at.Key())
		}
	}
	if own.repeat != nil {
		if form.repeat == nil {
			own.repeat.at.Errorf("leave it out", "form %s does not repeat", v.Key())
			return
		}
		r := form.repeat.laid(*own.repeat)
		form.repeat = &r
	}
	items := slices.Clone(form.items)
	for _, r := range own.items {
		j := slices.IndexFunc(items, func(s ruleSpec) bool { return s.name == r.name })
		switch {
		case j >= 0:
			for _, name := range ofAllSources {
				if part := r.parts[name]; part.Exists() {
					part.Errorf("say it in the mapping", "%s is not a source's own: it is about the resources of all sources together", name)
				}
			}
			items[j] = items[j].laid(r)
		case r.derive.Exists():
			r.derive.Errorf("say it in the mapping", "a derived item is not a source's own")
		default:
			items = append(items, r)
		}
	}
	form.items = items
	f.forms[i] = form
}

// laid returns a rule with the parts that another says.
func (s ruleSpec) laid(own ruleSpec) ruleSpec {
	for _, part := range []struct{ to, from *yamldoc.Value }{
		{&s.resource, &own.resource}, {&s.where, &own.where}, {&s.value, &own.value}, {&s.date, &own.date}, {&s.key, &own.key}, {&s.order, &own.order},
		{&s.codes, &own.codes}, {&s.molarMass, &own.molarMass}, {&s.factor, &own.factor}, {&s.activity, &own.activity}, {&s.compare, &own.compare},
		{&s.window, &own.window}, {&s.imaging, &own.imaging}, {&s.include, &own.include},
	} {
		if part.from.Exists() {
			*part.to = *part.from
		}
	}
	s.own = own.at.Place()
	s.parts = maps.Clone(s.parts)
	for name, v := range own.parts {
		s.parts[name] = v
	}
	return s
}

// join takes up the mapping as it is for one source: what it reads, and its rules beside those of the same items.
func (m *Mapping) join(o overlaid) {
	own := o.mapping
	m.overlays = append(m.overlays, o)
	sum := sha256.Sum256([]byte(m.hash + o.alias + own.hash))
	m.hash = hex.EncodeToString(sum[:])
	for id, hash := range own.ruleHashes {
		sum := sha256.Sum256([]byte(m.ruleHashes[id] + o.alias + hash))
		m.ruleHashes[id] = hex.EncodeToString(sum[:])
	}
	m.types = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(m.types), own.types...))))
	m.elements.join(own.elements)
	m.demands.join(own.demands)
	m.usesAsOf = m.usesAsOf || own.usesAsOf
	for _, c := range own.maps {
		if !slices.Contains(m.maps, c) {
			m.maps = append(m.maps, c)
		}
	}
	for i := range m.events {
		j := slices.IndexFunc(own.events, func(e event) bool { return e.name == m.events[i].name })
		for k, r := range m.events[i].rules {
			r.vary(o.alias, own.events[j].rules[k])
		}
	}
	for i := range m.forms {
		f := &m.forms[i]
		j := slices.IndexFunc(own.forms, func(x form) bool { return x.name == f.name && x.event == f.event })
		if j >= 0 {
			f.join(o.alias, &own.forms[j])
		}
	}
}

func (f *form) join(alias string, own *form) {
	if f.repeat != nil && own.repeat != nil {
		if f.repeat.variants == nil {
			f.repeat.variants = map[string]*repeat{}
		}
		f.repeat.variants[alias] = own.repeat
	}
	for _, r := range own.rules {
		i := slices.IndexFunc(f.rules, func(x *rule) bool { return x.id == r.id })
		if i < 0 { // of this source only
			added := *r
			added.nowhere, added.variants = true, nil
			f.rules = append(slices.Clip(f.rules), &added)
			i = len(f.rules) - 1
		}
		f.rules[i].vary(alias, r)
	}
}

// vary notes the rule as it is for resources of one source. Rules that read no resources are the same for all.
func (r *rule) vary(alias string, own *rule) {
	if r.derive.exists() || r.of != "" || r.entered != nil {
		return
	}
	if r.variants == nil {
		r.variants = map[string]*rule{}
	}
	r.variants[alias] = own
}

// forSource is the rule for resources of a source.
func (r *rule) forSource(alias string) *rule {
	if own := r.variants[alias]; own != nil {
		return own
	}
	return r
}

func (e *elements) join(o elements) {
	e.all = e.all || o.all
	for typ, names := range o.byType {
		for name := range names {
			e.add(typ, name)
		}
	}
}

func (d *demands) join(o demands) {
	for typ, asked := range o.asked {
		d.asked[typ] = append(slices.Clip(d.asked[typ]), asked...)
	}
	maps.Copy(d.followed, o.followed)
	maps.Copy(d.unlimited, o.unlimited)
	d.anywhere = d.anywhere || o.anywhere
}

// split gives the resources of sources with rules of their own to runs of their own.
func (r *run) split(m *Mapping, in Input) {
	if len(m.overlays) == 0 {
		return
	}
	r.sub = map[string]*run{}
	for _, o := range m.overlays {
		part := newRun(o.mapping, in)
		for typ, all := range part.byType {
			part.byType[typ] = slices.DeleteFunc(slices.Clone(all), func(res *fhir.Resource) bool { return res.Origin.Alias != o.alias })
			r.byType[typ] = slices.DeleteFunc(slices.Clone(r.byType[typ]), func(res *fhir.Resource) bool { return res.Origin.Alias == o.alias })
		}
		r.sub[o.alias] = part
	}
}

// ofSource returns the run over the resources of a source with rules of its own, nil for other sources.
func (r *run) ofSource(alias string) *run {
	part := r.sub[alias]
	if part != nil {
		part.days, part.event, part.at = r.days, r.event, r.at
	}
	return part
}

// everywhere returns the candidates of all sources, each by the source's own rule.
func (r *run) everywhere(rule *rule) ([]candidate, ecrf.MissingReason, error) {
	var all []candidate
	reason := ecrf.NoResource
	if !rule.nowhere {
		var err error
		if all, reason, err = r.candidates(&rule.selector); err != nil || len(r.sub) == 0 {
			return all, reason, err
		}
		all = slices.Clone(all)
	}
	return r.elsewhere(all, reason, func(alias string) *selector {
		if own := rule.variants[alias]; own != nil {
			return &own.selector
		}
		return nil
	})
}

// elsewhere adds the candidates of sources with selections of their own.
func (r *run) elsewhere(all []candidate, reason ecrf.MissingReason, of func(alias string) *selector) ([]candidate, ecrf.MissingReason, error) {
	for _, o := range r.mapping.overlays {
		s := of(o.alias)
		if s == nil {
			continue
		}
		more, why, err := r.ofSource(o.alias).candidates(s)
		if err != nil {
			return nil, "", err
		}
		for _, c := range more {
			c.alias = o.alias
			all = append(all, c)
		}
		reason = later(reason, cmp.Or(why, ecrf.NoResource))
	}
	if len(all) > 0 {
		reason = ""
	}
	return all, reason, nil
}
