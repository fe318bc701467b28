package mapping_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/casetest"
	"github.com/crflink/crflink/pseudonym"
)

const badVisits = "testdata/visits-bad/"

func shown(t *testing.T, findings finding.List) string {
	t.Helper()
	var out strings.Builder
	err := findings.Render(&out, func(name string) string {
		text, err := os.ReadFile(badVisits + name)
		if err != nil {
			t.Error(err)
		}
		return string(text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEveryMistakeAboutVisitsIsShownAtItsPlace(t *testing.T) {
	m, findings := mapping.Load(os.DirFS(badVisits), "visits.yaml", dictionary(t, "testdata/visits/dictionary.yaml"))
	if m != nil {
		t.Error("a wrong mapping can be used")
	}
	golden.Equal(t, badVisits+"visits.golden", shown(t, findings))
}

func TestEveryMistakeAboutEnteredDatesIsShownAtItsPlace(t *testing.T) {
	profile, err := pseudonym.BuiltIn(pseudonym.DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	d := dictionary(t, "testdata/visits/dictionary.yaml")
	for name, options := range map[string][]mapping.Option{
		"entered":            nil,
		"entered-unreadable": {mapping.EnteredIn(false)},
		"entered-shift":      {mapping.EnteredIn(true), mapping.Behind(profile, pseudonym.Shift)},
	} {
		m, findings := mapping.Load(os.DirFS(badVisits), "entered.yaml", d, options...)
		if m != nil {
			t.Errorf("%s: a wrong mapping can be used", name)
		}
		golden.Equal(t, badVisits+name+".golden", shown(t, findings))
	}
}

func TestAMappingNamesTheCellsThatPeopleEnterAndTheEventsThatItFills(t *testing.T) {
	s := study(t, "testdata/visits")
	want := []ecrf.CellKey{
		{Event: "screening", Form: "enrolment", Item: "enrolled"}, {Event: "screening", Form: "enrolment", Item: "called"},
		{Event: "month3", Form: "visit", Item: "visit_date"},
	}
	if got := s.Mapping.Entered(); !slices.Equal(got, want) {
		t.Errorf("entered are %v", got)
	}
	if got := s.Mapping.EventsOf("lab"); !slices.Equal(got, []string{"screening", "month3", "month4"}) {
		t.Errorf("lab is filled in %v", got)
	}
	if m := s.Mapping; !m.Fills("month4", "lab.psa") || m.Fills("closing", "lab.psa") || m.Fills("month4", "lab.psb") {
		t.Error("fills")
	}
	items := s.Mapping.Items()
	if slices.Sort(items); len(slices.Compact(slices.Clone(items))) != len(items) {
		t.Errorf("an item is named twice: %v", items)
	}
}

func TestATestSaysAtWhichVisitAFormIsFilled(t *testing.T) {
	const text = `tests:
  - name: At which visit?
    as-of: 2026-09-01
    given: [{resourceType: Patient, id: p}]
    entered: {enrolment.enroled: 2024-03-01, visit@month3.visit_date: 2024-06-01}
    expect:
      lab.psa: 1
      lab@closing.psa: 1
      scans@month3.scanned: 2024-03-01
      lab: {instances: 3}
`
	_, findings := casetest.Load(fstest.MapFS{"tests.yaml": {Data: []byte(text)}}, []string{"tests.yaml"}, study(t, "testdata/visits"))
	for _, want := range []string{
		`5:15: error: no event of the mapping is entered in enrolment.enroled`, `7:7: error: form "lab" is filled in 3 events: say which`,
		`8:7: error: the mapping does not fill form "lab" in event "closing"`, `9:7: error: form "scans" repeats: say which instance`,
	} {
		if !strings.Contains(findings.Error(), want) {
			t.Errorf("%v\nlacks %s", findings, want)
		}
	}
	if len(findings) != 4 {
		t.Errorf("%d findings", len(findings))
	}
}
