package casetest_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/casetest"
)

const overlaidForms = `
study: overlaid
version: "1"
events: [{name: visit, label: V, forms: [f]}]
forms: [{name: f, label: F, items: [{name: a, label: A, type: integer}, {name: b, label: B, type: integer}]}]
`

const overlaidRules = `
study: overlaid
names: {lab: http://north.example/lab}
forms:
  f:
    a: {resource: Observation, where: "code.coding.exists(system = %lab and code = 'a')", value: value}
    b: {resource: Observation, where: "code.coding.exists(code = 'b')", value: value}
`

const overlaidTests = `
as-of: 2026-09-01
given:
  - {resourceType: Patient, id: p}
  - {resourceType: Observation, id: a, status: final, effectiveDateTime: 2026-01-01, subject: {reference: Patient/p}, code: {coding: {system: "%lab", code: a}}, valueInteger: 1}
tests:
  - name: Every laboratory's a counts
    given:
      - {resourceType: Observation, id: b, status: final, effectiveDateTime: 2026-01-01, subject: {reference: Patient/p}, code: {coding: {code: b}}, valueInteger: 2}
    expect:
      f.a: 1
      f.b: 2
`

// runOverlaid runs tests of a study whose source south has a file of its own.
func runOverlaid(t *testing.T, south, tests string) (casetest.Result, string) {
	t.Helper()
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", []byte(overlaidForms))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"mapping.yaml": {Data: []byte(overlaidRules)}, "south.yaml": {Data: []byte(south)}, "tests.yaml": {Data: []byte(tests)}}
	m, findings := mapping.Load(files, "mapping.yaml", d, mapping.LaidOver("south", "south.yaml"))
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	study := casetest.Study{Mapping: m, Dictionary: d, Zone: berlin(t), Sources: []string{"north", "south"}, Admit: admit(t)}
	cases, findings := casetest.Load(files, []string{"tests.yaml"}, study)
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	result, err := casetest.Run(t.Context(), &out, study, cases)
	if err != nil {
		t.Fatal(err)
	}
	return result, out.String()
}

func TestACaseThatNamesNoSourceHoldsForOneWithOtherNames(t *testing.T) {
	result, out := runOverlaid(t, "study: overlaid\nnames: {lab: http://south.example/lab}\n", overlaidTests)
	if result.Passed != 1 || result.Failed != 0 || result.Expectations != 4 || len(result.Unheld) > 0 {
		t.Errorf("%+v\n%s", result, out)
	}
}

func TestWhatASourcesOwnRuleChangesNeedNotHoldAndIsToldOf(t *testing.T) {
	const own = "study: overlaid\nforms: {f: {b: {where: \"code.coding.exists(code = 'B')\"}}}\n"
	result, out := runOverlaid(t, own, overlaidTests)
	if result.Passed != 1 || result.Failed != 0 || !slices.Equal(result.Unheld["south"], []string{"f.b"}) {
		t.Errorf("%+v\n%s", result, out)
	}
	if !strings.Contains(out, "warning: source south: no test that holds there expects f.b") {
		t.Error(out)
	}
	theirs := `  - name: The south calls it B
    source: south
    given:
      - {resourceType: Observation, id: b, status: final, effectiveDateTime: 2026-01-01, subject: {reference: Patient/p}, code: {coding: {code: B}}, valueInteger: 2}
    expect:
      f.b: 2
`
	result, out = runOverlaid(t, own, overlaidTests+theirs)
	if result.Passed != 2 || result.Failed != 0 || len(result.Unheld) > 0 {
		t.Errorf("%+v\n%s", result, out)
	}
	result, out = runOverlaid(t, own, overlaidTests+strings.Replace(theirs, "f.b: 2", "f.b: 3", 1))
	if result.Passed != 1 || result.Failed != 1 || !strings.Contains(out, "FAIL  The south calls it B (source south)") {
		t.Errorf("%+v\n%s", result, out)
	}
}

func TestACaseOfASourceWithoutRulesOfItsOwnIsByTheMapping(t *testing.T) {
	result, out := runOverlaid(t, "study: overlaid\nnames: {lab: http://south.example/lab}\n", overlaidTests+`  - name: The north has the mapping's names
    source: north
    expect:
      f.a: 1
      f.b: {missing: no-resource}
`)
	if result.Passed != 2 || result.Failed != 0 {
		t.Errorf("%+v\n%s", result, out)
	}
}
