package pipeline

import (
	"slices"
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

func TestATargetHasTheKeysOfItsKindOnly(t *testing.T) {
	for _, k := range targetKinds {
		for _, key := range append([]string{k.place}, k.keys...) {
			if !slices.Contains(targetKeys, key) {
				t.Errorf("%s: no target may have the key %s", k.name, key)
			}
		}
	}
	l := &loader{doc: yamldoc.Parse("study.yaml", []byte("- {name: a, kind: csv, folder: f, version: '2.0'}\n- {name: b, kind: odm, file: f, version: '2.0', type: transactional}\n")), study: &Study{}}
	l.targets(l.doc.Root())
	if len(l.doc.Findings) != 1 || !strings.Contains(l.doc.Findings[0].String(), "study.yaml:1:44: error: a target of kind csv has no version") {
		t.Errorf("%v", l.doc.Findings)
	}
	if got := l.study.Targets[1].ODM; got != (ODMSpec{Version: "2.0", Transactional: true}) {
		t.Errorf("%+v", got)
	}
}
