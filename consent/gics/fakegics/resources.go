package fakegics

import "sort"

// Resources as gICS writes them, without what no client reads.

type object = map[string]any

type bundle struct {
	ResourceType string   `json:"resourceType"`
	ID           string   `json:"id,omitempty"`
	Type         string   `json:"type"`
	Total        *int     `json:"total,omitempty"`
	Entry        []object `json:"entry,omitempty"`
}

func collection() *bundle { return &bundle{ResourceType: "Bundle", Type: "collection"} }

func (b *bundle) add(id string, resource any) {
	b.Entry = append(b.Entry, object{"fullUrl": "urn:uuid:" + id, "resource": resource})
}

// bundle is the document with what belongs to it.
func (d Document) bundle() (id string, inner *bundle) {
	inner = collection()
	inner.ID = d.uuid("Bundle")
	patient := object{"reference": "Patient/" + d.patientID(), "display": "Pseudonym " + d.Person}
	identifiers := []object{{"system": d.system(), "value": d.Person}}
	inner.add(d.uuid("QR"), object{"resourceType": "QuestionnaireResponse", "id": d.uuid("QR"), "status": "completed", "subject": patient, "authored": d.When})
	inner.add(d.consentID(), d.consent(patient))
	inner.add(d.uuid("Provenance"), object{"resourceType": "Provenance", "id": d.uuid("Provenance"), "target": []object{{"reference": "Consent/" + d.consentID()}}})
	inner.add(d.patientID(), object{"resourceType": "Patient", "id": d.patientID(), "identifier": identifiers})
	inner.add(d.uuid("Person"), object{"resourceType": "Person", "id": d.uuid("Person"), "identifier": identifiers,
		"link": []object{{"target": object{"reference": "urn:uuid:" + d.patientID()}}}})
	return inner.ID, inner
}

func (d *Document) consentID() string {
	if d.ID != "" {
		return d.ID
	}
	return d.uuid("Consent")
}

func (d *Document) consent(patient object) object {
	var provisions []object
	start, end := "", ""
	for _, p := range d.Provisions {
		provisions = append(provisions, p.provision())
		start, end = p.Start, max(end, p.End)
	}
	uri := d.URI
	if uri == "" {
		uri = "urn:oid:2.16.840.1.113883.3.1937.777.24.2.184"
	}
	c := consent(d.consentID(), "document", patient, d.When, uri)
	c["provision"] = object{"type": "deny", "period": object{"start": start, "end": end}, "provision": provisions}
	return c
}

func consent(id, result string, patient object, when, uri string) object {
	category := func(system, code string) object {
		return object{"coding": []object{{"system": system, "code": code}}}
	}
	return object{
		"resourceType": "Consent", "id": id, "status": "active", "patient": patient, "dateTime": when, "policy": []object{{"uri": uri}},
		"scope": category("http://terminology.hl7.org/CodeSystem/consentscope", "research"),
		"category": []object{category("http://loinc.org", "57016-8"),
			category("https://www.medizininformatik-initiative.de/fhir/modul-consent/CodeSystem/mii-cs-consent-consent_category", "2.16.840.1.113883.3.1937.777.24.2.184"),
			category("http://fhir.de/ConsentManagement/CodeSystem/ResultType", result)},
	}
}

func (p *Provision) provision() object {
	return object{"type": p.Type, "period": object{"start": p.Start, "end": p.End}, "code": []object{
		{"coding": []object{{"system": "https://ths-greifswald.de/fhir/CodeSystem/gics/Policy", "code": p.Name}}},
		{"coding": []object{{"system": "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3", "code": p.Code}}},
	}}
}

type state struct {
	id      string
	consent object
}

// states are the persons' youngest answers to each policy.
func states(documents []Document) []state {
	sort.SliceStable(documents, func(i, j int) bool { return documents[i].When < documents[j].When })
	current := map[string]state{}
	for _, d := range documents {
		for _, p := range d.Provisions {
			id := d.uuid("State " + p.Code)
			c := consent(id, "policy", object{"reference": "Patient/" + d.patientID(), "display": "Pseudonym " + d.Person}, d.When, "urn:uuid:"+d.uuid("Policy"))
			c["provision"] = p.provision()
			current[p.Code] = state{id, c}
		}
	}
	codes := make([]string, 0, len(current))
	for code := range current {
		codes = append(codes, code)
	}
	sort.Strings(codes)
	all := make([]state, 0, len(codes))
	for _, code := range codes {
		all = append(all, current[code])
	}
	return all
}
