package pipeline_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/pipeline"
)

// southern is what the second server's laboratory calls things.
var southern = strings.NewReplacer("http://loinc.org", "https://south.example/lab", `"code":"2160-0"`, `"code":"KREA"`, `"code":"14682-9"`, `"code":"KREA-MOL"`)

const southernRules = `study: psma-registry
names:
  loinc: https://south.example/lab
expressions:
  creatinine: code.coding.exists(system = %loinc and code in ('KREA' | 'KREA-MOL'))
forms:
  labs:
    creatinine: {where: "%creatinine"}
    labs_days: {where: "%creatinine"}
`

// withOverlay copies the example study and gives it two sources, the second with rules of its own.
func withOverlay(t *testing.T, rules string) (study *pipeline.Study, findings finding.List, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../configs/psma-registry")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "study.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const one = "  - name: hospital\n    fhir: http://127.0.0.1:18642/fhir\n"
	const two = "  - {name: north, fhir: http://127.0.0.1:1/fhir}\n  - {name: south, fhir: http://127.0.0.1:2/fhir, mapping: south.yaml}\n"
	if !strings.Contains(string(text), one) {
		t.Fatal("the example study has another source")
	}
	for name, content := range map[string]string{"study.yaml": strings.Replace(string(text), one, two, 1), "south.yaml": rules} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	study, findings, err = pipeline.LoadStudy(filepath.Join(dir, "study.yaml"))
	if study != nil {
		study.State = t.TempDir()
	}
	return study, findings, err
}

func TestASourceWithCodesOfItsOwnGivesTheSameCasebookByRulesOfItsOwn(t *testing.T) {
	c := newController(t, 24)
	whole := c.at(t, "", func(*pipeline.Study) fhir.Source { return c.whole.source(t, "whole") })
	c.run(t, whole, 0)
	for k, text := range c.south.texts {
		c.south.server.Delete(k)
		c.south.add(t, southern.Replace(text))
	}
	study, findings, err := withOverlay(t, southernRules)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("finding: %s", f)
	}
	copyVault(t, whole.Study.State, study.State)
	parts := openParts(t, study, t.TempDir())
	parts.Source = c.both(t, study)
	c.run(t, parts, 0)
	if want, got := plainBook(t, whole), plainBook(t, parts); got != want {
		t.Error(firstDifference(want, got))
	}
	explainsOwnRule(t, c, parts)
	plain := c.at(t, "", func(s *pipeline.Study) fhir.Source { return c.both(t, s) })
	c.run(t, plain, 0)
	if plainBook(t, plain) == plainBook(t, whole) {
		t.Error("the rules of its own make no difference: the test tests nothing")
	}
	other, _, err := withOverlay(t, strings.Replace(southernRules, "'KREA-MOL'", "'KREA-M'", 1))
	if err != nil {
		t.Fatal(err)
	}
	if study.Inputs()["mapping"] == other.Inputs()["mapping"] || study.Mapping.RuleHashes()["labs.creatinine"] == other.Mapping.RuleHashes()["labs.creatinine"] {
		t.Error("another rule of a source leaves the mapping's hashes as they are")
	}
	one, _, err := withOverlay(t, southernRules+"    platelets: {where: \"code.coding.exists(code = 'THROMBO')\"}\n")
	if err != nil {
		t.Fatal(err)
	}
	before, after := study.Mapping.RuleHashes(), one.Mapping.RuleHashes()
	for id := range after {
		if (before[id] != after[id]) != (id == "labs.platelets") {
			t.Errorf("with another rule for labs.platelets the hash of %s is another: %t", id, before[id] != after[id])
		}
	}
}

// explainsOwnRule asks for cells that each of the servers gave.
func explainsOwnRule(t *testing.T, c *controller, parts pipeline.Parts) {
	t.Helper()
	asked := map[string]bool{}
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range book.Cells {
			if from := cell.Provenance.Source; cell.Form == "labs" && cell.Item == "creatinine" && cell.Value != "" && !asked[from] {
				asked[from] = true
				again := parts
				again.Source = c.both(t, parts.Study)
				e, err := pipeline.Explain(t.Context(), again, pipeline.Asked{Subject: book.Facts.Subject, Form: "labs", Item: "creatinine", AsOf: asOfTruth(parts.Study.Zone)})
				if err != nil {
					t.Fatal(err)
				}
				r := e.Rule
				if r == nil || r.Source != from || r.Candidates[0].Source != from || !e.Ledger.Equal {
					t.Fatalf("a cell from %s: %+v", from, e)
				}
				if !strings.HasPrefix(r.Says.At, "mapping.yaml:") || !strings.Contains(r.Says.Where, "'2160-0'") {
					t.Errorf("the mapping's rule is %+v", r.Says)
				}
				if len(r.Own) != 1 || r.Own[0].Source != "south" || r.Own[0].Says.At != "south.yaml:8" || r.Own[0].Says.Where != "%creatinine" {
					t.Errorf("the source's own rule is %+v", r.Own)
				}
			}
		}
	}
	if !asked["north"] || !asked["south"] {
		t.Errorf("explained cells of %v", asked)
	}
}

func TestMistakesInTheRulesOfASourceStandWhereTheyWereMade(t *testing.T) {
	_, _, err := withOverlay(t, `study: psma-registry
maps: {unused: {a: b}}
events: {indx: {where: "true"}}
forms:
  labs:
    creatinine: {where: "cod.exists()", choose: last}
    creatinin: {resource: Observation, value: value}
  lab: {}
`)
	text := ""
	if err != nil {
		text = err.Error()
	}
	for _, want := range []string{"south.yaml:3:10", "south.yaml:6:", "south.yaml:7:5", "south.yaml:8:3", "choose is not a source's own", "no form \"lab\""} {
		if !strings.Contains(text, want) {
			t.Errorf("no finding says %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "mapping.yaml:") {
		t.Errorf("a finding blames the mapping:\n%s", text)
	}
}
