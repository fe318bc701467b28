package casetest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/golden"
	"github.com/crflink/crflink/mapping/casetest"
)

func TestEveryMistakeInATestFileIsShownAtItsPlace(t *testing.T) {
	study := load(t, exampleStudy)
	_, findings := casetest.Load(os.DirFS("testdata"), []string{"mistakes.yaml", "nowhere/*.yaml"}, study)
	var out strings.Builder
	err := findings.Render(&out, func(file string) string {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			return ""
		}
		return string(text)
	})
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/mistakes.golden", out.String())
}

func TestAFailureShowsWhatWasExpectedWhatIsThereAndWhereItCameFrom(t *testing.T) {
	study := load(t, "../testdata/rules")
	files, findings := casetest.Load(os.DirFS("testdata"), []string{"failing.yaml"}, study)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	var out strings.Builder
	result, err := casetest.Run(t.Context(), &out, study, files)
	if err != nil {
		t.Fatal(err)
	}
	if result.Passed != 1 || result.Failed != 3 {
		t.Errorf("%d passed, %d failed", result.Passed, result.Failed)
	}
	golden.Equal(t, "testdata/failing.golden", out.String())
}

func TestFixturesAreJSONNDJSONAndBundles(t *testing.T) {
	study := load(t, exampleStudy)
	files, findings := casetest.Load(os.DirFS("testdata"), []string{"fixtures.yaml"}, study)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	var out strings.Builder
	result, err := casetest.Run(t.Context(), &out, study, files)
	if err != nil {
		t.Fatal(err)
	}
	if result.Failed > 0 || result.Passed != 1 {
		t.Error(out.String())
	}
}
