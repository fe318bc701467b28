package main

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/mapping"
	"github.com/crflink/crflink/pipeline"
)

func TestAnExplanationShowsWhatASourceSaysOfItsOwn(t *testing.T) {
	usual := mapping.Says{At: "mapping.yaml:146", Resource: []string{"Observation"}, Where: "true", Value: "value"}
	own := usual
	own.At, own.Where = "south.yaml:8", "%creatinine"
	steps := &mapping.Steps{Rule: "labs.creatinine", Says: usual, Own: []mapping.OwnRule{{Source: "south", Says: own}}, Value: "1.1", Source: "south", ChosenBy: "the only one that counts",
		Candidates: []mapping.Considered{{Resource: "Observation/x", Source: "south", Date: "2026-01-05", Value: "1.1 mg/dL", Chosen: true}}}
	text := explanationText(&pipeline.Explanation{Rule: steps})
	for _, want := range []string{
		"rule        at        mapping.yaml:146\n            resource  Observation\n            where     true\n            value     value\n",
		"            of south, south.yaml:8\n              where     %creatinine\n",
		"            >  south  2026-01-05  1.1 mg/dL  Observation/x\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	steps.Own = nil
	if text := explanationText(&pipeline.Explanation{Rule: steps}); strings.Contains(text, "mapping.yaml") {
		t.Errorf("a study whose sources have no rules of their own is told of places:\n%s", text)
	}
}
