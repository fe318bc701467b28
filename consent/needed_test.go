package consent

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/crflink/crflink/fhir"
)

// TestNoDecisionDependsOnFactsThatAreNotNeeded compares decisions by all Encounters with those by the needed ones, on many days.
func TestNoDecisionDependsOnFactsThatAreNotNeeded(t *testing.T) {
	days := []string{"2019-12-30", "2020-01-08", "2020-01-10", "2020-01-11", "2020-01-12", "2021-05-31", "2021-06-01", "2021-06-02", "2022-12-31", "2023-03-31", "2024-05-05", "2026-12-31", "2027-01-01"}
	shapes := []func(obj){
		func(obj) {},
		func(o obj) { o["status"] = "planned" },
		func(o obj) { delete(o, "meta") },
		func(o obj) {
			o["type"] = []any{obj{"coding": []any{obj{"system": systemLevel, "code": "abteilungskontakt"}}}}
		},
		func(o obj) { o["period"] = obj{"start": "2020-01-09T23:30:00-11:00", "end": "2020-01-12T23:00:00Z"} },
		func(o obj) { delete(child(o, "period"), "end") },
	}
	left, kept := 0, 0
	forEachPolicy(t, func(rt *rapid.T, p *Policy) {
		objs := append([]obj{patient("P1")}, drawConsents(rt, 0)...)
		for i := range rapid.IntRange(0, 5).Draw(rt, "encounters") {
			start := rapid.SampledFrom(days).Draw(rt, "start")
			end := rapid.SampledFrom(days).Draw(rt, "end")
			e := encounter(fmt.Sprintf("E%d", i+2), min(start, end), max(start, end))
			rapid.SampledFrom(shapes).Draw(rt, "shape")(e)
			objs = append(objs, e)
		}
		rec := record(t, objs...)
		some := FactsOf(rec)
		all := some
		all.Encounters = slices.Collect(rec.OfType("Encounter"))
		left, kept = left+len(all.Encounters)-len(some.Encounters), kept+len(some.Encounters)
		for _, day := range []string{"2020-06-01", "2021-06-02", "2026-01-01"} {
			at := asOf(t, day)
			if with, without := Evaluate(all, p, at), Evaluate(some, p, at); string(with.Append(nil)) != string(without.Append(nil)) {
				rt.Fatalf("%s: %s\n%s", day, with.Append(nil), without.Append(nil))
			}
		}
		reduced := fhir.NewRecord(rec.Key())
		needed := Needed(rec)
		for res := range rec.Resources() {
			if needed(res) {
				reduced.Add(res)
			}
		}
		if a, b := evidence(t, some), evidence(t, FactsOf(reduced)); a != b {
			rt.Fatalf("what is needed of the record is not all that is needed: %s\n%s", a, b)
		}
	})
	if left == 0 || kept == 0 {
		t.Errorf("%d Encounters are needed, %d are not", kept, left)
	}
}

func TestOfLinkedRecordsEveryEncounterIsNeeded(t *testing.T) {
	ward := with(encounter("E1", "2020-01-01", "2020-01-02"), "status", "planned")
	linked := with(patient("P1"), "link", []any{obj{"other": obj{"reference": "Patient/P2"}, "type": "seealso"}})
	from := record(t, patient("P1"), official(), ward)
	from.SetLinkedFrom([]fhir.Key{{Type: "Patient", ID: "P2"}})
	for name, c := range map[string]struct {
		record *fhir.Record
		want   int
	}{
		"alone":       {record(t, patient("P1"), official(), ward), 0},
		"links":       {record(t, linked, official(), ward), 1},
		"linked from": {from, 1},
	} {
		if got := len(FactsOf(c.record).Encounters); got != c.want {
			t.Errorf("%s: %d Encounters, not %d", name, got, c.want)
		}
	}
}
