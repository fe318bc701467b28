package pipeline

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/fhirpath"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// cohort reads whom the study asks for. A list is all of its parts.
func (l *loader) cohort(v yamldoc.Value) {
	if !v.Exists() {
		return
	}
	if v.IsList() {
		l.study.Cohort = &Cohort{All: l.criteria(v)}
		return
	}
	c := l.criterion(v)
	l.study.Cohort = &c
}

func (l *loader) criteria(v yamldoc.Value) []Cohort {
	all := []Cohort{}
	for _, item := range v.Items() {
		all = append(all, l.criterion(item))
	}
	if len(all) == 0 {
		v.Errorf("", "the cohort has no part here")
	}
	return all
}

func (l *loader) criterion(v yamldoc.Value) (c Cohort) {
	f := v.Fields("all", "any", "consent", "research-subject", "group", "list", "ids", "search", "patient")
	if len(f) != 1 {
		v.Errorf("one of all, any, consent, research-subject, group, list, ids, search, patient; several go under all or any", "a part of a cohort is one criterion, this has %d", len(f))
		return c
	}
	for name, x := range f {
		switch name {
		case "all":
			c.All = l.criteria(x)
		case "any":
			c.Any = l.criteria(x)
		case "consent":
			c.Policy = l.policy(x)
		case "research-subject":
			c.Subject = l.subjectCriterion(x)
		case "group", "list":
			c.Member = l.memberOf(x, map[string]string{"group": "Group", "list": "List"}[name])
		case "ids":
			c.IDs, c.File = l.idFile(x)
		case "search":
			c.Search = l.search(x)
		case "patient":
			c.Where = l.patientWhere(x)
		}
	}
	return c
}

func (l *loader) subjectCriterion(v yamldoc.Value) *SubjectCriterion {
	f := v.Fields("study", "statuses")
	c := &SubjectCriterion{Study: l.required(v, f, "study")}
	if k, ok := fhir.ParseReference(c.Study).Key(); c.Study != "" && (!ok || k.Type != "ResearchStudy" || k.String() != c.Study) {
		f["study"].Errorf("write ResearchStudy/ID", "%q is no ResearchStudy", c.Study)
	}
	for _, s := range f["statuses"].Items() {
		c.Statuses = append(c.Statuses, s.OneOf(consent.SubjectStatuses()...))
	}
	return c
}

func (l *loader) memberOf(v yamldoc.Value, typ string) fhir.Key {
	l.asksServer(v)
	k, ok := fhir.ParseReference(v.Text()).Key()
	if !ok || k.Type != typ || k.String() != v.Text() {
		v.Errorf("write "+typ+"/ID", "%q is no %s", v.Text(), typ)
	} else if l.study.Several() && !l.study.inSource(k.ID) {
		v.Errorf("write "+typ+"/ALIAS.ID, with the name of the source that has it", "%q does not say in which of the sources it is", v.Text())
	}
	return k
}

// asksServer reports a criterion that only a FHIR server can answer, where the source has files.
func (l *loader) asksServer(v yamldoc.Value) {
	for _, s := range l.study.Sources {
		const hint = "write the patients into a file and use ids, or a condition on the Patient and use patient"
		switch {
		case s.URL == "":
			v.Errorf(hint, "the source has files; a FHIR server is needed to answer this")
		case s.Export != nil:
			v.Errorf(hint, "the source is read by $export; a FHIR server that is searched is needed to answer this")
		}
	}
}

func (l *loader) idFile(v yamldoc.Value) (map[string]bool, string) {
	path := l.path(v.Text())
	text, err := os.ReadFile(path) // #nosec G304 -- a file that the study names
	if err != nil {
		v.Errorf("", "the file of ids cannot be read: %v", err)
		return map[string]bool{}, path
	}
	ids := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "Patient/")); line != "" {
			ids[line] = true
		}
	}
	if len(ids) == 0 {
		v.Errorf("one patient a line, by the study's identifier, or by Patient.id where that names patients", "the file of ids is empty")
	}
	return ids, filepath.Base(path)
}

var parameterName = regexp.MustCompile(`^[a-z][a-z0-9-]*(:[a-z-]+)?$`)

func (l *loader) search(v yamldoc.Value) *SearchCriterion {
	l.asksServer(v)
	f := v.Fields("type", "parameters")
	c := &SearchCriterion{Type: l.required(v, f, "type"), Parameters: map[string]string{}}
	if t := model.Lookup(c.Type); c.Type != "" && (t == nil || t.Kind != model.Resource || fhir.SubjectParameter(c.Type) == "") {
		f["type"].Errorf(finding.DidYouMean(c.Type, fhir.OwnedTypes()), "%q is no resource type that belongs to patients", c.Type)
	}
	for _, p := range f["parameters"].Entries() {
		name := p.Key()
		line, col := p.KeyPos()
		switch {
		case slices.Contains([]string{"patient", "subject", fhir.SubjectParameter(c.Type)}, name):
			l.doc.Findings.Add(l.doc.File, line, col, "leave it out: it is set for each patient", "%s names a patient", name)
		case !parameterName.MatchString(name):
			l.doc.Findings.Add(l.doc.File, line, col, "such as code or date; chains and controls such as _include are not for a cohort", "%q is no search parameter", name)
		case p.Text() == "":
			p.Errorf("", "the search parameter %s has no value", name)
		}
		c.Parameters[name] = p.Text()
	}
	if len(c.Parameters) == 0 {
		v.Errorf("parameters: {code: SYSTEM|CODE}", "the search has no parameters")
	}
	if l.study.beyond(c.Type) {
		v.Errorf("have it authorised", "%s is beyond the study's authorisation", c.Type)
	}
	return c
}

func (l *loader) patientWhere(v yamldoc.Value) *fhirpath.Expr {
	x, err := fhirpath.Compile(v.Text(), fhirpath.Options{Type: "Patient"})
	if err != nil {
		v.Errorf("a yes or no about the Patient, such as gender = 'male'", "%v", err)
		return nil
	}
	if t := x.Type(); len(t.Names) > 0 && !slices.Contains(t.Names, "System.Boolean") && !slices.Contains(t.Names, "boolean") {
		v.Errorf("ask with exists(), =, or in", "the condition needs a yes or no, this is %s", strings.Join(t.Names, " or "))
	}
	return x
}
