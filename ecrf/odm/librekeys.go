package odm

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/crflink/crflink/ecrf"
)

// libreStudy is what an export of LibreClinica or OpenClinica 3 says of its study: the OIDs under which it takes data.
type libreStudy struct {
	study, version string
	slots          map[[2]string]*libreForm // by our event and form
	subjects       map[string]*libreSubject // by study number
	problems       []string
}

// libreForm is a version of a form in an event.
type libreForm struct {
	event     string
	repeating bool // the event
	form      string
	items     map[string]libreItem // by our names
}

// libreItem is an item in its group.
type libreItem struct {
	oid, group, dataType string
	length               int
	repeating            bool            // the group
	codes                map[string]bool // nil where it has no list
}

// libreSubject is a subject that the system has, and the events in which it takes nothing.
type libreSubject struct {
	oid    string
	closed map[string]bool
	held   map[librePlace]string // values that are there; of events that repeat the first
}

// librePlace is where a value of a subject stands. Versions of a form share their items.
type librePlace struct{ event, group, key, item string }

func (f *libreForm) place(item libreItem, key string) librePlace {
	return librePlace{f.event, item.group, key, item.oid}
}

// readLibre reads an export that holds the study's metadata and its subjects.
func readLibre(path string, d *ecrf.Dictionary) (*libreStudy, error) {
	f, err := os.Open(path) // #nosec G304 -- the export that the study names
	if err != nil {
		return nil, errors.New("the export of LibreClinica cannot be opened; download one with metadata and all subjects")
	}
	defer func() { _ = f.Close() }() // read only
	root, err := readTree(f)
	if err != nil {
		return nil, fmt.Errorf("the export of LibreClinica: %w", err)
	}
	l := &libreStudy{slots: map[[2]string]*libreForm{}, subjects: map[string]*libreSubject{}}
	if err := l.metadata(root.first("ODM"), d); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if err := l.readSubjects(f); err != nil {
		return nil, fmt.Errorf("the export of LibreClinica: %w", err)
	}
	return l, nil
}

func (l *libreStudy) metadata(root *node, d *ecrf.Dictionary) error {
	for _, study := range root.all("Study") {
		for _, v := range study.all("MetaDataVersion") {
			if len(v.all("StudyEventDef")) > 0 && l.study == "" {
				l.study, l.version = study.get("OID"), v.get("OID")
				(&libreReader{libreStudy: l, version: v, dictionary: d}).read()
			}
		}
	}
	if l.study == "" {
		return errors.New("the export of LibreClinica has no events; download one with the study's metadata")
	}
	return nil
}

// libreReader finds the OIDs of one MetaDataVersion by names.
type libreReader struct {
	*libreStudy
	version    *node
	dictionary *ecrf.Dictionary
}

func (r *libreReader) problem(format string, args ...any) {
	if p := fmt.Sprintf(format, args...); !slices.Contains(r.problems, p) {
		r.problems = append(r.problems, p)
	}
}

func (r *libreReader) defined(element, oid string) *node {
	for _, n := range r.version.all(element) {
		if n.get("OID") == oid {
			return n
		}
	}
	return &node{}
}

func (r *libreReader) read() {
	for _, e := range r.dictionary.Events {
		event := r.event(e)
		if event == nil {
			r.problem("LibreClinica has no event that is called as %s; its forms are left out", e.Name)
			continue
		}
		for _, name := range e.Forms {
			form := r.dictionary.Form(name)
			def := r.form(event, form)
			if def == nil {
				r.problem("LibreClinica has in event %s no form that is called as %s; it is left out", event.get("OID"), name)
				continue
			}
			r.slots[[2]string{e.Name, name}] = &libreForm{event: event.get("OID"), repeating: event.get("Repeating") == "Yes", form: def.get("OID"), items: r.items(def, form)}
		}
	}
}

func (r *libreReader) event(e ecrf.Event) *node {
	for _, n := range r.version.all("StudyEventDef") {
		if same(n.get("Name"), e.Name, e.Label) {
			return n
		}
	}
	return nil
}

// same reports whether a name is one of ours; upper and lower case are the same.
func same(name string, ours ...string) bool {
	return slices.ContainsFunc(ours, func(o string) bool { return strings.EqualFold(strings.TrimSpace(name), o) })
}

// form finds the version of a form that the event uses: the one that is marked as usual, or the only one. The name of a
// version is that of the form, a dash, and the version's.
func (r *libreReader) form(event *node, form *ecrf.Form) *node {
	var versions []*node
	for _, ref := range event.all("FormRef") {
		def := r.defined("FormDef", ref.get("FormOID"))
		name := def.get("Name")
		if i := strings.LastIndex(name, " - "); i > 0 && !same(name, form.Name, form.Label) {
			name = name[:i]
		}
		if same(name, form.Name, form.Label) {
			versions = append(versions, def)
		}
	}
	if i := slices.IndexFunc(versions, func(v *node) bool { return usual(v, event.get("OID")) }); i >= 0 {
		return versions[i]
	}
	switch len(versions) {
	case 0:
		return nil
	case 1:
		return versions[0]
	}
	r.problem("LibreClinica has several versions of form %s, and none is marked as the usual one", form.Name)
	return nil
}

func usual(version *node, event string) bool {
	return slices.ContainsFunc(version.first("FormDetails").all("PresentInEventDefinition"), func(p *node) bool {
		return p.get("StudyEventOID") == event && p.get("IsDefaultVersion") == "Yes"
	})
}

func (r *libreReader) items(def *node, form *ecrf.Form) map[string]libreItem {
	found := map[string]libreItem{}
	for _, ref := range def.all("ItemGroupRef") {
		group := r.defined("ItemGroupDef", ref.get("ItemGroupOID"))
		for _, itemRef := range group.all("ItemRef") {
			it := r.defined("ItemDef", itemRef.get("ItemOID"))
			if ours := ourName(form, it.get("Name")); ours != "" {
				found[ours] = libreItem{
					oid: it.get("OID"), group: group.get("OID"), repeating: group.get("Repeating") == "Yes", dataType: it.get("DataType"),
					length: number(it.get("Length")), codes: r.codes(it.first("CodeListRef").get("CodeListOID")),
				}
			}
		}
	}
	for _, name := range form.ItemNames() {
		if _, ok := found[name]; !ok {
			r.problem("LibreClinica has in form %s no item that is called as %s; it is left out", def.get("OID"), name)
		} else if form.Repeating && !found[name].repeating {
			r.problem("item %s belongs to a repeating form, and to a group of LibreClinica that does not repeat; it is left out", name)
			delete(found, name)
		}
	}
	return found
}

func ourName(form *ecrf.Form, name string) string {
	for _, ours := range form.ItemNames() {
		if same(name, ours) {
			return ours
		}
	}
	return ""
}

func (r *libreReader) codes(list string) map[string]bool {
	if list == "" {
		return nil
	}
	codes := map[string]bool{}
	for _, c := range r.defined("CodeList", list).children {
		if value := c.get("CodedValue"); value != "" {
			codes[value] = true
		}
	}
	return codes
}

// closedStates are those of events in which LibreClinica takes no data, and refuses a whole file for them.
var closedStates = []string{"locked", "signed", "stopped", "skipped", "invalid", "removed", "auto-removed"}

// readSubjects reads the OIDs under which the system has the subjects, by their labels.
func (l *libreStudy) readSubjects(r io.Reader) error {
	d := xml.NewDecoder(r)
	d.CharsetReader = charset
	d.Strict = false
	var subject *libreSubject
	var at librePlace
	first := true // instance of the event
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("its subjects are not readable as XML")
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "SubjectData":
			subject = &libreSubject{oid: attribute(e, "SubjectKey"), closed: map[string]bool{}, held: map[librePlace]string{}}
			l.subjects[cmp.Or(attribute(e, "StudySubjectID"), attribute(e, "StudySubjectId"))] = subject
		case "ItemGroupData":
			at.group, at.key = attribute(e, "ItemGroupOID"), cmp.Or(attribute(e, "ItemGroupRepeatKey"), "1")
		case "ItemData":
			if value := attribute(e, "Value"); subject != nil && value != "" && first {
				at.item = attribute(e, "ItemOID")
				subject.held[at] = value
			}
		case "StudyEventData":
			at.event, first = attribute(e, "StudyEventOID"), cmp.Or(attribute(e, "StudyEventRepeatKey"), "1") == "1"
			if subject != nil && slices.Contains(closedStates, strings.ToLower(attribute(e, "Status"))) {
				subject.closed[attribute(e, "StudyEventOID")] = true
			}
		}
	}
}

func attribute(e xml.StartElement, local string) string {
	for _, a := range e.Attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}
