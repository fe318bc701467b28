package casetest

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// Load reads test files. Names are slash-separated paths or globs within files; fixtures are found beside the file that
// names them. The list holds every finding in every file.
func Load(files fs.FS, names []string, study Study) ([]File, finding.List) {
	var all []File
	var findings finding.List
	for _, name := range expandGlobs(files, names, &findings) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			findings.Add(name, 1, 1, "", "the test file cannot be read: %v", err)
			continue
		}
		l := &loader{study: study, files: files, doc: yamldoc.Parse(name, text), dir: path.Dir(name)}
		all = append(all, File{Name: name, Cases: l.file()})
		l.doc.Findings.Sort()
		findings = append(findings, slices.Compact(l.doc.Findings)...)
	}
	return all, findings
}

func expandGlobs(files fs.FS, patterns []string, findings *finding.List) []string {
	var names []string
	for _, p := range patterns {
		matches, err := fs.Glob(files, p)
		if err != nil || len(matches) == 0 {
			findings.Add(p, 1, 1, "a path or a glob such as tests/*.yaml", "there is no such test file")
		}
		for _, m := range matches {
			if !slices.Contains(names, m) {
				names = append(names, m)
			}
		}
	}
	return names
}

// loader reads one test file.
type loader struct {
	study    Study
	files    fs.FS
	doc      *yamldoc.Doc
	dir      string
	shared   []given
	sharedAt yamldoc.Value
	asOf     yamldoc.Value // for cases that do not say
	subject  yamldoc.Value
	source   yamldoc.Value
	alias    string // of the source with rules of its own for which cases are read again
}

// given is a resource with the place where it was written.
type given struct {
	at  yamldoc.Value
	res *fhir.Resource
}

func (l *loader) file() []Case {
	f := l.doc.Root().Fields("study", "as-of", "subject", "source", "given", "tests")
	if s := f["study"]; s.Exists() && s.Text() != l.study.Dictionary.Study {
		s.Errorf("tests belong to one study", "the tests are for study %q, the dictionary for %q", s.Text(), l.study.Dictionary.Study)
	}
	l.asOf, l.subject, l.source = f["as-of"], f["subject"], f["source"]
	cases := l.cases(f)
	for _, alias := range l.study.Mapping.Overlays() {
		l.alias = alias
		for _, c := range l.cases(f) {
			if c.again {
				cases = append(cases, c)
			}
		}
	}
	if len(cases) == 0 {
		l.doc.Root().Errorf("tests: [{name: …, given: […], expect: {…}}]", "the file has no tests")
	}
	return cases
}

// cases reads the cases, by the names of one source.
func (l *loader) cases(f map[string]yamldoc.Value) []Case {
	l.sharedAt = f["given"]
	l.shared = l.given(l.sharedAt)
	var cases []Case
	seen := map[string]bool{}
	for _, v := range f["tests"].Items() {
		c := l.oneCase(v)
		if seen[c.Name] {
			v.Errorf("give each test a name of its own", "there are two tests of this name")
		}
		seen[c.Name] = true
		cases = append(cases, c)
	}
	return cases
}

// sourceOf reads whose the resources of a case are. One that names no source is of each.
func (l *loader) sourceOf(v yamldoc.Value) (alias string, again bool) {
	if !v.Exists() {
		return l.alias, l.alias != ""
	}
	if len(l.study.Sources) == 0 {
		v.Errorf("leave it out", "the study has one source")
		return "", false
	}
	return v.OneOf(l.study.Sources...), false
}

func (l *loader) oneCase(v yamldoc.Value) Case {
	f := v.Fields("name", "as-of", "subject", "source", "given", "fixture", "entered", "expect")
	c := Case{Name: f["name"].Text()}
	c.Line, _ = v.Pos()
	if c.Name == "" {
		v.Errorf("say in a sentence what must hold", "the test has no name")
	}
	c.asOf = l.moment(v, pick(f["as-of"], l.asOf))
	c.subject = l.patient(pick(f["subject"], l.subject))
	c.source, c.again = l.sourceOf(pick(f["source"], l.source))
	shared := l.shared
	if c.source != l.alias { // %name is the source's own
		defer func(alias string) { l.alias = alias }(l.alias)
		l.alias = c.source
		shared = l.given(l.sharedAt)
	}
	own := append(l.given(f["given"]), l.fixtures(f["fixture"])...)
	c.given = l.merge(shared, own, c.subject, v)
	c.entered = l.entered(f["entered"])
	for _, e := range f["expect"].Entries() {
		if x, ok := l.expectation(e); ok {
			c.expect = append(c.expect, x)
		}
	}
	if !f["expect"].Exists() {
		v.Errorf("expect: {form.item: value}", "the test expects nothing")
	}
	return c
}

func pick(own, shared yamldoc.Value) yamldoc.Value {
	if own.Exists() {
		return own
	}
	return shared
}

// moment reads an as-of: a day, which means its beginning in the study's zone, or an instant.
func (l *loader) moment(at, v yamldoc.Value) time.Time {
	if !v.Exists() {
		at.Errorf("as-of: 2026-09-01, in the test or at the top of the file", "the test does not say as of when it runs")
		return time.Time{}
	}
	if t, err := time.ParseInLocation(time.DateOnly, v.Text(), l.study.Zone); err == nil {
		return t
	}
	t, err := time.Parse(time.RFC3339, v.Text())
	if err != nil {
		v.Errorf("a day such as 2026-09-01 or an instant such as 2026-09-01T12:00:00+02:00", "as-of is no moment")
	}
	return t
}

// patient reads whose resources the case gives.
func (l *loader) patient(v yamldoc.Value) fhir.Key {
	if !v.Exists() {
		return fhir.Key{Type: "Patient", ID: "p"}
	}
	k, ok := fhir.ParseReference(v.Text()).Key()
	if !ok || k.Type != "Patient" {
		v.Errorf("subject: Patient/p", "the subject of a test is a patient")
	}
	return k
}

// merge puts a case's resources over the shared ones and checks whose they are.
func (l *loader) merge(shared, own []given, subject fhir.Key, at yamldoc.Value) []*fhir.Resource {
	rec := fhir.NewRecord(subject)
	seen := map[fhir.Key]bool{}
	for _, g := range own {
		if g.res.ID != "" && seen[g.res.Key()] {
			g.at.Errorf("give each resource an id of its own", "there are two resources %s/%s", g.res.Type, g.res.ID)
		}
		seen[g.res.Key()] = true
	}
	all := append(slices.Clone(shared), own...)
	for _, g := range all {
		l.checkSubject(g, subject, all)
		rec.Add(g.res)
	}
	if rec.Patient() == nil {
		at.Errorf(fmt.Sprintf("- {resourceType: Patient, id: %s}", subject.ID), "the test gives no %s/%s", subject.Type, subject.ID)
	}
	return slices.Collect(rec.Resources())
}

// checkSubject reports a resource that would be no resource of the patient.
func (l *loader) checkSubject(g given, subject fhir.Key, all []given) {
	if g.res.Type == "Patient" || fhir.BelongsToPatients(g.res.Type) != fhir.Owned {
		return
	}
	named := false
	for s := range g.res.Subject().Elements() {
		named = true
		if k, ok := fhir.ParseReference(s.Get("reference").Text()).Key(); !ok || k != subject && k.Type == "Patient" && !has(all, k) {
			g.at.Errorf("write "+subject.Type+"/"+subject.ID, "the %s belongs to another patient than the test's", g.res.Type)
		}
	}
	if !named {
		g.at.Errorf("say subject: {reference: "+subject.Type+"/"+subject.ID+"}, or patient where the type calls it so",
			"the %s does not say whose it is, so that no rule would see it", g.res.Type)
	}
}

// has reports whether a resource of the key is given: a Patient that was merged into the test's is.
func has(all []given, k fhir.Key) bool {
	return slices.ContainsFunc(all, func(g given) bool { return g.res.Key() == k })
}

func isFixtureText(name string) bool {
	return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".ndjson")
}
