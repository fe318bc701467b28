package rest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
)

func coded(id, system, code string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"subject":{"reference":"Patient/a"},"code":{"coding":[{"system":%q,"code":%q}]}}`, id, system, code)
}

func psa(codes ...fhir.Coding) fhir.Wanted {
	return fhir.Wanted{}.Narrow("Observation", fhir.Narrowing{Any: []fhir.Criterion{{Parameter: "code", Element: "code", Codes: codes}}})
}

// fetched fetches patient a and lists the observations that are left when the source's excess is taken out.
func fetched(t *testing.T, s *rest.Source, wanted fhir.Wanted) []string {
	t.Helper()
	record, err := s.Fetch(t.Context(), fhir.Key{Type: "Patient", ID: "a"}, wanted, func(r fhir.Rejected) { t.Error(r) })
	if err != nil {
		t.Fatal(err)
	}
	wanted.Prune(record)
	var ids []string
	for r := range record.OfType("Observation") {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestAServerIsAskedForTheCodesOnlyAndOtherwiseForMore(t *testing.T) {
	wanted := psa(fhir.Coding{System: "http://loinc.org", Code: "2857-1"}, fhir.Coding{Code: "a,b|c"})
	const narrow, wide = `Observation?patient=a&code=http://loinc.org|2857-1,a%5C,b%5C|c&_count=2`, "Observation?patient=a&_count=2"
	both := bundle(2, "", coded("o", "http://loinc.org", "2857-1"), coded("x", "http://loinc.org", "other"))
	ignored := strings.Replace(both, `,"entry"`, `,"link":[{"relation":"self","url":"@/Observation?patient=a"}],"entry"`, 1)
	capability := `{"resourceType":"CapabilityStatement","rest":[{"resource":[{"type":"Patient"},{"type":"Observation","searchParam":[{"name":"patient"}]}]}]}`
	for name, c := range map[string]struct {
		answers map[string][]string
		asked   []string
	}{
		"a server that knows the parameter":    {map[string][]string{narrow: {bundle(1, "", coded("o", "http://loinc.org", "2857-1"))}}, []string{narrow, narrow}},
		"one that refuses it":                  {map[string][]string{narrow: {"400"}, wide: {both}}, []string{narrow, wide, wide}},
		"one whose self link is without it":    {map[string][]string{narrow: {ignored}, wide: {both}}, []string{narrow, wide, wide}},
		"one whose capabilities leave it out":  {map[string][]string{"metadata": {capability}, wide: {both}}, []string{wide, wide}},
		"one that ignores it and says no word": {map[string][]string{narrow: {both}}, []string{narrow, narrow}},
	} {
		t.Run(name, func(t *testing.T) {
			c.answers["Patient?_count=2"] = []string{bundle(1, "", patient("a"))}
			f := newFake(t, c.answers)
			s := f.source(t, rest.Options{})
			for range 2 {
				if got := fetched(t, s, wanted); !slices.Equal(got, []string{"o"}) {
					t.Errorf("got %v", got)
				}
			}
			asked := slices.DeleteFunc(f.asked, func(q string) bool { return !strings.HasPrefix(q, "Observation?") })
			if !slices.Equal(asked, c.asked) {
				t.Errorf("asked %q, want %q", asked, c.asked)
			}
		})
	}
}

func TestALongListOfCodesIsAskedForInPieces(t *testing.T) {
	answers := map[string][]string{"Patient?_count=2": {bundle(1, "", patient("a"))}}
	var codes []fhir.Coding
	for i := range 100 {
		codes = append(codes, fhir.Coding{System: "http://fhir.de/CodeSystem/bfarm/icd-10-gm", Code: fmt.Sprintf("C%02d.9", i)})
	}
	f := newFake(t, answers)
	fetched(t, f.source(t, rest.Options{}), psa(codes...))
	seen, pieces := map[string]bool{}, 0
	for _, q := range f.asked {
		_, list, ok := strings.Cut(strings.TrimSuffix(q, "&_count=2"), "&code=")
		if !ok {
			continue
		}
		if pieces++; len(q) > 2000 {
			t.Errorf("a query of %d bytes", len(q))
		}
		for code := range strings.SplitSeq(list, ",") {
			seen[code] = true
		}
	}
	if len(seen) != 100 || pieces < 2 {
		t.Errorf("asked for %d codes in %d pieces", len(seen), pieces)
	}
}

func TestWhatOnlyLeftOutResourcesReferToIsLeftOutToo(t *testing.T) {
	with := func(o, ref string) string {
		return strings.Replace(o, `"subject"`, `"device":{"reference":"`+ref+`"},"subject"`, 1)
	}
	record := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "a"})
	for _, text := range []string{
		patient("a"), with(coded("o", "s", "1"), "Device/kept"), with(coded("x", "s", "2"), "Device/gone"),
		`{"resourceType":"Device","id":"kept","owner":{"reference":"Organization/kept"}}`, `{"resourceType":"Organization","id":"kept"}`,
		`{"resourceType":"Device","id":"gone"}`, `{"resourceType":"Device","id":"own","patient":{"reference":"Patient/a"}}`,
	} {
		r, err := fhir.ReadResource(text, fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		record.Add(r)
	}
	psa(fhir.Coding{System: "s", Code: "1"}).Prune(record)
	var left []string
	for r := range record.Resources() {
		left = append(left, r.Key().String())
	}
	if got := strings.Join(left, " "); got != "Patient/a Observation/o Device/kept Organization/kept Device/own" {
		t.Errorf("left: %s", got)
	}
}
