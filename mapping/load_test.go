package mapping_test

import (
	"os"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/mapping"
)

const exampleStudy = "../configs/psma-registry"

func exampleDictionary(t *testing.T) *ecrf.Dictionary {
	t.Helper()
	text, err := os.ReadFile(exampleStudy + "/dictionary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := ecrf.ParseDictionary("dictionary.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheExampleStudyHasNoFindings(t *testing.T) {
	_, findings := mapping.Load(os.DirFS(exampleStudy), "mapping.yaml", exampleDictionary(t))
	for _, f := range findings {
		t.Error(f)
	}
}
