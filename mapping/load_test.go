package mapping_test

import (
	"os"
	"testing"

	"github.com/crflink/crflink/mapping"
)

const exampleStudy = "../configs/psma-registry"

func TestTheExampleStudyHasNoFindings(t *testing.T) {
	_, findings := mapping.Load(os.DirFS(exampleStudy), "mapping.yaml", dictionary(t, exampleStudy+"/dictionary.yaml"))
	for _, f := range findings {
		t.Error(f)
	}
}
