package rest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/fhir/rest"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/internal/wire"
)

// dump renders all records of a source: one line per resource, under its patient, without what servers write into meta.
func dump(t *testing.T, s fhir.Source, wanted fhir.Wanted) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	rej := func(r fhir.Rejected) { t.Logf("rejected: %v", r) }
	for facts, err := range s.Subjects(t.Context(), rej) {
		if err != nil {
			t.Fatal(err)
		}
		record, err := s.Fetch(t.Context(), facts.Key(), wanted, rej)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for r := range record.Resources() {
			lines = append(lines, canonical(r))
		}
		all[facts.Key().ID] = lines
	}
	return all
}

// canonical is the resource without meta, and with the members of every object in order.
func canonical(r *fhir.Resource) string {
	var write func(n fhir.Node) string
	write = func(n fhir.Node) string {
		switch n.Kind() {
		case fhir.Object:
			var members []string
			for m := range n.Children() {
				if m.Key() == "meta" {
					continue
				}
				text := m.Key() + ":" + write(m)
				if e := m.Extensions(); m.Kind() != fhir.Object && e.Exists() {
					text += "_" + write(e)
				}
				members = append(members, text)
			}
			slices.Sort(members)
			return "{" + strings.Join(members, ",") + "}"
		case fhir.Array:
			var elements []string
			for e := range n.Children() {
				text := write(e)
				if x := e.Extensions(); e.Kind() != fhir.Object && x.Exists() {
					text += "_" + write(x)
				}
				elements = append(elements, text)
			}
			return "[" + strings.Join(elements, ",") + "]"
		case fhir.Number: // JavaScript forgets trailing zeros
			if strings.Contains(n.Text(), ".") && !strings.ContainsAny(n.Text(), "eE") {
				return strings.TrimSuffix(strings.TrimRight(n.Text(), "0"), ".")
			}
			return n.Text()
		default:
			return n.String()
		}
	}
	return r.Key().String() + " " + write(r.Node)
}

func sameRecords(t *testing.T, got, want map[string][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d patients, want %d", len(got), len(want))
	}
	n := 0
	for id, list := range want {
		n += len(list)
		if slices.Equal(got[id], list) {
			continue
		}
		t.Errorf("record of %s differs: %d resources, want %d", id, len(got[id]), len(list))
		for i := range max(len(list), len(got[id])) {
			var g, w string
			if i < len(got[id]) {
				g = got[id][i]
			}
			if i < len(list) {
				w = list[i]
			}
			if g != w {
				t.Errorf("resource %d:\n got %.2000s\nwant %.2000s", i, g, w)
				break
			}
		}
	}
	t.Logf("%d patients, %d resources", len(want), n)
}

func TestAServerGivesTheSameRecordsAsFiles(t *testing.T) {
	data := shared.Dir(t, "data", "mii-kds-testdata", "resources")
	files, err := ndjson.Open([]string{data}, ndjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	want := dump(t, files, fhir.Everything())
	for name, c := range map[string]struct {
		flags   []string
		options rest.Options
	}{
		"snapshot":      {[]string{"--paging", "snapshot"}, rest.Options{PageSize: 3}},
		"offset":        {[]string{"--paging", "offset", "--no-total"}, rest.Options{PageSize: 7}},
		"wrong host":    {[]string{"--link-base", "http://wrong.example:1/fhir"}, rest.Options{PageSize: 4}},
		"wrong path":    {[]string{"--link-base", "https://wrong.example/other/path"}, rest.Options{PageSize: 4}},
		"page cap":      {[]string{"--max-count", "2"}, rest.Options{}},
		"503":           {[]string{"--fail-every", "97", "--strict"}, rest.Options{}},
		"posted search": {[]string{"--count", "5", "--token", "sesame"}, rest.Options{Post: true, Wire: wire.Options{Auth: wire.Auth{Bearer: wire.NewSecret("sesame")}}}},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.options
			o.Wire.Base = shared.Peer(t, data, c.flags...)
			o.Wire.MaxPause = 10 * time.Millisecond
			s, err := rest.New(o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			sameRecords(t, dump(t, s, fhir.Everything()), want)
		})
	}
}

func TestNothingClinicalIsAskedBeforeTheDecision(t *testing.T) {
	var mu sync.Mutex
	var log []wire.Attempt
	s, err := rest.New(rest.Options{Wire: wire.Options{
		Base: shared.Peer(t, shared.Dir(t, "data", "mii-kds-testdata", "resources")),
		Log: func(a wire.Attempt) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, a)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var one fhir.Key
	for facts, err := range s.Subjects(context.Background(), func(fhir.Rejected) {}) {
		if err != nil {
			t.Fatal(err)
		}
		one = facts.Key()
	}
	for _, a := range log {
		if a.Type != "" && !fhir.IsFact(a.Type) {
			t.Errorf("%s was asked for before the decision", a.Type)
		}
	}
	before := len(log)
	if _, err := s.Fetch(t.Context(), one, fhir.WantTypes("Observation"), func(fhir.Rejected) {}); err != nil {
		t.Fatal(err)
	}
	for _, a := range log[before:] {
		if a.Type != "Observation" {
			t.Errorf("%s was asked for, only Observation was wanted", a.Type)
		}
	}
	if len(log) == before {
		t.Error("nothing was asked for")
	}
}
