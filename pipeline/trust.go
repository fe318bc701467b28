package pipeline

import (
	"github.com/crflink/crflink/internal/yamldoc"
)

// NumberSpec names a gPAS that numbers subjects.
type NumberSpec struct {
	URL, Domain, Site string
	API               string // how its operations are named; "" is found out
	Create            bool   // let it create numbers, else only enrolment does
	Auth              AuthSpec
}

// NumberAPIs are the versions of gPAS that name their operations differently.
func NumberAPIs() []string { return []string{"1.10.3", "1.10.2", "1.10.1"} }

// ConsentSpec names a gICS that keeps the consents, and how a patient is known there.
type ConsentSpec struct {
	URL, Domain, Ask string
	Person           string // system of gICS's person identifiers; "" is that of the signer id type Pseudonym
	Patient          string // system of the Patient.identifier with a person identifier's value
	PatientID        bool   // Patient.id instead
	Keep             bool   // keep the source's own Consents, too
	Auth             AuthSpec
}

// ConsentAsks are the ways to ask a gICS.
func ConsentAsks() []string { return []string{"domain", "person", "states"} }

func (l *loader) auth(v yamldoc.Value) AuthSpec {
	a := v.Fields("user", "password-env", "token-env", "ca")
	return AuthSpec{User: a["user"].Text(), PasswordEnv: a["password-env"].Text(), TokenEnv: a["token-env"].Text(), CA: l.path(a["ca"].Text())}
}

func (l *loader) gpas(v yamldoc.Value, f map[string]yamldoc.Value) {
	n := &NumberSpec{URL: l.required(v, f, "url"), Domain: l.required(v, f, "domain"), Site: f["site"].Text(), Create: f["create"].Bool(), Auth: l.auth(f["auth"])}
	if f["api"].Exists() {
		n.API = f["api"].OneOf(NumberAPIs()...)
	}
	if n.API == "1.10.1" && !n.Create {
		f["api"].Errorf("create: true, or a newer gPAS", "gPAS before 1.10.2 offers no way to read without creating")
	}
	l.study.Numbers = n
}

// consentSource reads who keeps the consents. Patients are known there as the study knows them, unless it says otherwise.
func (l *loader) consentSource(v yamldoc.Value) {
	if !v.Exists() {
		return
	}
	f := v.Fields("gics", "domain", "ask", "person-identifier", "identifier", "patient-id", "server-consents", "auth")
	c := &ConsentSpec{
		URL: l.required(v, f, "gics"), Domain: l.required(v, f, "domain"), Ask: f["ask"].OneOf(ConsentAsks()...),
		Person: f["person-identifier"].Text(), Patient: f["identifier"].Text(), PatientID: f["patient-id"].Bool(),
		Keep: f["server-consents"].OneOf("withhold", "keep") == "keep", Auth: l.auth(f["auth"]),
	}
	if c.Patient != "" && c.PatientID {
		v.Errorf("", "only one of identifier and patient-id names a patient")
	}
	if c.Patient == "" && !c.PatientID {
		c.Patient, c.PatientID = l.study.Identity.System, l.study.Identity.PatientID
	}
	l.study.Consents = c
}
