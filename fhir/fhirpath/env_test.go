package fhirpath_test

import (
	"testing"

	"github.com/crflink/crflink/fhir/fhirpath"
)

func TestAResetEnvironmentKnowsNothingOfWhatItEvaluated(t *testing.T) {
	x, err := fhirpath.Compile("name.where(family = %wanted).given | name.given", fhirpath.Options{Type: "Patient", Variables: map[string]fhirpath.Type{"wanted": {Names: []string{"System.String"}}}})
	if err != nil {
		t.Fatal(err)
	}
	focus := parseText(t, `{"resourceType":"Patient","name":[{"family":"A","given":["B","C"]}]}`)
	env := &fhirpath.Env{Vars: map[string][]fhirpath.Value{"wanted": {fhirpath.NewString("A")}}}
	for range 2 {
		values, err := x.Eval(env, focus, nil)
		if err != nil || len(values) != 2 {
			t.Fatalf("%d values, %v", len(values), err)
		}
		env.Reset()
		if env.Vars != nil || env.Resolver != nil || env.Resource.Exists() || !env.AsOf.IsZero() {
			t.Error("what was set is still there")
		}
		env.Vars = map[string][]fhirpath.Value{"wanted": {fhirpath.NewString("A")}}
	}
}
