package pipeline

import (
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/pseudonym"
)

func TestMovedDaysAreRefusedWherePeopleEnterTrueOnes(t *testing.T) {
	for _, c := range []struct {
		entered bool
		mode    pseudonym.DateMode
		refused bool
	}{
		{true, pseudonym.Shift, true}, {true, pseudonym.Relative, true}, {true, pseudonym.None, false}, {false, pseudonym.Shift, false},
	} {
		doc := yamldoc.Parse("study.yaml", []byte("kind: edc\n"))
		targetKind{name: "edc", entered: c.entered}.checkDates(doc.Root().Fields("kind")["kind"], c.mode)
		if got := len(doc.Findings) == 1 && strings.Contains(doc.Findings[0].String(), "study.yaml:1:7"); got != c.refused {
			t.Errorf("%+v: %v", c, doc.Findings)
		}
	}
}

func TestEveryKindOfTargetSaysWhereItDelivers(t *testing.T) {
	for _, name := range TargetKinds() {
		if kindOf(name).place == "" {
			t.Errorf("%s has no place", name)
		}
	}
}
