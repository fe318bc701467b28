package mapping_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/mapping"
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
	golden(t, badVisits+"visits.golden", shown(t, findings))
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
		golden(t, badVisits+name+".golden", shown(t, findings))
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
