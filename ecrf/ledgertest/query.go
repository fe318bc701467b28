package ledgertest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crflink/crflink/ecrf"
)

// settle tells the ledger what a delivery doubts, and returns how many queries that opened.
func settle(t *testing.T, b *bench, doubts ...ecrf.Doubt) int {
	t.Helper()
	opened, err := ecrf.Bind(b.l, b.run, "edc").Settle(t.Context(), []string{Number(1)}, doubts)
	must(t, err)
	return opened
}

// states returns the states of all queries, by cause.
func states(t *testing.T, b *bench) map[ecrf.Cause]ecrf.QueryState {
	t.Helper()
	all, err := b.l.Queries(t.Context())
	must(t, err)
	found := map[ecrf.Cause]ecrf.QueryState{}
	for _, q := range all {
		found[q.Cause] = q.State
	}
	return found
}

func expect(t *testing.T, b *bench, want map[ecrf.Cause]ecrf.QueryState) {
	t.Helper()
	if d := cmp.Diff(want, states(t, b)); d != "" {
		t.Error(d)
	}
}

func queries(t *testing.T, b *bench) {
	b.put(t, 1, full())
	conflict := ecrf.Doubt{Subject: Number(1), CellKey: psa(1), Cause: ecrf.CauseConflict, Stored: "2.000", Incoming: "1.000"}
	race := ecrf.Doubt{Subject: Number(1), CellKey: psa(2), Cause: ecrf.CauseRace, Stored: "2.000"}
	if n := settle(t, b, conflict, race); n != 2 {
		t.Errorf("%d are opened", n)
	}
	b.reopen(t)
	if n := settle(t, b, conflict, race); n != 0 {
		t.Errorf("%d are opened again: a storm", n)
	}
	settle(t, b) // both doubts are gone
	expect(t, b, map[ecrf.Cause]ecrf.QueryState{ecrf.CauseConflict: ecrf.QueryResolved, ecrf.CauseRace: ecrf.QueryOpen})
	settle(t, b, conflict)
	expect(t, b, map[ecrf.Cause]ecrf.QueryState{ecrf.CauseConflict: ecrf.QueryOpen, ecrf.CauseRace: ecrf.QueryOpen})
	worked(t, b, conflict)
	if _, err := b.l.Forget(t.Context(), Number(1)); err != nil {
		t.Error(err)
	}
	expect(t, b, map[ecrf.Cause]ecrf.QueryState{})
}

// worked is a person's work on the first query.
func worked(t *testing.T, b *bench, conflict ecrf.Doubt) {
	at := time.Date(2026, 1, 16, 9, 30, 0, 0, time.UTC)
	for _, s := range []ecrf.QueryStep{{At: at, By: "anna", Did: ecrf.Assigned, Text: "bert"}, {At: at, By: "bert", Did: ecrf.Commented, Text: "asked the site"}} {
		must(t, b.l.StepQuery(t.Context(), 1, s))
	}
	expect(t, b, map[ecrf.Cause]ecrf.QueryState{ecrf.CauseConflict: ecrf.QueryAnswered, ecrf.CauseRace: ecrf.QueryOpen})
	must(t, b.l.StepQuery(t.Context(), 1, ecrf.QueryStep{At: at, By: "bert", Did: ecrf.Closed, Text: "the site is right"}))
	settle(t, b, conflict) // it stays as the person found it
	expect(t, b, map[ecrf.Cause]ecrf.QueryState{ecrf.CauseConflict: ecrf.QueryClosed, ecrf.CauseRace: ecrf.QueryOpen})
	all, err := b.l.Queries(t.Context())
	must(t, err)
	want := ecrf.DataQuery{ID: 1, Target: "edc", Site: "site-a", Doubt: conflict, State: ecrf.QueryClosed, Assignee: "bert", History: []ecrf.QueryStep{
		{At: asOf, Did: ecrf.Opened}, {At: asOf, Did: ecrf.Resolved}, {At: asOf, Did: ecrf.Reopened},
		{At: at, By: "anna", Did: ecrf.Assigned, Text: "bert"}, {At: at, By: "bert", Did: ecrf.Commented, Text: "asked the site"},
		{At: at, By: "bert", Did: ecrf.Closed, Text: "the site is right"},
	}}
	if d := cmp.Diff(want, all[0]); d != "" {
		t.Error(d)
	}
	conflict.Stored = "3.000"
	settle(t, b, conflict) // another entry is another question
	expect(t, b, map[ecrf.Cause]ecrf.QueryState{ecrf.CauseConflict: ecrf.QueryOpen, ecrf.CauseRace: ecrf.QueryOpen})
	if err := b.l.StepQuery(t.Context(), 99, ecrf.QueryStep{At: at, Did: ecrf.Closed}); !errors.Is(err, ecrf.ErrNoQuery) {
		t.Errorf("an unknown number: %v", err)
	}
}
