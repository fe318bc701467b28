package finding_test

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/finding"
)

func TestRenderingPointsAtTheColumnAndGivesTheHint(t *testing.T) {
	var l finding.List
	l.Add("a.yaml", 2, 3, finding.DidYouMean("creatinin", []string{"creatinine", "sex"}), "unknown item %q", "creatinin")
	var b strings.Builder
	if err := l.Render(&b, func(string) string { return "x:\n  creatinin: 1\n" }); err != nil {
		t.Fatal(err)
	}
	want := "a.yaml:2:3: error: unknown item \"creatinin\"\n      creatinin: 1\n      ^\n    did you mean \"creatinine\"?\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestOnlyErrorsMakeAListAnError(t *testing.T) {
	warning := finding.List{{Severity: finding.Warning}}
	if warning.Err() != nil {
		t.Error("a warning stops")
	}
	if append(warning, finding.Finding{}).Err() == nil {
		t.Error("an error does not stop")
	}
}

func TestNothingIsSuggestedForANameThatResemblesNone(t *testing.T) {
	if got := finding.Nearest("zzz", []string{"creatinine"}); got != "" {
		t.Errorf("suggested %q", got)
	}
}
