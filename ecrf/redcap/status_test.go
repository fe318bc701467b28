package redcap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/redcap"
	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
	"github.com/crflink/crflink/internal/fake"
)

// status is the status of a form in the project.
func (r *rig) status(event, form string, instance int) string {
	return r.Content()[fakeredcap.Cell{Record: "S1", Event: event, Instance: instance, Field: form + "_complete"}]
}

// saves is a person who saves a form with a status.
func (r *rig) saves(event, form string, instance int, status string) {
	r.t.Helper()
	if err := r.Project.Enter("anna", fakeredcap.Cell{Record: "S1", Event: event, Instance: instance, Field: form + "_complete"}, status); err != nil {
		r.t.Fatal(err)
	}
}

func TestTheStatusOfAFormIsLeftAloneUnlessTheStudyWantsOne(t *testing.T) {
	for want, o := range map[string]redcap.Options{"": {CreateRecords: true}, "0": {CreateRecords: true, Status: redcap.Incomplete}, "1": {CreateRecords: true, Status: redcap.Unverified}} {
		r := newRig(t, o)
		report := r.deliver(trialBook("S1", ""))
		for _, got := range []string{r.status(baseline, "base", 0), r.status(baseline, "lab", 1), r.status(visit, "lab", 1), r.status(visit, "lab", 2)} {
			if got != want {
				t.Errorf("%q: the status is %q", want, got)
			}
		}
		said := slices.ContainsFunc(report.Notes, func(n string) bool {
			return strings.HasPrefix(n, "the status of 4 forms that nobody has saved was set to ")
		})
		if said != (want != "") || report.Written != 14 {
			t.Errorf("%q: %+v", want, report)
		}
		if again := r.deliver(trialBook("S1", "")); again.Written != 0 || len(again.Notes) != 0 {
			t.Errorf("%q: the second time %+v", want, again)
		}
	}
}

func TestAPersonsStatusAndAFormWithAPersonsValueAreLeftAlone(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true, Status: redcap.Unverified})
	r.saves(baseline, "base", 0, "0")
	r.Enter(t, "S1", at(visit, "psa", 1), "0.07") // the same as the hospital's, and a person's
	r.deliver(trialBook("S1", ""))
	if base, first, second := r.status(baseline, "base", 0), r.status(visit, "lab", 1), r.status(visit, "lab", 2); base != "0" || first != "" || second != "1" {
		t.Errorf("statuses %q, %q, %q", base, first, second)
	}
	r.saves(visit, "lab", 2, "2")
	if report := r.deliver(set(trialBook("S1", ""), map[ecrf.CellKey]string{at(visit, "psa", 2): "13.00"})); report.Written != 1 || r.status(visit, "lab", 2) != "2" {
		t.Errorf("%+v, status %q", report, r.status(visit, "lab", 2))
	}
}

func TestAStatusThatAPersonSetsBetweenReadingAndWritingIsARace(t *testing.T) {
	for _, fault := range []fake.Fault{fake.None, fake.Lost} {
		r := newRig(t, redcap.Options{CreateRecords: true, Status: redcap.Unverified})
		r.imports = func(fakeredcap.Call) fake.Fault {
			r.saves(baseline, "base", 0, "2")
			return fault
		}
		r.deliver(trialBook("S1", ""))
		raced := 0
		for _, c := range trialBook("S1", "").Cells {
			raced += len(r.record.Pending("S1", c.CellKey))
		}
		if raced != 1 || r.status(baseline, "base", 0) != "1" {
			t.Errorf("fault %d: %d queries, status %q", fault, raced, r.status(baseline, "base", 0))
		}
	}
}

func TestADryRunSaysOfHowManyFormsTheStatusWouldBeSet(t *testing.T) {
	r := newRig(t, redcap.Options{CreateRecords: true, Status: redcap.Unverified})
	r.dry = true
	report := r.deliver(trialBook("S1", ""))
	if want := []string{"the status of 4 forms that nobody has saved would be set to unverified"}; !slices.Equal(report.Notes, want) || len(r.Content()) != 0 {
		t.Errorf("%q", report.Notes)
	}
}
