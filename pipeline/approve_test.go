package pipeline_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
)

// workplace is a target where people work, under a name that the example study may deliver to.
type workplace struct{ liveTarget }

func (*workplace) Name() string { return "tables" }

// withRule loads the example study with another rule for the sex; all of them share their state.
func withRule(t *testing.T, state, rule string) *pipeline.Study {
	t.Helper()
	study := loadStudy(t, changedExample(t, "mapping.yaml", "    sex: {resource: Patient, value: gender, map: sex}\n", "    sex: "+rule+"\n",
		"version: \"1.0\"\n", "version: \"1.1\"\nauthor: Anna  Berg\n"))
	study.State = state
	study.Targets = []pipeline.TargetSpec{{Name: "tables", Kind: "redcap"}}
	return study
}

const (
	firstRule  = "{resource: Patient, value: gender, map: sex}"
	secondRule = `{resource: Patient, value: "iif(gender = 'male', 'female', 'other')", map: sex}`
)

// sexes are the values and states of the sex in the ledger.
func sexes(t *testing.T, parts pipeline.Parts) (values []string, states map[ecrf.State]int) {
	t.Helper()
	states = map[ecrf.State]int{}
	for book, err := range parts.Ledger.Casebooks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range book.Cells {
			if c.Item == "sex" {
				values = append(values, c.Value)
				states[c.State]++
			}
		}
	}
	return values, states
}

func TestAChangedRuleWaitsForSomebodyElseThanItsAuthor(t *testing.T) {
	s := newSite(t, 3, 20)
	state := t.TempDir()
	live := func(study *pipeline.Study) pipeline.Parts {
		parts := openParts(t, study, s.folder)
		parts.Targets = []ecrf.Target{&workplace{}}
		return parts
	}
	parts := live(withRule(t, state, firstRule))
	mustRun(t, parts)
	first, _ := sexes(t, parts)
	if n := len(told(t, parts, audit.MappingApproved)); n != 1 || len(first) == 0 {
		t.Fatalf("%d entries about the first mapping, %d cells", n, len(first))
	}

	study := withRule(t, state, secondRule)
	parts = live(study)
	o := mustRun(t, parts)
	if !slices.Equal(o.Tally.Awaited, []string{"demographics.sex"}) {
		t.Errorf("%v wait", o.Tally.Awaited)
	}
	held, states := sexes(t, parts)
	if !slices.Equal(held, first) || states[ecrf.Outdated] == 0 {
		t.Errorf("before the approval the values are %v, their states %v", held, states)
	}
	again(t, parts)

	p := &pipeline.Preview{}
	if _, err := pipeline.Run(t.Context(), parts, pipeline.Options{AsOf: asOfTruth(study.Zone), Workers: 2, Preview: p, Full: true}); err != nil {
		t.Fatal(err)
	}
	cells := p.Cells(study.Dictionary)
	if len(cells) != states[ecrf.Outdated] {
		t.Errorf("the preview has %d cells of %d", len(cells), states[ecrf.Outdated])
	}
	for _, c := range cells {
		if c.Item != "sex" || c.Action != "corrected, awaits approval" || c.Stored == c.Incoming {
			t.Errorf("the preview has %+v", c)
		}
	}

	hash, now := study.Mapping.Hash(), time.Date(2026, 9, 2, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		by, reason, hash string
		want             error
	}{
		"the author":       {"anna berg", "right", hash, pipeline.ErrOwnMapping},
		"nobody":           {" ", "right", hash, pipeline.ErrNobody},
		"no reason":        {"Bert", "", hash, pipeline.ErrNobody},
		"another mapping":  {"Bert", "right", strings.Repeat("0", 12), pipeline.ErrNotPreviewed},
		"too little of it": {"Bert", "right", hash[:7], pipeline.ErrNotPreviewed},
	} {
		if _, err := pipeline.ApproveMapping(t.Context(), parts, c.by, c.reason, c.hash, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	waited, err := pipeline.ApproveMapping(t.Context(), parts, "Bert", "looked at the preview", hash[:8], now)
	if err != nil || !slices.Equal(waited.Items, []string{"demographics.sex"}) {
		t.Fatalf("%+v, %v", waited, err)
	}
	if _, err := pipeline.ApproveMapping(t.Context(), parts, "Bert", "again", hash, now); !errors.Is(err, pipeline.ErrNothingWaits) {
		t.Errorf("a second approval: %v", err)
	}
	if n := len(told(t, parts, audit.MappingApproved)); n != 2 {
		t.Errorf("%d entries about approvals", n)
	}
	if o := mustRun(t, live(study)); o.Tally.Awaited != nil {
		t.Errorf("%v wait still", o.Tally.Awaited)
	}
	after, states := sexes(t, parts)
	if slices.Equal(after, first) || states[ecrf.Outdated] != 0 {
		t.Errorf("after the approval the values are %v, their states %v", after, states)
	}
	sound(t, parts)
}

func TestGoingBackToTheApprovedRuleNeedsNoApproval(t *testing.T) {
	s := newSite(t, 3, 20)
	state := t.TempDir()
	var first []string
	for i, rule := range []string{firstRule, secondRule, firstRule} {
		parts := openParts(t, withRule(t, state, rule), s.folder)
		parts.Targets = []ecrf.Target{&workplace{}}
		o := mustRun(t, parts)
		now, states := sexes(t, parts)
		switch i {
		case 0:
			first = now
		case 2:
			if o.Tally.Awaited != nil || !slices.Equal(now, first) || states[ecrf.Outdated] != 0 {
				t.Errorf("%v wait, %v, %v", o.Tally.Awaited, now, states)
			}
		}
	}
}

func TestAStudyWithFilesOnlyWaitsForNobody(t *testing.T) {
	s := newSite(t, 3, 20)
	state := t.TempDir()
	var values [2][]string
	for i, rule := range []string{firstRule, secondRule} {
		study := withRule(t, state, rule)
		study.Targets = nil
		parts := openParts(t, study, s.folder)
		mustRun(t, parts)
		values[i], _ = sexes(t, parts)
		if _, err := pipeline.ApproveMapping(t.Context(), parts, "Bert", "why not", study.Mapping.Hash(), time.Time{}); !errors.Is(err, pipeline.ErrNoLiveTarget) {
			t.Error(err)
		}
	}
	if slices.Equal(values[0], values[1]) {
		t.Error("another rule changed nothing")
	}
}
