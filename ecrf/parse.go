package ecrf

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// ParseDictionary reads a dictionary file. The error is a finding.List with every mistake in it; file names the text
// in findings. Warnings do not make it an error and are returned beside the dictionary.
func ParseDictionary(file string, text []byte) (*Dictionary, finding.List, error) {
	doc := yamldoc.Parse(file, text)
	p := parser{doc: doc, d: &Dictionary{}, names: map[string]string{}}
	if doc.Findings.HasErrors() {
		return nil, nil, doc.Findings.Err()
	}
	if !doc.Root().Exists() {
		doc.Findings.Add(file, 1, 1, "a dictionary has study, version, events, codelists and forms", "the dictionary is empty")
		return nil, nil, doc.Findings.Err()
	}
	p.root(doc.Root())
	doc.Findings.Sort()
	if err := doc.Findings.Err(); err != nil {
		return nil, nil, err
	}
	p.d.index()
	return p.d, doc.Findings, nil
}

// Names must serve as REDCap variables, ODM OIDs, file names and columns: REDCap allows a-z, 0-9 and single
// underscores between them, and reserves the triple underscore for checkbox columns.
var namePattern = regexp.MustCompile(`^[a-z](_?[a-z0-9])*$`)

// Columns of our tables and of REDCap that an item's column would hide.
var reservedNames = []string{
	"subject", "site", "event", "form", "repeat", "item", "record_id",
	"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group", "redcap_survey_identifier",
}

// Files of the table target that a form's file would hide.
var reservedForms = []string{"cells", "dictionary", "codelists"}

const maxName, maxDecimals = 64, 12

// MaxText is the greatest number of characters of a text whose item gives no length.
const MaxText = 100000

type parser struct {
	doc   *yamldoc.Doc
	d     *Dictionary
	names map[string]string // item -> form
}

func (p *parser) root(v yamldoc.Value) {
	f := v.Fields("study", "version", "events", "codelists", "forms")
	p.d.Study = p.require(v, f, "study")
	if s := p.d.Study; s != "" && !studyPattern.MatchString(s) {
		f["study"].Errorf("use lower-case letters, digits and hyphens", "%q cannot name a study", s)
	}
	p.d.Version = p.require(v, f, "version")
	for _, e := range f["codelists"].Entries() {
		p.codeList(e)
	}
	for _, e := range p.list(v, f, "forms") {
		p.form(e)
	}
	for _, e := range p.list(v, f, "events") {
		p.event(e)
	}
	if !p.doc.Findings.HasErrors() {
		p.unused(f)
	}
}

var studyPattern = regexp.MustCompile(`^[a-z]([-_]?[a-z0-9])*$`)

func (p *parser) require(at yamldoc.Value, f map[string]yamldoc.Value, key string) string {
	if !f[key].Exists() {
		at.Errorf("add "+key, "%s is missing", key)
		return ""
	}
	return strings.TrimSpace(f[key].Text())
}

func (p *parser) list(at yamldoc.Value, f map[string]yamldoc.Value, key string) []yamldoc.Value {
	v := f[key]
	switch {
	case !v.Exists():
		at.Errorf("add "+key, "%s is missing", key)
		return nil
	case !v.IsList():
		v.Errorf("begin each element with a hyphen", "expected a list here")
		return nil
	case len(v.Items()) == 0:
		v.Errorf("", "%s is empty", key)
	}
	return v.Items()
}

// name reads and checks the name of an event, form or item.
func (p *parser) name(at yamldoc.Value, f map[string]yamldoc.Value, noun string) string {
	name := p.require(at, f, "name")
	if name != "" {
		p.checkName(f["name"], noun, name)
	}
	return name
}

func (p *parser) checkName(at yamldoc.Value, noun, name string) {
	if len(name) > maxName || !namePattern.MatchString(name) {
		at.Errorf(fmt.Sprintf("use a letter a-z, then a-z, 0-9 and single underscores, at most %d characters", maxName), "%q cannot name %s", name, noun)
	}
}

func (p *parser) codeList(v yamldoc.Value) {
	list := CodeList{Name: v.Key()}
	p.checkName(v, "a code list", list.Name)
	for _, e := range v.Entries() {
		if why := badCode(e.Key()); why != "" {
			e.Errorf("", "code %q %s", e.Key(), why)
		}
		list.Codes = append(list.Codes, Code{Value: e.Key(), Label: e.Text()})
	}
	if len(list.Codes) == 0 {
		v.Errorf("write each code with its label", "code list %q is empty", list.Name)
	}
	p.d.CodeLists = append(p.d.CodeLists, list)
}

func badCode(code string) string {
	switch {
	case code == "":
		return "is empty"
	case strings.TrimSpace(code) != code:
		return "begins or ends with a space"
	case strings.ContainsAny(code, "|,") || strings.ContainsFunc(code, forbidden) || strings.ContainsAny(code, "\t\n"):
		return "has a comma, a bar or a control character, which eCRF systems use as separators"
	}
	return ""
}

func (p *parser) form(v yamldoc.Value) {
	f := v.Fields("name", "label", "repeating", "items")
	form := Form{Name: p.name(v, f, "a form"), Repeating: f["repeating"].Bool()}
	form.Label = label(f, form.Name)
	if slices.Contains(reservedForms, form.Name) {
		f["name"].Errorf("choose another name; our tables use this one for themselves", "%q is a reserved name", form.Name)
	}
	if slices.ContainsFunc(p.d.Forms, func(o Form) bool { return o.Name == form.Name }) {
		v.Errorf("", "form %q is there twice", form.Name)
	}
	for _, i := range p.list(v, f, "items") {
		form.Items = append(form.Items, p.item(i, form.Name))
	}
	p.d.Forms = append(p.d.Forms, form)
}

func label(f map[string]yamldoc.Value, name string) string {
	if l := strings.TrimSpace(f["label"].Text()); l != "" {
		return l
	}
	return name
}

func (p *parser) event(v yamldoc.Value) {
	f := v.Fields("name", "label", "forms")
	event := Event{Name: p.name(v, f, "an event")}
	event.Label = label(f, event.Name)
	if slices.ContainsFunc(p.d.Events, func(o Event) bool { return o.Name == event.Name }) {
		v.Errorf("", "event %q is there twice", event.Name)
	}
	known := p.d.FormNames()
	for _, e := range p.list(v, f, "forms") {
		name := e.Text()
		switch {
		case !slices.Contains(known, name):
			e.Errorf(finding.DidYouMean(name, known), "no form is named %q", name)
		case slices.Contains(event.Forms, name):
			e.Errorf("", "form %q is in the event twice", name)
		}
		event.Forms = append(event.Forms, name)
	}
	p.d.Events = append(p.d.Events, event)
}

// unused warns of forms that no event has, and of code lists that no item uses.
func (p *parser) unused(f map[string]yamldoc.Value) {
	for _, v := range f["forms"].Items() {
		name := v.Fields("name", "label", "repeating", "items")["name"].Text()
		if name != "" && !slices.ContainsFunc(p.d.Events, func(e Event) bool { return slices.Contains(e.Forms, name) }) {
			p.warn(v, "name it in the forms of an event", "form %q is in no event, so it is never filled", name)
		}
	}
	for _, v := range f["codelists"].Entries() {
		used := func(f Form) bool {
			return slices.ContainsFunc(f.Items, func(i Item) bool { return i.CodeList == v.Key() })
		}
		if !slices.ContainsFunc(p.d.Forms, used) {
			p.warn(v, "", "no item uses code list %q", v.Key())
		}
	}
}

func (p *parser) warn(v yamldoc.Value, hint, format string, args ...any) {
	line, col := v.Pos()
	p.doc.Findings = append(p.doc.Findings, finding.Finding{
		File: p.doc.File, Line: line, Col: col, Severity: finding.Warning, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}
