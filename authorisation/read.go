package authorisation

import (
	"strings"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/model"
	"github.com/crflink/crflink/internal/agefile"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// Read reads the authorisation of a study file, and returns with it the places where outputs are named: whether there are
// such outputs is for the caller to say. What is wrong becomes findings of the file. A value that does not exist gives nil.
func Read(v yamldoc.Value) (a *Authorisation, outputs []yamldoc.Value) {
	if !v.Exists() {
		return nil, nil
	}
	f := v.Fields("approvals", "recipients", "modules", "elements", "valid-until", "erase-by")
	a = &Authorisation{ValidUntil: day(v, f, "valid-until"), EraseBy: day(v, f, "erase-by")}
	if a.EraseBy < a.ValidUntil {
		f["erase-by"].Errorf("data are erased after their use has ended", "erase-by lies before valid-until")
	}
	for _, item := range f["approvals"].Items() {
		a.Approvals = append(a.Approvals, approval(item))
	}
	if len(a.Approvals) == 0 {
		v.Errorf("approvals: [{body: use-and-access, number: NUMBER}, {body: ethics, number: NUMBER}]", "the authorisation names no approval")
	}
	for _, item := range f["recipients"].Items() {
		r, named := recipient(item)
		a.Recipients, outputs = append(a.Recipients, r), append(outputs, named...)
	}
	if len(a.Recipients) == 0 {
		v.Errorf("recipients: [{name: NAME, outputs: [TARGET]}]", "the authorisation names no recipient")
	}
	a.Scope = scope(v, f["modules"], f["elements"])
	return a, outputs
}

func day(at yamldoc.Value, fields map[string]yamldoc.Value, name string) fhir.Day {
	v, ok := fields[name]
	if !ok || !v.Exists() {
		at.Errorf("add "+name+": YYYY-MM-DD", "%s is missing", name)
		return fhir.LastDay
	}
	d, err := fhir.ParseDay(v.Text())
	if err != nil {
		v.Errorf("write YYYY-MM-DD", "%q is not a date", v.Text())
		return fhir.LastDay
	}
	return d
}

func approval(v yamldoc.Value) Approval {
	f := v.Fields("body", "number")
	a := Approval{Body: f["body"].OneOf(Bodies()...), Number: f["number"].Text()}
	if !f["body"].Exists() {
		v.Errorf("body: "+strings.Join(Bodies(), " or "), "the approval does not say who gave it")
	}
	if a.Number == "" {
		v.Errorf("number: the file number of the decision", "the approval has no number")
	}
	return a
}

func recipient(v yamldoc.Value) (Recipient, []yamldoc.Value) {
	f := v.Fields("name", "contact", "outputs", "age")
	r := Recipient{Name: f["name"].Text(), Contact: f["contact"].Text(), Outputs: f["outputs"].Texts(), Age: f["age"].Texts()}
	for _, key := range f["age"].Items() {
		if err := agefile.Check(key.Text()); err != nil {
			key.Errorf("age: age1…, the public key that age-keygen prints", "the recipient's key cannot be used: %v", err)
		}
	}
	if r.Name == "" {
		v.Errorf("name: the person or institution", "the recipient has no name")
	}
	if len(r.Outputs) == 0 {
		v.Errorf("outputs: names of targets, or imaging", "nothing says what the recipient receives")
	}
	return r, f["outputs"].Items()
}

// scope reads modules and elements. What is not said is not permitted; where neither is said, everything would be: that is
// for a person to write down.
func scope(at, modulesAt, elementsAt yamldoc.Value) *Scope {
	s := &Scope{elements: map[string][]string{}}
	for _, item := range modulesAt.Items() {
		name := strings.ToLower(item.Text())
		types := TypesOf(name)
		if types == nil {
			item.Errorf(finding.DidYouMean(name, Modules()), "%q is no module of the MII core data set", item.Text())
		}
		s.Modules = append(s.Modules, name)
		for _, t := range types {
			s.allow(t, "")
		}
	}
	for _, item := range elementsAt.Items() {
		s.element(item)
	}
	if !modulesAt.Exists() && !elementsAt.Exists() {
		at.Errorf("modules: [diagnose, labor], elements: [Observation.valueQuantity, Patient.gender]", "nothing says which data the study may use")
	}
	return s
}

// element permits a resource type or an element of one.
func (s *Scope) element(v yamldoc.Value) {
	typ, element, _ := strings.Cut(v.Text(), ".")
	t := model.Lookup(typ)
	if t == nil || t.Kind != model.Resource || t.Abstract {
		v.Errorf(finding.DidYouMean(typ, resourceTypes()), "%q is no resource type of FHIR R4", typ)
		return
	}
	if element != "" && !known(t, strings.Split(element, ".")) {
		v.Errorf("write the path as in JSON or in FHIRPath, such as Observation.valueQuantity or Observation.value[x]", "%s has no element %s", typ, element)
		return
	}
	if strings.HasPrefix(element, "code.") && typ == "Condition" {
		v.Errorf("permit Condition.code", "a diagnosis is read with its certainty, which stands in an extension of its code")
		return
	}
	s.allow(typ, element)
}

// known reports whether the path leads through elements of the type.
func known(t *model.Type, path []string) bool {
	for _, name := range path {
		if t == nil {
			return false
		}
		plain := strings.TrimSuffix(name, "[x]")
		m := choiceType(t, name)
		if e := t.Element(plain); e != nil && e.Choice {
			t = nil // what is in a choice is named by its type: valueQuantity.unit
			continue
		} else if e != nil && plain != name {
			return false
		}
		if m.typ == nil && m.choice == "" {
			return false
		}
		t = m.typ
	}
	return true
}

func resourceTypes() []string {
	var names []string
	for _, t := range model.All() {
		if t.Kind == model.Resource && !t.Abstract {
			names = append(names, t.Name)
		}
	}
	return names
}
