package gather

import (
	"slices"
	"testing"

	"github.com/crflink/crflink/fhir"
)

// indexed adds texts, each with a fullUrl or "", and resolves.
func indexed(t *testing.T, texts ...[2]string) (*Memory, []fhir.Rejected) {
	t.Helper()
	m := NewMemory(func(uint32) string { return "x" })
	for _, text := range texts {
		r, err := fhir.ReadResource(text[1], fhir.Origin{Source: "x", Position: m.Next()})
		if err != nil {
			t.Fatal(err)
		}
		if why := m.Add(r, text[0], false, 0); why != "" {
			t.Fatal(why)
		}
	}
	var rejected []fhir.Rejected
	m.Resolve(func(r fhir.Rejected) { rejected = append(rejected, r) })
	return m, rejected
}

func TestAConsentOfSeveralPatientsNamesThemAll(t *testing.T) {
	const twin = `,"identifier":[{"system":"s","value":"1"}]}`
	patients := [][2]string{
		{"", `{"resourceType":"Patient","id":"a"` + twin}, {"", `{"resourceType":"Patient","id":"b"` + twin}, {"", `{"resourceType":"Patient","id":"c"}`},
		{"", `{"resourceType":"Patient","id":"old","link":[{"type":"replaced-by","other":{"reference":"Patient/c"}}]}`},
		{"urn:uuid:1", `{"resourceType":"Patient","id":"u"}`}, {"urn:uuid:1", `{"resourceType":"Patient","id":"v"}`},
	}
	for subject, want := range map[string][]string{
		`[{"reference":"Patient/a"},{"reference":"Patient/c"}]`:                   {"a", "c"},
		`[{"reference":"Patient/a"},{"reference":"Patient/old"}]`:                 {"a", "c"},
		`[{"reference":"Patient/c"},{"identifier":{"system":"s","value":"1"}}]`:   {"a", "b", "c"},
		`{"identifier":{"system":"s","value":"1"}}`:                               {"a", "b"},
		`{"reference":"Patient?identifier=s|1"}`:                                  {"a", "b"},
		`{"reference":"urn:uuid:1"}`:                                              {"u", "v"},
		`{"reference":"urn:uuid:2"}`:                                              nil,
		`[{"reference":"Patient/a"},{"reference":"https://s.example/Patient/c"}]`: {"a", "c"},
	} {
		_, rejected := indexed(t, append(slices.Clone(patients), [2]string{"", `{"resourceType":"Consent","id":"n","patient":` + subject + `}`})...)
		var got []string
		for _, r := range rejected {
			for _, k := range append([]fhir.Key{r.Patient}, r.Others...) {
				if r.Type == "Consent" && k.ID != "" {
					got = append(got, k.ID)
				}
			}
		}
		slices.Sort(got)
		if len(rejected) != 1 || !slices.Equal(got, want) {
			t.Errorf("%s: %d rejected, of %v, want %v", subject, len(rejected), got, want)
		}
	}
}

func TestARecordKnowsWhoseLinksLeadToIt(t *testing.T) {
	link := func(id, typ, other string) [2]string {
		return [2]string{"", `{"resourceType":"Patient","id":"` + id + `","link":[{"type":"` + typ + `","other":` + other + `}]}`}
	}
	m, _ := indexed(t, [2]string{"", `{"resourceType":"Patient","id":"a","identifier":[{"system":"s","value":"1"}]}`},
		link("b", "seealso", `{"reference":"Patient/a"}`), link("c", "refer", `{"identifier":{"system":"s","value":"1"}}`),
		link("d", "replaced-by", `{"reference":"Patient/a"}`), link("e", "seealso", `{"reference":"Patient/d"}`), link("f", "seealso", `{"reference":"Patient/gone"}`))
	p, ok := m.Find("a")
	if !ok {
		t.Fatal("nobody")
	}
	record, err := m.Record(p, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range record.LinkedFrom() {
		got = append(got, k.ID)
	}
	if !slices.Equal(got, []string{"b", "c", "e"}) {
		t.Errorf("linked from %v; d is the same person", got)
	}
}
