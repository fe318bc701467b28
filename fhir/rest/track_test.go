package rest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
)

// TestAPeerTellsWhoWasTouched asks an independent server, whose resources are as old as the server is.
func TestAPeerTellsWhoWasTouched(t *testing.T) {
	s, err := rest.New(rest.Options{PageSize: 5, Batch: 4, Wire: wire.Options{Base: shared.Peer(t, shared.Dir(t, "data", "mii-kds-testdata", "resources"))}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	quiet := func(fhir.Rejected) {}
	moments, err := s.Moment(t.Context())
	now := moments[s.Name()].At
	if err != nil || moments[s.Name()].Identity == "" || now.IsZero() {
		t.Fatalf("%v, %v", moments, err)
	}
	wanted := fhir.WantTypes("Observation", "Condition", "Procedure").Narrow("Observation", fhir.Narrowing{Any: []fhir.Criterion{
		{Parameter: "category", Element: "category", Codes: []fhir.Coding{{Code: "laboratory"}}},
	}})
	var prints []fhir.Footprint
	found := 0
	for facts, err := range s.Subjects(t.Context(), quiet) {
		if err != nil {
			t.Fatal(err)
		}
		record, err := s.Fetch(t.Context(), facts.Key(), wanted, quiet)
		if err != nil {
			t.Fatal(err)
		}
		prints = append(prints, fhir.Footprint{Patient: facts.Key(), Found: record.Found()})
		for _, n := range record.Found() {
			found += n
		}
	}
	if found == 0 {
		t.Fatal("nothing was found")
	}
	touched := func(since time.Time) map[fhir.Key]bool {
		t.Helper()
		got, err := s.Touched(t.Context(), prints, wanted, map[string]time.Time{s.Name(): since})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := touched(now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("%d of %d patients are touched although nothing changed", len(got), len(prints))
	}
	if got := touched(now.Add(-1000 * 24 * time.Hour)); len(got) == 0 {
		t.Error("nobody is touched since long before the server began")
	}
	lost := prints[3]
	lost.Found["Condition"]++
	if got := touched(now.Add(time.Hour)); len(got) != 1 || !got[lost.Patient] {
		t.Errorf("one patient has lost a resource, touched are %d", len(got))
	}
	delete(lost.Found, "Procedure")
	lost.Found["Condition"]--
	if got := touched(now.Add(time.Hour)); len(got) != 1 || !got[lost.Patient] {
		t.Errorf("one patient was searched otherwise, touched are %d", len(got))
	}
}

func TestAServerThatCannotTellWhatChangedIsNotTrusted(t *testing.T) {
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	const asked, slim = "Observation?patient=a&_lastUpdated=ge2026-11-01T00:00:00.000Z&_count=2", "Observation?patient=a&_lastUpdated=ge2026-11-01T00:00:00.000Z&_elements=id,subject&_count=2"
	ignored := strings.Replace(bundle(1, "", observation("o", "a")), `,"entry"`, `,"link":[{"relation":"self","url":"@/Observation?patient=a"}],"entry"`, 1)
	none, one := bundle(0, ""), bundle(1, "", observation("o", "a"))
	for name, c := range map[string]struct {
		answers   map[string][]string
		untracked bool
		touched   int
	}{
		"refuses _lastUpdated":           {map[string][]string{slim: {"400"}, asked: {"400"}}, true, 0},
		"ignores it":                     {map[string][]string{slim: {ignored}, asked: {ignored}}, true, 0},
		"ignores it without a word":      {map[string][]string{slim: {one}}, false, 1},
		"refuses _elements only":         {map[string][]string{slim: {"400"}, asked: {none}, "Observation?patient=a&_summary=count": {bundle(1, "")}}, false, 0},
		"does not count":                 {map[string][]string{slim: {none}, "Observation?patient=a&_summary=count": {bundle(-1, "")}}, true, 0},
		"tells of one more":              {map[string][]string{slim: {one}}, false, 1},
		"has one less":                   {map[string][]string{slim: {none}, "Observation?patient=a&_summary=count": {bundle(0, "")}}, false, 1},
		"tells of one of nobody's":       {map[string][]string{slim: {bundle(1, "", `{"resourceType":"Observation","id":"o"}`)}}, true, 0},
		"has the same and tells nothing": {map[string][]string{slim: {none}, "Observation?patient=a&_summary=count": {bundle(1, "")}}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.answers["Patient?_count=2"] = []string{bundle(1, "", patient("a"))}
			s := newFake(t, c.answers).source(t, rest.Options{})
			print := fhir.Footprint{Patient: fhir.Key{Type: "Patient", ID: "a"}, Found: map[string]int{"Observation": 1}}
			touched, err := s.Touched(t.Context(), []fhir.Footprint{print}, fhir.WantTypes("Observation"), map[string]time.Time{s.Name(): since})
			if errors.Is(err, fhir.ErrUntracked) != c.untracked || err != nil && !c.untracked || len(touched) != c.touched {
				t.Errorf("touched %v, %v", touched, err)
			}
		})
	}
}
