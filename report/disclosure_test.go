package report

import (
	"bytes"
	"strings"
	"testing"
)

func TestADisclosureControlIsToldAndItsSmallNumbersHidden(t *testing.T) {
	run := demoRun()
	run.Targets = []Target{{Name: "tables", Kind: "csv", Disclosure: &Disclosure{K: 5, AtRisk: 3, Classes: 12, Smallest: 7, Steps: []string{"person.year in bands of <10>"}, Suppressed: 23}}}
	for _, c := range []struct {
		run  Run
		want string
	}{
		{run, "k = 5; 3 subjects were in smaller classes; delivered 12 classes, the smallest of 7; suppressed 23; generalised person.year in bands of <10>"},
		{run.Suppress(), "k = 5; <5 subjects were in smaller classes; delivered 10 classes, the smallest of 5; suppressed 25"},
	} {
		var text, page bytes.Buffer
		if err := WriteSummary(&text, c.run); err != nil || !strings.Contains(text.String(), c.want) {
			t.Errorf("the summary has not %q (%v):\n%s", c.want, err, &text)
		}
		if err := WriteHTML(&page, c.run); err != nil || !strings.Contains(page.String(), "smaller classes") || strings.Contains(page.String(), "<10>") {
			t.Errorf("the page does not tell it, or as markup (%v)", err)
		}
	}
	if run.Targets[0].Disclosure.AtRisk != 3 {
		t.Error("hiding has changed the original")
	}
	nobody := &Disclosure{K: 5, Withheld: 4}
	if !strings.Contains(nobody.String(), "nobody is delivered") {
		t.Error(nobody)
	}
}
