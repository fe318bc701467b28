package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/crflink/crflink/synth"
)

// crowded compares one patient who has many resources with one who has ten times as many, from files to tables. What
// looks at all pairs of a patient's resources would cost a hundred times as much.
func crowded(p place, c corpus, resources, rounds int) ([]Figure, error) {
	few, err := newChart(c, filepath.Join(p.folder, "few"), resources)
	if err != nil {
		return nil, err
	}
	many, err := newChart(c, filepath.Join(p.folder, "many"), 10*resources)
	if err != nil {
		return nil, err
	}
	load := func(c corpus) side {
		return func() (time.Duration, error) {
			file, err := p.study(c, "crowded")
			if err != nil {
				return 0, err
			}
			u, err := p.sync(file)
			return u.cpu, err
		}
	}
	t, err := medians(rounds, load(few), load(many))
	if err != nil {
		return nil, err
	}
	against := fmt.Sprintf("%d resources %.2f CPU-s, %d resources %.2f CPU-s", few.resources, t[0], many.resources, t[1])
	return []Figure{Figure{Name: "one patient with ten times the resources", Value: t[1] / t[0], Unit: "x", Against: against, Better: lower}.within(12, 10)}, nil
}

// newChart writes one permitted patient of a corpus into a folder, with new Observations until the patient has so many
// resources.
func newChart(c corpus, folder string, resources int) (corpus, error) {
	id, err := c.permitted()
	if err != nil {
		return corpus{}, err
	}
	lines, _, err := c.lines()
	if err != nil {
		return corpus{}, err
	}
	var text []byte
	var observations []string
	n := 0
	for _, line := range lines {
		owned := strings.Contains(line, id)
		if !owned && !unowned[typeOf(line)] {
			continue
		}
		text = append(append(text, line...), '\n')
		if n++; typeOf(line) == "Observation" && strings.Contains(line, `"Patient/`+id) { // some do not say whose they are
			observations = append(observations, line)
		}
	}
	if len(observations) == 0 {
		return corpus{}, errors.New("the patient of the large chart has no Observation")
	}
	for i := 0; n < resources; i++ {
		line, err := another(observations[i%len(observations)], 1+i/len(observations))
		if err != nil {
			return corpus{}, err
		}
		text = append(append(text, line...), '\n')
		n++
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return corpus{}, err
	}
	return corpus{folder, int64(len(text)), n}, os.WriteFile(filepath.Join(folder, "chart.ndjson"), text, 0o600)
}

// unowned are the types of what belongs to no patient.
var unowned = map[string]bool{"Organization": true, "ResearchStudy": true, "Medication": true}

// permitted returns the id of the first patient whose data may be used.
func (c corpus) permitted() (string, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, synth.TruthFile)) // #nosec G304 -- bench wrote it
	if err != nil {
		return "", fmt.Errorf("read the truth of the corpus: %w", err)
	}
	for line := range bytes.Lines(text) {
		var truth struct {
			Patient  []string
			Decision struct{ Outcome string }
		}
		if err := json.Unmarshal(line, &truth); err != nil {
			return "", fmt.Errorf("read the truth of the corpus: %w", err)
		}
		if truth.Decision.Outcome == "permitted" && len(truth.Patient) == 1 {
			return truth.Patient[0], nil
		}
	}
	return "", errors.New("the corpus has no permitted patient")
}

// another is the nth new Observation made after one: with an id and identifiers of its own, n minutes later.
func another(line string, n int) ([]byte, error) {
	var o map[string]any
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	o["id"] = fmt.Sprintf("%v-%d", o["id"], n)
	if identifiers, ok := o["identifier"].([]any); ok {
		for _, identifier := range identifiers {
			if m, ok := identifier.(map[string]any); ok {
				m["value"] = fmt.Sprintf("%v-%d", m["value"], n)
			}
		}
	}
	if text, ok := o["effectiveDateTime"].(string); ok {
		if at, err := time.Parse(time.RFC3339, text); err == nil { // what has no time stays on its day
			o["effectiveDateTime"] = at.Add(time.Duration(n) * time.Minute).Format(time.RFC3339)
		}
	}
	return json.Marshal(o)
}
