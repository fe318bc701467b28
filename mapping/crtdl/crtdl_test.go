package crtdl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/crtdl"
	"github.com/crflink/crflink/pseudonym"
)

var names = crtdl.Names{"loinc": "http://loinc.org", "icd": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "psa_labor": "taken"}

func seeds(t *testing.T, file string) *crtdl.Seeds {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	request, err := crtdl.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	s, err := request.Seeds(names)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestARequestGivesConditionsAndRules(t *testing.T) {
	var b strings.Builder
	s := seeds(t, "testdata/request.json")
	for _, part := range []struct {
		word string
		all  []string
	}{{"parameters", s.Parameters}, {"lists", s.Lists}, {"expressions", s.Expressions}} {
		fmt.Fprintf(&b, "%s:\n", part.word)
		for _, line := range part.all {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	for _, seed := range s.Seeds {
		fmt.Fprintf(&b, "\n%s\n", seed.Title)
		for _, r := range seed.Remarks {
			fmt.Fprintf(&b, "  %s\n", r)
		}
		for _, r := range seed.Rules {
			fmt.Fprintf(&b, "  %s %t %q\n    fits %s\n    %s\n", r.Attribute, r.MustHave, r.Note, strings.Join(r.Fits, ", "), r.Text)
		}
	}
	golden.Equal(t, "testdata/request.golden", b.String())
}

// Every rule, for an item of every type that it is said to fit, is a mapping without an error.
func TestEveryRuleLintsWithoutAnError(t *testing.T) {
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	const forms = "study: s\nversion: '1'\nevents: [{name: e, forms: [f]}]\ncodelists: {l: {a: a}}\nforms: [{name: f, items: [{name: i, type: %s%s}]}]\n"
	s := seeds(t, "testdata/request.json")
	head := fmt.Sprintf("study: s\nversion: '1'\nnames: {loinc: %q, icd: %q}\nmaps: {m: {a: a}}\n", names["loinc"], names["icd"])
	for word, all := range map[string][]string{"parameters": s.Parameters, "lists": s.Lists, "expressions": s.Expressions} {
		head += word + ":\n  " + strings.Join(all, "\n  ") + "\n"
	}
	rules := 0
	for _, seed := range s.Seeds {
		for _, r := range seed.Rules {
			for _, fits := range r.Fits {
				rules++
				list, text := "", r.Text
				if fits == string(ecrf.Choice) {
					list, text = ", codelist: l", strings.TrimSuffix(text, "}")+", map: m}"
				}
				d, _, err := ecrf.ParseDictionary("dictionary.yaml", fmt.Appendf(nil, forms, fits, list))
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "mapping.yaml"), []byte(head+"forms:\n  f:\n    i: "+text+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				if m, findings := mapping.Load(os.DirFS(dir), "mapping.yaml", d, mapping.Behind(profile, pseudonym.None)); m == nil {
					t.Errorf("%s for %s: %v", r.Attribute, fits, findings)
				}
			}
		}
	}
	if rules < 40 {
		t.Errorf("only %d rules", rules)
	}
}

func TestARequestWithinTheCohortIsReadToo(t *testing.T) {
	request, err := crtdl.Read(strings.NewReader(`{"cohortDefinition": {"dataExtraction": {"attributeGroups": [{"attributes": [{"attributeRef": "Observation.code"}]}]}}}`))
	if err != nil || len(request.Groups) != 1 || request.Groups[0].Type != "Observation" {
		t.Errorf("%+v, %v", request, err)
	}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":   "read the CRTDL",
		"[]": "read the CRTDL",
		"{}": "no dataExtraction",
		`{"dataExtraction": {"attributeGroups": []}}`:                                                                                         "no dataExtraction",
		`{"dataExtraction": {"attributeGroups": [{"attributes": []}]}}`:                                                                       "group 1: no attribute names",
		`{"dataExtraction": {"attributeGroups": [{"attributes": [{"attributeRef": "labCode"}]}]}}`:                                            "group 1: no attribute names",
		`{"dataExtraction": {"attributeGroups": [{"attributes": [{"attributeRef": "Patient.gender"}, {"attributeRef": "Condition.code"}]}]}}`: "of Patient and of Condition",
	} {
		if _, err := crtdl.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// Texts of a request are data: whatever stands in them stays within its comment, text or list.
func TestNoTextOfARequestBreaksOut(t *testing.T) {
	const nasty = "a'b\\\"c\\n# x: {y}\\u2028\\u0007 ]} \\\\"
	text := `{"dataExtraction": {"attributeGroups": [{"name": "` + nasty + `", "groupReference": "` + nasty + `", "attributes": [{"attributeRef": "Observation.value[x]:` + nasty + `"}, {"attributeRef": "Observation.code"}],
		"filter": [{"type": "token", "name": "code", "codes": [{"system": "` + nasty + `", "code": "` + nasty + `", "display": "` + nasty + `"}]},
		{"type": "token", "name": "` + nasty + `", "codes": [{"code": "` + nasty + `"}]}, {"type": "date", "name": "date", "start": "` + nasty + `"},
		{"type": "token", "name": "category", "codes": [{"code": "1` + nasty + `"}, {"code": "2"}, {"code": "3"}, {"code": "4"}, {"code": "5"}]}]}]}}`
	request, err := crtdl.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := request.Seeds(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Seeds[0].Rules) != 2 || len(s.Expressions) != 1 || len(s.Lists) != 1 {
		t.Errorf("%+v", s)
	}
	all := append(append([]string{s.Seeds[0].Title}, s.Seeds[0].Remarks...), append(s.Lists, s.Expressions...)...)
	for _, r := range s.Seeds[0].Rules {
		all = append(all, r.Attribute, r.Note, r.Text)
	}
	for _, line := range all {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x2028 }) {
			t.Errorf("%q holds a line break", line)
		}
	}
}

func FuzzEveryRequestGivesPiecesWithoutAnError(f *testing.F) {
	for _, text := range []string{
		`[{"name": "Laboratory", "attributes": [{"attributeRef": "Observation.value[x]:valueQuantity"}, {"attributeRef": "Observation.code.coding:loinc"}], "filter": [{"type": "token", "name": "code", "codes": [{"system": "s", "code": "c"}]}]}]`,
		`[{"groupReference": "x/Diagnose", "attributes": [{"attributeRef": "Condition.recordedDate"}], "filter": [{"type": "date", "name": "recorded-date", "start": "2020", "end": "2021-02"}]}]`,
		`[{"attributes": [{"attributeRef": "Patient.gender"}], "filter": [{"type": "token", "name": "gender", "codes": [{"code": "male"}]}]}]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, groups string) {
		request, err := crtdl.Read(strings.NewReader(`{"dataExtraction": {"attributeGroups": ` + groups + `}}`))
		if err != nil {
			return
		}
		if _, err := request.Seeds(names); err != nil {
			t.Error(err)
		}
	})
}
