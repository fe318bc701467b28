package odm

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// ErrNoMetadata means that a document defines no items: it holds data only, or is no ODM document.
var ErrNoMetadata = errors.New("the document defines no items; export the study's metadata (with MetaDataVersion)")

// ReadMetadata reads the forms that a document of ODM 1.3 or 2.0 defines, also where it breaks the schema as the exports of
// REDCap and OpenEDC do. Every ItemDef becomes an item of the draft; those that no form refers to stand in a form
// "unplaced". An item that several forms refer to becomes one item in each. language chooses among translations
// ("de"); without it the language of the document's first text is taken.
func ReadMetadata(r io.Reader, language string) (*ecrf.Draft, error) {
	root, err := readTree(r)
	if err != nil {
		return nil, err
	}
	m := &metadata{
		draft: &ecrf.Draft{}, language: language, defs: map[string]map[string]*node{}, units: map[string]*node{}, placed: map[string]bool{},
		yesNo: map[string]bool{}, repeating: map[string]bool{},
	}
	m.find(root)
	if m.version == nil || len(m.defs["ItemDef"]) == 0 {
		return nil, ErrNoMetadata
	}
	m.forms()
	m.unplaced()
	m.events()
	m.codeLists()
	if m.items > maxItems {
		return nil, fmt.Errorf("the document's forms have more than %d items", maxItems)
	}
	if len(m.otherLanguages) > 0 {
		slices.Sort(m.otherLanguages)
		m.draft.Remark(ecrf.LeftOut, strings.Join(m.otherLanguages, ", "), "texts in other languages than "+cmp.Or(m.language, "that of the first text"))
	}
	return m.draft, nil
}

// metadata reads one MetaDataVersion.
type metadata struct {
	draft          *ecrf.Draft
	language       string
	version        *node
	defs           map[string]map[string]*node // by element name and OID
	order          []*node                     // definitions in the order of the document
	units          map[string]*node
	placed         map[string]bool // OIDs of items that a form has
	yesNo          map[string]bool // code lists by OID: whether they say what a boolean says
	repeating      map[string]bool // REDCap's repeating instruments and events
	recordID       string          // REDCap's record ID field
	otherLanguages []string
	items          int // that forms have
}

// maxItems bounds the items of all forms: many forms may refer to the same many items.
const maxItems = 100_000

// find finds the MetaDataVersion that is read, which is the last, with the units and what REDCap adds.
func (m *metadata) find(n *node) {
	switch n.name {
	case "MetaDataVersion":
		if m.version != nil && len(m.version.all("ItemDef")) > 0 {
			m.draft.Remark(ecrf.LeftOut, m.version.get("OID"), "an earlier MetaDataVersion; the last of the document is read")
		}
		if m.version == nil || len(n.all("ItemDef")) > 0 {
			m.define(n)
		}
		return
	case "Study":
		m.draft.Title = cmp.Or(n.get("StudyName"), strings.TrimSpace(n.first("GlobalVariables").first("StudyName").text.String()), m.draft.Title)
	case "MeasurementUnit":
		m.units[n.get("OID")] = n
	case "RepeatingInstrument":
		m.repeating["form "+n.get("redcap:RepeatInstrument")] = true
	case "RepeatingEvent":
		m.repeating["event "+n.get("redcap:UniqueEventName")] = true
	}
	for _, c := range n.children {
		m.find(c)
	}
}

func (m *metadata) define(version *node) {
	m.version, m.order = version, nil
	m.defs = map[string]map[string]*node{}
	m.recordID = version.get("redcap:RecordIdField")
	if version.first("Include").name != "" {
		m.draft.Remark(ecrf.LeftOut, version.get("OID"), "the MetaDataVersion includes another, which is not read")
	}
	for _, c := range version.children {
		oid := c.get("OID")
		if oid == "" || !strings.HasSuffix(c.name, "Def") && c.name != "CodeList" {
			continue
		}
		if m.defs[c.name] == nil {
			m.defs[c.name] = map[string]*node{}
		}
		if m.defs[c.name][oid] != nil {
			m.draft.Remark(ecrf.LeftOut, oid, c.name+" is defined twice; the first counts")
			continue
		}
		m.defs[c.name][oid] = c
		m.order = append(m.order, c)
	}
}

// each calls f for the definitions of that element in the order of the document.
func (m *metadata) each(name string, f func(*node)) {
	for _, n := range m.order {
		if n.name == name {
			f(n)
		}
	}
}

// forms reads FormDefs (1.3), and the item groups that are forms (2.0): those of type Form, and those that nothing but an
// event refers to.
func (m *metadata) forms() {
	m.each("FormDef", func(n *node) {
		m.form(n)
	})
	if len(m.defs["FormDef"]) > 0 {
		return
	}
	inner := map[string]bool{}
	m.each("ItemGroupDef", func(n *node) {
		for _, ref := range n.all("ItemGroupRef") {
			if oid := ref.get("ItemGroupOID"); oid != n.get("OID") {
				inner[oid] = true
			}
		}
	})
	m.each("ItemGroupDef", func(n *node) {
		if n.get("Type") == "Form" || !inner[n.get("OID")] {
			m.form(n)
		}
	})
}

func (m *metadata) form(n *node) {
	oid := n.get("OID")
	f := ecrf.DraftForm{Name: oid, Want: cmp.Or(n.get("redcap:FormName"), bare(oid)), Label: m.label(n), Repeating: repeats(n)}
	f.Repeating = f.Repeating || m.repeating["form "+f.Want]
	w := &walk{metadata: m, form: &f, seen: map[string]bool{oid: true}}
	if n.name == "FormDef" {
		w.refs(n)
	} else {
		w.members(n)
	}
	m.draft.Forms = append(m.draft.Forms, f)
}

func repeats(n *node) bool {
	r := n.get("Repeating")
	return r != "" && r != "No"
}

// walk collects the items of one form.
type walk struct {
	*metadata
	form *ecrf.DraftForm
	seen map[string]bool // item groups
}

// refs follows the references of a form to its item groups.
func (w *walk) refs(n *node) {
	for _, ref := range ordered(n.all("ItemGroupRef")) {
		w.group(ref)
	}
}

func (w *walk) group(ref *node) {
	oid := ref.get("ItemGroupOID")
	def := w.defs["ItemGroupDef"][oid]
	switch {
	case def == nil:
		w.draft.Remark(ecrf.LeftOut, oid, "a reference to an item group that is not defined")
		return
	case w.seen[oid]:
		w.draft.Remark(ecrf.LeftOut, oid, "a second reference of one form to the item group")
		return
	}
	w.seen[oid] = true
	w.condition(ref, oid)
	if !repeats(def) {
		w.members(def)
		return
	}
	g := ecrf.DraftForm{Name: oid, Want: bare(oid), Label: w.label(def), Repeating: true}
	inner := &walk{metadata: w.metadata, form: &g, seen: w.seen}
	inner.members(def)
	w.form.Groups = append(w.form.Groups, g)
}

// members takes over the items and inner groups of an item group, in the order of the document.
func (w *walk) members(def *node) {
	var refs []*node
	for _, c := range def.children {
		if c.name == "ItemRef" || c.name == "ItemGroupRef" {
			refs = append(refs, c)
		}
	}
	for _, ref := range ordered(refs) {
		if ref.name == "ItemGroupRef" {
			w.group(ref)
			continue
		}
		w.itemRef(ref)
	}
}

func (w *walk) itemRef(ref *node) {
	oid := ref.get("ItemOID")
	def := w.defs["ItemDef"][oid]
	if def == nil {
		w.draft.Remark(ecrf.LeftOut, oid, "a reference to an item that is not defined")
		return
	}
	w.placed[oid] = true
	if w.items++; w.items > maxItems {
		return
	}
	it := w.item(def)
	it.Required = ref.get("Mandatory") == "Yes"
	w.condition(ref, oid)
	if method := ref.get("MethodOID"); method != "" {
		w.draft.Remark(ecrf.Look, oid, "the source fills the item with a method of its own")
	}
	w.form.Items = append(w.form.Items, it)
}

func (m *metadata) condition(ref *node, oid string) {
	if ref.get("CollectionExceptionConditionOID") != "" {
		m.draft.Remark(ecrf.LeftOut, oid, "a condition under which the source does not ask for it")
	}
}

// ordered sorts references by their order number, where all have one.
func ordered(refs []*node) []*node {
	if slices.ContainsFunc(refs, func(n *node) bool { return number(n.get("OrderNumber")) < 0 }) {
		return refs
	}
	slices.SortStableFunc(refs, func(a, b *node) int { return number(a.get("OrderNumber")) - number(b.get("OrderNumber")) })
	return refs
}

// unplaced collects the items that no form refers to.
func (m *metadata) unplaced() {
	f := ecrf.DraftForm{Name: "unplaced", Label: "Items that no form of the source refers to"}
	m.each("ItemDef", func(n *node) {
		if !m.placed[n.get("OID")] {
			f.Items = append(f.Items, m.item(n))
		}
	})
	if len(f.Items) > 0 {
		m.draft.Remark(ecrf.Look, "", fmt.Sprintf("%d items that no form refers to stand in the form unplaced", len(f.Items)))
		m.draft.Forms = append(m.draft.Forms, f)
	}
}

// events reads the events in the order of the protocol, then those that the protocol does not name.
func (m *metadata) events() {
	var all []*node
	for _, ref := range ordered(m.version.first("Protocol").all("StudyEventRef")) {
		if e := m.defs["StudyEventDef"][ref.get("StudyEventOID")]; e != nil && !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	m.each("StudyEventDef", func(n *node) {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	})
	for _, n := range all {
		m.event(n)
	}
}

func (m *metadata) event(n *node) {
	unique := n.get("redcap:UniqueEventName")
	e := ecrf.DraftEvent{Name: n.get("OID"), Want: cmp.Or(unique, bare(n.get("OID"))), Label: m.label(n), Repeating: repeats(n) || unique != "" && m.repeating["event "+unique]}
	var refs []*node
	for _, c := range n.children {
		if c.name == "FormRef" || c.name == "ItemGroupRef" {
			refs = append(refs, c)
		}
	}
	for _, ref := range ordered(refs) {
		oid := cmp.Or(ref.get("FormOID"), ref.get("ItemGroupOID"))
		form := m.formOf(oid)
		if form == "" {
			m.draft.Remark(ecrf.LeftOut, e.Name+" "+oid, "a reference of an event to a form that is not defined")
			continue
		}
		if !slices.Contains(e.Forms, form) {
			e.Forms = append(e.Forms, form)
		}
	}
	m.draft.Events = append(m.draft.Events, e)
}

// formOf is the form that an event refers to, itself or by a group within it.
func (m *metadata) formOf(oid string) string {
	for i := range m.draft.Forms {
		if m.draft.Forms[i].Name == oid {
			return oid
		}
	}
	for _, f := range m.draft.Forms {
		def := m.defs["ItemGroupDef"][f.Name]
		if def != nil && slices.ContainsFunc(def.all("ItemGroupRef"), func(ref *node) bool { return ref.get("ItemGroupOID") == oid }) {
			return f.Name
		}
	}
	return ""
}
