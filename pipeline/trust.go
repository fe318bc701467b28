package pipeline

import (
	"fmt"

	"github.com/crflink/crflink/internal/yamldoc"
)

// NumberSpec names a service that numbers subjects.
type NumberSpec struct {
	From      string // gpas, mainzelliste or vfps
	URL, Site string
	Create    bool // let it create numbers, else only enrolment does
	Auth      AuthSpec

	Domain string // of a gPAS
	API    string // how a gPAS names its operations; "" is found out

	IdentifierType, NumberType string // ID types of a Mainzelliste: of the patient's identifier, and of the study's number
	KeyEnv                     string // environment variable of a Mainzelliste's API key

	Namespace string // of a vfps
}

// setup is what of the service has a say in who is who.
func (n *NumberSpec) setup() string {
	switch n.From {
	case "mainzelliste":
		return fmt.Sprintf("mainzelliste %q %q %q", n.IdentifierType, n.NumberType, n.Site)
	case "vfps":
		return fmt.Sprintf("vfps %q %q", n.Namespace, n.Site)
	}
	return fmt.Sprintf("gpas %q %q", n.Domain, n.Site)
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

// numberService reads a service that numbers subjects.
func (l *loader) numberService(from string, v yamldoc.Value, f map[string]yamldoc.Value) {
	n := &NumberSpec{From: from, URL: l.required(v, f, "url"), Site: f["site"].Text(), Create: f["create"].Bool(), Auth: l.auth(f["auth"], f["url"])}
	switch from {
	case "gpas":
		l.gpas(n, v, f)
	case "mainzelliste":
		n.IdentifierType, n.NumberType, n.KeyEnv = l.required(v, f, "identifier-type"), l.required(v, f, "number-type"), f["key-env"].Text()
		if n.KeyEnv == "" && n.Auth.Token.IsZero() && n.Auth.OAuth == nil {
			v.Errorf("key-env: NAME of the environment variable with the API key", "a Mainzelliste wants an API key or a bearer token")
		}
		if n.IdentifierType != "" && n.IdentifierType == n.NumberType {
			f["number-type"].Errorf("", "the study's number needs an ID type of its own")
		}
	case "vfps":
		n.Namespace = l.required(v, f, "namespace")
	}
	l.foreign(from, f)
	l.study.Numbers = n
}

// serviceKeys are the keys that belong to one service.
var serviceKeys = map[string]string{
	"domain": "gpas", "api": "gpas", "identifier-type": "mainzelliste", "number-type": "mainzelliste", "key-env": "mainzelliste", "namespace": "vfps",
}

// foreign finds keys of other services.
func (l *loader) foreign(from string, f map[string]yamldoc.Value) {
	for key, owner := range serviceKeys {
		if v := f[key]; v.Exists() && owner != from {
			v.Errorf("", "%s belongs to from: %s", key, owner)
		}
	}
}

func (l *loader) gpas(n *NumberSpec, v yamldoc.Value, f map[string]yamldoc.Value) {
	n.Domain = l.required(v, f, "domain")
	if f["api"].Exists() {
		n.API = f["api"].OneOf(NumberAPIs()...)
	}
	if n.API == "1.10.1" && !n.Create {
		f["api"].Errorf("create: true, or a newer gPAS", "gPAS before 1.10.2 offers no way to read without creating")
	}
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
		Keep: f["server-consents"].OneOf("withhold", "keep") == "keep", Auth: l.auth(f["auth"], f["gics"]),
	}
	if c.Patient != "" && c.PatientID {
		v.Errorf("", "only one of identifier and patient-id names a patient")
	}
	if c.Patient == "" && !c.PatientID {
		c.Patient, c.PatientID = l.study.Identity.System, l.study.Identity.PatientID
	}
	l.study.Consents = c
}
