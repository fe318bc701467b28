package mapping_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping"
)

const hashedMapping = `study: registry
version: "1"
author: anna
maps:
  sex: {male: "1", female: "2"}
events:
  index: {resource: ImagingStudy, value: started, choose: first}
forms:
  base:
    sex: {resource: Patient, value: gender, map: sex}
    birth_year: {resource: Patient, value: "birthDate.toString().substring(0, 4).toInteger()"}
    doubled: {derive: {expression: "%birth_year * 2"}}
`

func hashedDictionary(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	d, findings, err := ecrf.ParseDictionary("d.yaml", []byte(`study: registry
version: "1"
events: [{name: baseline, label: Baseline, forms: [base]}]
codelists: {sex: {"1": Male, "2": Female}}
forms:
  - name: base
    items:
      - {name: sex, type: choice, codelist: sex}
      - {name: birth_year, type: integer}
      - {name: doubled, type: integer}
`))
	if err != nil {
		t.Fatal(err, findings)
	}
	return d
}

// changedRules loads a mapping before and after a replacement and returns the items whose rule is another one.
func changedRules(t *testing.T, old, now string) []string {
	t.Helper()
	d := hashedDictionary(t)
	load := func(text string) map[string]string {
		m, findings := mapping.Load(fstest.MapFS{"m.yaml": {Data: []byte(text)}}, "m.yaml", d)
		if m == nil {
			t.Fatal(findings)
		}
		return m.RuleHashes()
	}
	if !strings.Contains(hashedMapping, old) {
		t.Fatalf("the mapping has no %q", old)
	}
	before, after := load(hashedMapping), load(strings.Replace(hashedMapping, old, now, 1))
	var changed []string
	for id := range before {
		if before[id] != after[id] {
			changed = append(changed, id)
		}
	}
	slices.Sort(changed)
	return changed
}

func TestARuleHasAnotherHashWhenWhatItGivesMayBeAnother(t *testing.T) {
	all := []string{"base.birth_year", "base.doubled", "base.sex"}
	for name, c := range map[string]struct {
		old, now string
		want     []string
	}{
		"the item's own rule":              {"value: gender", "value: 'gender.first()'", []string{"base.sex"}},
		"an item that another is made of":  {"substring(0, 4)", "substring(0, 3)", []string{"base.birth_year", "base.doubled"}},
		"a code map":                       {`female: "2"`, `female: "1"`, all},
		"an event":                         {"choose: first", "choose: last", all},
		"a comment":                        {"forms:", "# about the forms\nforms:", nil},
		"spacing":                          {"{resource: Patient, value: gender, map: sex}", "{resource: Patient,   value: gender, map: sex}", nil},
		"the author and the version":       {"version: \"1\"\nauthor: anna", "version: \"2\"\nauthor: bert", nil},
		"the item's rule written in lines": {"{resource: Patient, value: gender, map: sex}", "\n      resource: Patient\n      value: gender\n      map: sex", nil},
	} {
		if got := changedRules(t, c.old, c.now); !slices.Equal(got, c.want) {
			t.Errorf("%s: changed are %v, not %v", name, got, c.want)
		}
	}
}
