package mapping_test

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/mapping/casetest"
	"github.com/crflink/crflink/pseudonym"
)

// traced is what the traces of many cases had in them.
type traced struct {
	reasons map[ecrf.MissingReason]bool
	fates   map[mapping.Fate]bool
	changes map[string]bool
	chosen  map[string]bool
	cells   int
}

// TestATraceEndsInTheCell traces every item in every case of the rules of docs/semantics.md, and holds each trace
// against what Fill gives without one.
func TestATraceEndsInTheCell(t *testing.T) {
	seen := &traced{map[ecrf.MissingReason]bool{}, map[mapping.Fate]bool{}, map[string]bool{}, map[string]bool{}, 0}
	further := write(t, furtherRules, furtherCases)
	for dir, pattern := range map[string]string{"testdata/rules": "*.yaml", "testdata/language": "*.yaml", "testdata/visits": "*.yaml", exampleStudy: "tests/*.yaml", further: "*.yaml"} {
		traceCases(t, dir, pattern, seen)
	}
	elsewhere := []ecrf.MissingReason{ecrf.NoConsent, ecrf.Suppressed} // are said by consent and by disclosure control
	for _, r := range ecrf.MissingReasons() {
		if !slices.Contains(elsewhere, r) && !strings.HasPrefix(string(r), ecrf.AbsentPrefix) && !seen.reasons[r] {
			t.Errorf("no case ends in %s", r)
		}
	}
	for _, f := range mapping.Fates() {
		if !seen.fates[f] {
			t.Errorf("no resource of any case is %s", f)
		}
	}
	for _, c := range mapping.Changes() {
		if !seen.changes[c] {
			t.Errorf("no value of any case meets the change %s", c)
		}
	}
	for _, tie := range []string{"; on the same instant the smaller text", "; of equal distance the earlier", "; of equal values the first",
		"; of equal distance the later", "; of equal values the last", "and candidates that tie differ", " with a value"} {
		found := false
		for by := range seen.chosen {
			found = found || strings.HasSuffix(by, tie)
		}
		if !found {
			t.Errorf("no case is decided by %q", tie)
		}
	}
	if seen.cells < 1000 {
		t.Errorf("%d cells", seen.cells)
	}
}

// everyStudy is linkage that finds one UID everywhere.
func everyStudy(fhir.Key) (string, bool) { return "2.25.1", true }

// What the cases elsewhere do not meet: a text where a number is wanted, a code map of numbers, a resource without the
// date that the rule counts by, two resources of one instance.
const furtherRules = `
events:
  scan: {resource: Observation, where: "code.text.empty() and code.coding.code = 'scan'", value: effective, choose: first}
maps:
  heavy: {scan: "80"}
forms:
  lab:
    weight: {resource: Observation, where: "code.coding.code = 'scan'", value: code.coding.code, map: heavy, choose: first}
    height: {resource: Observation, where: "code.coding.code = 'height'", value: value, choose: first}
    lowest_psa:
      resource: Observation
      where: code.coding.code = 'psa'
      value: value
      date: issued
      window: {event: scan, before: 10, after: 10}
      choose: first
  course:
    repeat: {resource: Observation, where: "code.coding.code = 'psa'", key: code.coding.code.first()}
    psa: {value: value}
`

const furtherCases = `
as-of: 2026-09-01
tests:
  - name: all
    given:
      - {resourceType: Patient, id: p}
      - {resourceType: Observation, id: s, status: final, subject: {reference: Patient/p}, code: {coding: {code: scan}}, effectiveDateTime: 2024-01-01}
      - {resourceType: Observation, id: h, status: final, subject: {reference: Patient/p}, code: {coding: {code: height}}, effectiveDateTime: 2024-01-01, valueString: <5}
      - {resourceType: Observation, id: a, status: final, subject: {reference: Patient/p}, code: {coding: {code: psa}}, effectiveDateTime: 2024-01-01, valueQuantity: {value: 1, code: ng/mL}}
      - {resourceType: Observation, id: b, status: final, subject: {reference: Patient/p}, code: {coding: {code: psa}}, effectiveDateTime: 2024-01-02, valueQuantity: {value: 2, code: ng/mL}}
    expect:
      lab.weight: 80.0
      lab.height: {missing: unconvertible}
      lab.lowest_psa: {missing: outside-window}
      course: {instances: 1}
`

func traceCases(t *testing.T, dir, pattern string, seen *traced) {
	t.Helper()
	s := study(t, dir)
	admitted := s.Admit
	s.Admit = func(ctx context.Context, asOf time.Time, from *fhir.Record) (*pseudonym.Record, error) {
		record, err := admitted(ctx, asOf, from)
		if err == nil {
			traceAll(t, s, mapping.Input{Record: record, AsOf: asOf, Zone: s.Zone, StudyUID: everyStudy}, seen)
		}
		return record, err
	}
	var names []string
	for _, name := range globs(t, dir, pattern) {
		if strings.HasSuffix(name, ".yaml") && name != "mapping.yaml" && name != "dictionary.yaml" {
			names = append(names, name)
		}
	}
	files, findings := casetest.Load(os.DirFS(dir), names, s)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	result, err := casetest.Run(t.Context(), io.Discard, s, files)
	if err != nil {
		t.Fatal(err)
	}
	if result.Failed > 0 {
		t.Errorf("%s: %d cases fail when they are traced", dir, result.Failed)
	}
}

// traceAll traces each item of one record.
func traceAll(t *testing.T, s casetest.Study, in mapping.Input, seen *traced) {
	t.Helper()
	book, err := s.Mapping.Fill(in)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]ecrf.Cell{}
	for _, instance := range book.Instances() {
		for _, c := range instance.Cells {
			want[instance.Event+" "+instance.Form+"."+c.Item+" "+instance.Key] = c
		}
	}
	for _, name := range s.Mapping.Items() {
		form, _, _ := strings.Cut(name, ".")
		for _, event := range s.Mapping.EventsOf(form) {
			in.Trace = &mapping.Trace{Rule: name, Event: event}
			if _, err := s.Mapping.Fill(in); err != nil {
				t.Fatal(err)
			}
			for i := range in.Trace.Cells {
				steps := &in.Trace.Cells[i]
				key := event + " " + name + " " + steps.Key
				seen.take(t, steps, want[key])
				delete(want, key)
			}
			if in.Trace.Form != nil {
				seen.resources(in.Trace.Form)
			}
		}
	}
	for name := range want {
		t.Errorf("%s: the trace has no such cell", name)
	}
}

func (seen *traced) take(t *testing.T, s *mapping.Steps, cell ecrf.Cell) {
	t.Helper()
	seen.cells++
	if s.Value != cell.Value || s.Missing != cell.Missing {
		t.Errorf("%s: the trace ends in %q %s, the cell is %q %s", s.Rule, s.Value, s.Missing, cell.Value, cell.Missing)
	}
	if (s.Missing == "") != (s.Because == "") {
		t.Errorf("%s: missing %q because %q", s.Rule, s.Missing, s.Because)
	}
	if s.Missing == ecrf.Unconvertible || s.Missing == ecrf.Unmapped || s.Missing == ecrf.OutOfRange {
		seen.failed(t, s)
	}
	if s.Value != "" && len(s.Changes) > 0 {
		seen.reached(t, s)
	}
	chosen := 0
	for _, c := range s.Candidates {
		if c.Chosen {
			chosen++
		}
	}
	combined := strings.HasPrefix(s.Says.Choose, "mean") || strings.HasPrefix(s.Says.Choose, "list")
	if len(s.Candidates) > 0 && chosen != 1 && !combined && s.Missing != ecrf.Ambiguous || chosen == 1 && !s.Candidates[0].Chosen {
		t.Errorf("%s: %d of %d candidates are chosen", s.Rule, chosen, len(s.Candidates))
	}
	if chosen == 1 && cell.Provenance.Resource != s.Candidates[0].Resource {
		t.Errorf("%s: the trace chose %s, the cell is from %s", s.Rule, s.Candidates[0].Resource, cell.Provenance.Resource)
	}
	seen.reasons[s.Missing] = true
	seen.chosen[s.ChosenBy] = true
	for _, c := range s.Changes {
		seen.changes[c.What] = true
	}
	seen.resources(s)
}

func (seen *traced) resources(s *mapping.Steps) {
	for _, r := range s.Resources {
		seen.fates[r.Fate] = true
	}
}

// failed demands a change that failed, and names what failed.
func (seen *traced) failed(t *testing.T, s *mapping.Steps) {
	t.Helper()
	for _, c := range s.Changes {
		if c.To == "" && c.Note != "" {
			return
		}
	}
	t.Errorf("%s is %s, and no change says why: %+v", s.Rule, s.Missing, s.Changes)
}

// reached demands that a change ends in the value.
func (seen *traced) reached(t *testing.T, s *mapping.Steps) {
	t.Helper()
	for _, c := range s.Changes {
		number, _, _ := strings.Cut(c.To, " ")
		if c.To == s.Value || number == s.Value {
			return
		}
	}
	t.Errorf("%s: no change ends in %q: %+v", s.Rule, s.Value, s.Changes)
}

func globs(t *testing.T, dir, pattern string) []string {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(dir + "/" + strings.TrimSuffix(pattern, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(pattern, "*.yaml")+e.Name())
	}
	return names
}

func TestATraceFollowsTheEventsThatTheRuleCountsFrom(t *testing.T) {
	s := study(t, exampleStudy)
	for name, want := range map[string]int{"labs.creatinine": 1, "demographics.sex": 0, "demographics.age_at_index": 1, "psa.psa_days": 1, "labs.bmi": 0} {
		record, err := s.Admit(t.Context(), time.Now(), patientOnly(t))
		if err != nil {
			t.Fatal(err)
		}
		trace := mapping.Trace{Rule: name}
		if _, err := s.Mapping.Fill(mapping.Input{Record: record, AsOf: time.Now(), Zone: s.Zone, Trace: &trace}); err != nil {
			t.Fatal(err)
		}
		if len(trace.Events) != want {
			t.Errorf("%s: %d events, want %d", name, len(trace.Events), want)
		}
	}
}

func patientOnly(t *testing.T) *fhir.Record {
	t.Helper()
	r := fhir.NewRecord(fhir.Key{Type: "Patient", ID: "p"})
	res, err := fhir.ReadResource(`{"resourceType":"Patient","id":"p"}`, fhir.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	r.Add(res)
	return r
}

func TestReadsNamesTheElementsOfARule(t *testing.T) {
	s := study(t, exampleStudy)
	got := strings.Join(s.Mapping.Reads("labs.creatinine"), " ")
	if want := "Observation.code.coding.code Observation.code.coding.system Observation.value[x]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := s.Mapping.Reads("psa.psa_qualifier"); len(got) < 4 {
		t.Errorf("the rule of an item of a repeating form reads only %s", got)
	}
}

func TestATraceSaysForWhichVisitAResourceCounts(t *testing.T) {
	s := study(t, "testdata/visits")
	from := patientOnly(t)
	for _, text := range []string{
		`{"resourceType":"ImagingStudy","id":"scan","status":"available","subject":{"reference":"Patient/p"},"started":"2024-03-01"}`,
		`{"resourceType":"Observation","id":"a","status":"final","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://loinc.org","code":"2857-1"}]},"effectiveDateTime":"2024-06-14","valueQuantity":{"value":5,"code":"ng/mL"}}`,
	} {
		res, err := fhir.ReadResource(text, fhir.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		from.Add(res)
	}
	record, err := s.Admit(t.Context(), time.Now(), from)
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]mapping.Seen{
		"month3": {Fate: mapping.CountedFate}, "month4": {Fate: mapping.OutsideFate, Detail: "counts for visit month3"}, "screening": {Fate: mapping.OutsideFate},
	} {
		trace := mapping.Trace{Rule: "lab.psa_near", Event: event}
		if _, err := s.Mapping.Fill(mapping.Input{Record: record, AsOf: time.Now(), Zone: s.Zone, Trace: &trace}); err != nil {
			t.Fatal(err)
		}
		if len(trace.Cells) != 1 || len(trace.Cells[0].Resources) != 1 || len(trace.Events) != 1 {
			t.Fatalf("%s: %+v", event, trace)
		}
		if got := trace.Cells[0].Resources[0]; got.Fate != want.Fate || got.Detail != want.Detail {
			t.Errorf("%s: %+v, want %+v", event, got, want)
		}
	}
}
