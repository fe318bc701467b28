package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/shared"
)

// names are the figures that bench takes, in order. Later figures need a place here.
var names = []string{
	"decode and 12 paths", "decode and 12 paths / fastjson Parse", "decode and 12 paths / samply structs", "decode and 12 FHIRPath expressions",
	"decode and 20 mapping expressions", "decode and 20 mapping expressions / npm fhirpath", "allocations of a resource and its expressions",
	"ViewDefinition to CSV", "ViewDefinition to CSV / npm @medplum/core",
	"de-identification", "de-identification / decode and walk", "mapping alone", "mapping with two workers", "synthetic patients",
	"end to end", "end to end / naive pipeline", "end to end / naive pipeline, elapsed time", "end to end / naive pipeline B", "first load / unchanged re-run",
	"one patient with ten times the resources", "rows into SQLite tables", "rows into SQLite tables / loop in C", "rows into PostgreSQL tables", "rows into PostgreSQL tables / COPY",
	"eight patients at a time / eight times one", "a night after changes of 1 % / the first", "read and mapped from a server / from files", "peak memory, pages of 20", "peak memory, pages of 1000000",
	"computing with 2 processes / 2 times one", "a run of 2 processes / 2 times one", "computing with 4 processes / 4 times one", "a run of 4 processes / 4 times one",
	"overhead of a shard that is given out, CPU time", "overhead of a shard that is given out, elapsed time",
	"peak memory, small input", "peak memory, large input", "growth of peak memory",
	"a night of many patients", "a night of many patients, CPU time of one", "a night of many patients, peak memory", "a night of many patients, growth of CPU time",
}

// tiny shows that everything is measured, and nothing about speed.
var tiny = scale{rounds: 1, memory: 1, small: 300e3, large: 600e3, patients: 5, chart: 100, streams: 2, nightly: 5, shared: 10, night: 100}

func TestBenchTakesEveryFigureAndWritesThemAsJSON(t *testing.T) {
	if _, err := engines(); err != nil {
		shared.Absent(t, err.Error())
	}
	t.Chdir("..")
	figures, err := measure(tiny, "", func(what string) { t.Log(what) })
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "latest.json")
	if err := writeJSON(path, figures); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		name, _ := f["name"].(string)
		got = append(got, name)
		complain(t, name, f)
	}
	if !slices.Equal(got, names) {
		t.Errorf("the figures are\n%q\nand should be\n%q", got, names)
	}
}

// complain checks the members of one figure.
func complain(t *testing.T, name string, f map[string]any) {
	t.Helper()
	for _, key := range []string{"unit", "against"} {
		if s, _ := f[key].(string); s == "" {
			t.Errorf("%s has no %s", name, key)
		}
	}
	if better := f["better"]; better != higher && better != lower {
		t.Errorf("%s: better is %v", name, better)
	}
	value, ok := f["value"].(float64)
	if !ok || value <= 0 && !strings.HasPrefix(name, "growth") && !strings.HasPrefix(name, "overhead") && !strings.HasSuffix(name, "growth of CPU time") {
		t.Errorf("%s has the value %v", name, f["value"])
	}
	floor, hasFloor := f["floor"]
	goal, hasGoal := f["goal"]
	if !hasFloor || !hasGoal || (floor == nil) != (goal == nil) {
		t.Errorf("%s has the floor %v and the goal %v", name, floor, goal)
	}
}

func TestTheVerdictTellsWhichBoundsHold(t *testing.T) {
	for _, c := range []struct {
		better string
		value  float64
		want   string
	}{
		{higher, 1.9, "BELOW FLOOR"}, {higher, 2, "floor"}, {higher, 4, "goal"},
		{lower, 4.1, "BELOW FLOOR"}, {lower, 4, "floor"}, {lower, 2, "goal"},
	} {
		floor, goal := 2.0, 4.0
		if c.better == lower {
			floor, goal = goal, floor
		}
		if got := (Figure{Value: c.value, Better: c.better}).within(floor, goal).verdict(); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.better, c.value, got, c.want)
		}
	}
	if got := (Figure{Better: higher}).verdict(); got != "-" {
		t.Errorf("without bounds: %s", got)
	}
}

func TestTheMedianIsTheMiddle(t *testing.T) {
	for want, values := range map[float64][]float64{3: {9, 1, 3}, 2.5: {4, 1, 2, 3}, 7: {7}} {
		if got := median(values); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestTheGrowthOfAPowerIsItsExponent(t *testing.T) {
	if got := slope([]float64{10, 100, 1000}, []float64{3, 30, 300}); math.Abs(got-1) > 1e-9 {
		t.Errorf("tenfold for tenfold is %v", got)
	}
	if got := slope([]float64{1, 2, 4, 8}, []float64{5, 20, 80, 320}); math.Abs(got-2) > 1e-9 {
		t.Errorf("fourfold for twofold is %v", got)
	}
}
