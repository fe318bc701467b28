package synth

var policyNames = map[string]string{
	"6": "MDAT erheben", "7": "MDAT speichern, verarbeiten", "8": "MDAT wissenschaftlich nutzen", "19": "BIOMAT erheben",
	"20": "BIOMAT lagern verarbeiten", "22": "BIOMAT wissenschaftlich nutzen", "45": "MDAT retrospektiv speichern verarbeiten",
	"46": "MDAT retrospektiv wissenschaftlich nutzen",
}

const (
	oldConsentCategory = mii + "modul-consent/CodeSystem/mii-cs-consent-consent_category"
	newConsentCategory = mii + "modul-consent/CodeSystem/mii-cs-consent-version-modules"
	gicsProfile        = "http://fhir.de/ConsentManagement/StructureDefinition/Consent"
)

func (e *emitter) consent(f *consent) {
	w := e.w
	profile := profConsent
	if f.gics {
		profile = gicsProfile
	}
	e.begin("Consent", e.p.resourceID("Consent", f.n), &f.base, profile)
	w.plain("status", f.status)
	w.concept("scope", coding{"http://terminology.hl7.org/CodeSystem/consentscope", "research", ""})
	e.consentCategories(f)
	e.subject("patient", &f.base)
	if f.dateTime != "" {
		w.plain("dateTime", f.dateTime)
	}
	w.raw("organization", `[{"reference":"Organization/hospital"}]`)
	w.raw("policy", `[{"uri":"urn:oid:`+oidPrefix+f.policy+`"}]`)
	e.rootProvision(f)
	e.emit("Consent")
}

func (e *emitter) consentCategories(f *consent) {
	w := e.w
	system := newConsentCategory
	if f.oldCategory {
		system = oldConsentCategory
	}
	w.array("category")
	w.concept("", coding{sysLOINC, "57016-8", ""})
	w.concept("", coding{system, oidPrefix + "184", ""})
	if f.resultType != "" {
		w.concept("", coding{"http://fhir.de/ConsentManagement/CodeSystem/ResultType", f.resultType, ""})
	}
	w.endArray()
}

// rootProvision denies everything, and what is nested in it permits; ResultType policy has the one policy at the root.
func (e *emitter) rootProvision(f *consent) {
	w := e.w
	if f.root != nil {
		e.provision("provision", f.root, f.local)
		return
	}
	w.object("provision")
	w.plain("type", "deny")
	w.object("period")
	w.plain("start", f.start)
	w.end()
	w.array("provision")
	for i := range f.provisions {
		e.provision("", &f.provisions[i], f.local)
	}
	w.endArray()
	w.end()
}

func (e *emitter) provision(name string, v *provision, local bool) {
	w, system, prefix := e.w, sysPolicy, "2.16.840.1.113883.3.1937.777.24.5.3."
	if local {
		system, prefix = "https://ths-greifswald.de/fhir/CodeSystem/gics/Policy", "MDAT_"
	}
	w.object(name)
	if !v.untyped {
		w.plain("type", map[bool]string{true: "permit", false: "deny"}[v.permit])
	}
	if v.start != "" {
		w.object("period")
		w.plain("start", v.start)
		if v.end != "" {
			w.plain("end", v.end)
		}
		w.end()
	}
	w.array("code")
	for _, c := range v.codes {
		w.concept("", coding{system, prefix + c, policyNames[c]})
	}
	w.endArray()
	w.end()
}
