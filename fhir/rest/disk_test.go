package rest_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/synth"
)

// TestFactsOnDiskGiveTheSameRecords reads a server with an index of facts that finds no room in memory.
func TestFactsOnDiskGiveTheSameRecords(t *testing.T) {
	server, err := synth.NewServer(synth.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := synth.New(synth.Config{Seed: 3, Patients: 40})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Each(func(_ string, text []byte) error { return server.Add(text) }, func(*synth.Truth) error { return nil }); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server)
	defer h.Close()
	want, got := recordsWithin(t, h.URL+"/fhir", 0), recordsWithin(t, h.URL+"/fhir", 1)
	if len(want) < 40 || !slices.Equal(want, got) {
		t.Errorf("%d and %d lines, or other ones", len(want), len(got))
	}
}

// recordsWithin returns what a source whose index has a budget gives, and what it gives when it is asked again.
func recordsWithin(t *testing.T, base string, budget int64) (lines []string) {
	t.Helper()
	s, err := rest.New(rest.Options{Name: "hospital", Budget: budget, PageSize: 7, Wire: wire.Options{Base: base}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	say := func(record *fhir.Record, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s linked from %v:", record.Key(), record.LinkedFrom())
		for r := range record.Resources() {
			fmt.Fprintf(&b, " %s", r.Raw())
		}
		lines = append(lines, b.String())
	}
	rejected := func(r fhir.Rejected) { lines = append(lines, "rejected "+r.Type+" "+r.Reason) }
	var keys []fhir.Key
	for record, err := range s.Subjects(t.Context(), rejected) {
		say(record, err)
		keys = append(keys, record.Key())
	}
	slices.Sort(lines) // what is rejected comes in another order from disk
	for _, k := range keys {
		say(s.Fetch(t.Context(), k, fhir.WantTypes("Observation", "MedicationStatement", "Medication"), rejected))
	}
	again, err := s.Reread(t.Context(), keys, []string{"Consent", "ResearchSubject"}, rejected)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range again {
		say(record, nil)
	}
	return lines
}
