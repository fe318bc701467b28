package pipeline_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
)

// alter changes Patient resources of a folder of NDJSON; the key is the id.
func alter(t *testing.T, folder, id string, change func(map[string]any)) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.ndjson"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	changed := 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		for line := range bytes.Lines(text) {
			if bytes.Contains(line, []byte(`"resourceType":"Patient"`)) && bytes.Contains(line, []byte(`"id":"`+id+`"`)) {
				var patient map[string]any
				if err := json.Unmarshal(line, &patient); err != nil {
					t.Fatal(err)
				}
				change(patient)
				if line, err = json.Marshal(patient); err != nil {
					t.Fatal(err)
				}
				line = append(line, '\n')
				changed++
			}
			out.Write(line)
		}
		if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if changed != 1 {
		t.Fatalf("%d patients %s", changed, id)
	}
}

// mergeSite is a site with two delivered patients, the second of whom it then merges into the first.
type mergeSite struct {
	site
	parts                  pipeline.Parts
	keep, drop             string // FHIR ids
	keepNumber, dropNumber string
	dropPID                string
}

func newMergeSite(t *testing.T) *mergeSite {
	t.Helper()
	m := &mergeSite{site: newSite(t, 3, 20)}
	m.open(t, exampleStudy(t))
	mustRun(t, m.parts)
	got := subjectsOf(t, m.parts)
	for i := range m.truth {
		one := &m.truth[i]
		if got[one.Subject] != "permitted" || len(one.Patients) != 1 {
			continue
		}
		if m.keep == "" {
			m.keep, m.keepNumber = one.Patients[0], one.Subject
		} else if m.drop == "" {
			m.drop, m.dropNumber, m.dropPID = one.Patients[0], one.Subject, one.PID
		}
	}
	if m.drop == "" {
		t.Fatal("the site has no two delivered patients")
	}
	return m
}

// open opens the source again, with the vault and ledger that are there.
func (m *mergeSite) open(t *testing.T, study *pipeline.Study) {
	t.Helper()
	if m.parts.Study != nil {
		study = m.parts.Study
	}
	m.parts = openParts(t, study, m.folder)
}

func (m *mergeSite) run(t *testing.T) *pipeline.Outcome {
	t.Helper()
	m.open(t, nil)
	outcome, err := pipeline.Run(t.Context(), m.parts, pipeline.Options{AsOf: asOfTruth(m.parts.Study.Zone), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func (m *mergeSite) merge(t *testing.T) {
	alter(t, m.folder, m.drop, func(p map[string]any) {
		p["active"] = false
		p["link"] = []any{map[string]any{"other": map[string]any{"reference": "Patient/" + m.keep}, "type": "replaced-by"}}
	})
}

func (m *mergeSite) unmerge(t *testing.T) {
	alter(t, m.folder, m.drop, func(p map[string]any) { delete(p, "link"); delete(p, "active") })
}

func failures(o *pipeline.Outcome) string {
	var all strings.Builder
	for _, f := range o.Tally.Failed {
		all.WriteString(f.Subject + " " + f.Reason + "\n")
	}
	return all.String()
}

func TestTwoDeliveredSubjectsThatAreMergedStopUntilSomebodySaysWhatBecomesOfThem(t *testing.T) {
	m := newMergeSite(t)
	m.merge(t)
	outcome := m.run(t)
	got := subjectsOf(t, m.parts)
	if got[m.keepNumber] != "held" || got[m.dropNumber] != "held" || outcome.Complete() || !strings.Contains(failures(outcome), "vault join --keep "+m.keepNumber+" --drop "+m.dropNumber) {
		t.Fatalf("%s is %s, %s is %s: %s", m.keepNumber, got[m.keepNumber], m.dropNumber, got[m.dropNumber], failures(outcome))
	}
	if strings.Contains(failures(outcome), m.dropPID) {
		t.Error("a failure names the patient")
	}
	if err := m.parts.Vault.Join(t.Context(), m.keepNumber, m.dropNumber); err != nil {
		t.Fatal(err)
	}
	m.run(t)
	got = subjectsOf(t, m.parts)
	if got[m.keepNumber] != "permitted" || got[m.dropNumber] != "held" {
		t.Fatalf("after the join %s is %s, %s is %s", m.keepNumber, got[m.keepNumber], m.dropNumber, got[m.dropNumber])
	}

	// The site parts them again: both patients lead to one number, so both stop.
	m.unmerge(t)
	outcome = m.run(t)
	if got = subjectsOf(t, m.parts); got[m.keepNumber] != "held" || !strings.Contains(failures(outcome), "vault part") {
		t.Fatalf("after the parting %s is %s: %s", m.keepNumber, got[m.keepNumber], failures(outcome))
	}
	id := pseudonym.Identity{System: m.parts.Study.Identity.System, Value: m.dropPID}
	if err := m.parts.Vault.Detach(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	outcome = m.run(t)
	got = subjectsOf(t, m.parts)
	if got[m.keepNumber] != "permitted" {
		t.Errorf("%s is %s: %s", m.keepNumber, got[m.keepNumber], failures(outcome))
	}
	if n := outcome.Tally.Cells.Vanished + outcome.Tally.Cells.Corrected; n == 0 {
		t.Error("no cell is told to have come from the other patient")
	}
}

func TestAMergedPatientWhoWasNeverDeliveredGoesWithTheSurvivor(t *testing.T) {
	m := &mergeSite{site: newSite(t, 3, 20)}
	for i := range m.truth {
		if m.truth[i].Subject == "" || len(m.truth[i].Patients) != 1 {
			continue
		}
		if m.keep == "" {
			m.keep, m.keepNumber = m.truth[i].Patients[0], m.truth[i].Subject
		} else if m.drop == "" {
			m.drop, m.dropPID = m.truth[i].Patients[0], m.truth[i].PID
		}
	}
	m.merge(t)
	m.open(t, exampleStudy(t))
	m.run(t)
	id := pseudonym.Identity{System: m.parts.Study.Identity.System, Value: m.dropPID}
	if s, err := m.parts.Vault.Subject(t.Context(), id); err == nil && s.Number() != m.keepNumber {
		t.Errorf("the merged patient is %v, want %s", s, m.keepNumber)
	}
}
