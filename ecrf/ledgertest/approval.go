package ledgertest

import (
	"maps"
	"testing"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// approvals: the newest approval counts, also after the ledger was opened again.
func approvals(t *testing.T, b *bench) {
	a, err := b.l.Approved(t.Context())
	if a != nil || err != nil {
		t.Fatalf("a new ledger has the approval %+v, %v", a, err)
	}
	want := ecrf.Approval{Mapping: "m2", Author: "anna", By: "bert", Reason: "looked at", At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Rules: map[string]string{"base.sex": "x"}}
	must(t, b.l.Approve(t.Context(), ecrf.Approval{Mapping: "m1", At: want.At, Rules: map[string]string{}}))
	must(t, b.l.Approve(t.Context(), want))
	b.reopen(t)
	got, err := b.l.Approved(t.Context())
	if err != nil || got == nil || got.Mapping != "m2" || got.By != "bert" || got.Author != "anna" || got.Reason != "looked at" || !got.At.Equal(want.At) || !maps.Equal(got.Rules, want.Rules) {
		t.Errorf("%+v, %v", got, err)
	}
}
