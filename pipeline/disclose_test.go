package pipeline_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/pipeline"
)

const disclosed = `disclosure:
  k: 4
  quasi-identifiers: [demographics.sex, demographics.birth_year, demographics.postal_region]
  generalise:
    - {item: demographics.birth_year, band: 10}
    - {item: demographics.postal_region, prefix: 1}
  targets: [tables]
imaging:
`

// tablesOf runs a study into tables of their own and returns what the long one holds of the quasi-identifiers, by subject.
func tablesOf(t *testing.T, s site, study *pipeline.Study) (map[string]string, *pipeline.Outcome) {
	t.Helper()
	parts := openParts(t, study, s.folder)
	folder := t.TempDir()
	target, err := table.New("tables", folder)
	if err != nil {
		t.Fatal(err)
	}
	parts.Targets = []ecrf.Target{target}
	outcome := mustRun(t, parts)
	file, err := os.Open(filepath.Join(folder, "cells.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	all := map[string]string{}
	for _, row := range rows[1:] {
		if item := row[column("item")]; item == "sex" || item == "birth_year" || item == "postal_region" {
			all[row[column("subject")]] += item + "=" + row[column("value")] + row[column("missing")] + " "
		}
	}
	return all, outcome
}

func TestATableHoldsNobodyWhoCouldBeSingledOut(t *testing.T) {
	s := newSite(t, 1, 60)
	before, _ := tablesOf(t, s, exampleStudy(t))
	after, outcome := tablesOf(t, s, variant(t, "imaging:\n", disclosed))
	classes := map[string]int{}
	for _, values := range after {
		classes[values]++
	}
	for values, n := range classes {
		if n < 4 {
			t.Errorf("%q belongs to %d subjects", values, n)
		}
	}
	r := outcome.Tally.Deliveries[0].Disclosure
	if r == nil || r.K != 4 || r.Subjects != len(before) || len(after) != len(before) || r.AtRisk < 10 || r.Classes != len(classes) || len(r.Steps) != 2 {
		t.Fatalf("%+v, %d subjects of %d in %d classes", r, len(after), len(before), len(classes))
	}
	t.Logf("%+v", *r)
}

func TestMistakesAboutDisclosureAreFound(t *testing.T) {
	text, err := os.ReadFile("../configs/psma-registry/study.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for wrong, want := range map[string]string{
		"{k: 1, quasi-identifiers: demographics.sex}": "k is 1",
		"{k: 5}":                                   "there is no quasi-identifier",
		"{k: 5, quasi-identifiers: [sex]}":         `no item "sex"`,
		"{k: 5, quasi-identifiers: [psa.psa]}":     "repeating form",
		"{reports: suppressed, targets: [tables]}": "belongs to k and quasi-identifiers",
		"{reports: rounded}":                       `"rounded" is not possible`,
		"{k: 5, quasi-identifiers: [demographics.sex], targets: [nowhere]}":                              `no target named "nowhere"`,
		"{k: 5, quasi-identifiers: [demographics.sex], generalise: [{item: demographics.sex, band: 5}]}": "of type choice",
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("../configs/psma-registry")); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "study.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), "imaging:\n", "disclosure: "+wrong+"\nimaging:\n", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := pipeline.LoadStudy(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
