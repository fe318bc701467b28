package casetest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/crflink/crflink/mapping/casetest"
)

func TestTheExampleStudyPassesItsOwnTests(t *testing.T) {
	study := load(t, exampleStudy)
	files, findings := casetest.Load(os.DirFS(exampleStudy), []string{"tests/*.yaml"}, study)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	var out strings.Builder
	result, err := casetest.Run(t.Context(), &out, study, files)
	if err != nil {
		t.Fatal(err)
	}
	if result.Failed > 0 || len(result.Untested) > 0 {
		t.Errorf("\n%s", out.String())
	}
	if result.Expectations < 40 {
		t.Errorf("only %d expectations", result.Expectations)
	}
}
