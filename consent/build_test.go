package consent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
)

// obj is a FHIR element under construction.
type obj = map[string]any

const (
	profileMII = "https://www.medizininformatik-initiative.de/fhir/modul-consent/StructureDefinition/mii-pr-consent-einwilligung"
	today      = "2026-09-01"
)

func asOf(t testing.TB, day string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, day+"T12:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func res(t testing.TB, o obj) *fhir.Resource {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.ReadResource(string(text), fhir.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func patient(id string) obj { return obj{"resourceType": "Patient", "id": id} }

func category(system, code string) obj {
	return obj{"coding": []any{obj{"system": system, "code": code}}}
}

// period is start..end; an empty end is left out.
func period(start, end string) obj {
	p := obj{}
	if start != "" {
		p["start"] = start
	}
	if end != "" {
		p["end"] = end
	}
	return p
}

func concept(code Code) obj {
	return obj{"coding": []any{obj{"system": code.System, "code": code.Code}}}
}

func provision(typ, start, end string, numbers ...int) obj {
	var codes []any
	for _, n := range numbers {
		codes = append(codes, concept(MII(n)))
	}
	return obj{"type": typ, "period": period(start, end), "code": codes}
}

func permit(start, end string, numbers ...int) obj {
	return provision("permit", start, end, numbers...)
}
func deny(start, end string, numbers ...int) obj { return provision("deny", start, end, numbers...) }

// consent is an MII document of patient P1 with a base deny.
func consent(id, dateTime string, provisions ...obj) obj {
	nested := []any{}
	for _, p := range provisions {
		nested = append(nested, p)
	}
	return obj{
		"resourceType": "Consent", "id": id, "status": "active", "dateTime": dateTime,
		"meta":  obj{"profile": []any{profileMII + "|2026.0.0"}},
		"scope": category("http://terminology.hl7.org/CodeSystem/consentscope", "research"),
		"category": []any{category(systemLOINC, "57016-8"),
			category("https://www.medizininformatik-initiative.de/fhir/modul-consent/CodeSystem/mii-cs-consent-consent_category", prefixDocument+"184")},
		"patient":   obj{"reference": "Patient/P1"},
		"policy":    []any{obj{"uri": "urn:oid:" + prefixDocument + "1791"}},
		"provision": obj{"type": "deny", "period": period("2020-09-01", "2050-08-31"), "provision": nested},
	}
}

func with(o obj, key string, value any) obj {
	if value == nil {
		delete(o, key)
	} else {
		o[key] = value
	}
	return o
}

// official is the consent of the MII example: collection for 5 years, use for 30, all given on 2020-09-01.
func official(more ...obj) obj {
	return consent("C1", "2020-09-01", append([]obj{
		permit("2020-09-01", "2025-08-31", 6), permit("2020-09-01", "2050-08-31", 8)}, more...)...)
}

func encounter(id, start, end string) obj {
	return obj{"resourceType": "Encounter", "id": id, "status": "finished", "meta": obj{"profile": []any{profileContact}},
		"subject": obj{"reference": "Patient/P1"}, "period": period(start, end)}
}

func observation(id string, effective any) obj {
	o := obj{"resourceType": "Observation", "id": id, "status": "final", "subject": obj{"reference": "Patient/P1"}}
	switch e := effective.(type) {
	case string:
		o["effectiveDateTime"] = e
	case obj:
		o["effectivePeriod"] = e
	}
	return o
}

// record puts resources into a record of patient P1.
func record(t testing.TB, objs ...obj) *fhir.Record {
	t.Helper()
	rec := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "P1"})
	rec.Add(res(t, patient("P1")))
	for _, o := range objs {
		rec.Add(res(t, o))
	}
	return rec
}

func policyOf(t testing.TB, yaml string) *Policy {
	t.Helper()
	p, err := Parse("policy.yaml", []byte(yaml), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// say renders a decision: outcome, reason, windows.
func say(d Decision) string {
	s := fmt.Sprintf("%s %s", d.Outcome(), d.Reason())
	for _, w := range d.Windows() {
		s += " " + span(w)
	}
	return s
}

func span(w Interval) string { return w.Start.String() + ".." + w.End.String() }

func words(windows []Interval) string {
	var s []string
	for _, w := range windows {
		s = append(s, span(w))
	}
	return strings.Join(s, " ")
}

const broad = "kind: broad-consent\n"
