package ledgertest

import (
	"testing"

	"github.com/crflink/crflink/ecrf"
)

func version(t *testing.T, b *bench) {
	seen := map[string]string{}
	now := func() string {
		t.Helper()
		v, err := b.l.Version(t.Context())
		must(t, err)
		return v
	}
	last := now()
	another := func(what string) {
		t.Helper()
		v := now()
		if before, ok := seen[v]; ok || v == last {
			t.Errorf("%s left the version as it was%s", what, before)
		}
		seen[last], last = " before", v
	}
	same := func(what string) {
		t.Helper()
		if now() != last {
			t.Errorf("%s made another version", what)
		}
	}
	for n := 1; n <= 3; n++ {
		b.put(t, n, full())
		another("a new subject")
	}
	facts := b.change(t, 1, full())
	facts.Facts.Outcome, facts.Cells = "held", nil
	must(t, b.l.Apply(t.Context(), b.run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{facts}}))
	another("another standing")
	must(t, b.l.Apply(t.Context(), b.run, ecrf.Batch{Checkpoint: "s1"}))
	must(t, b.l.Leave(t.Context(), "tables", "x"))
	must(t, b.l.Advance(t.Context(), "monday", map[string]string{Number(1): "a"}))
	must(t, b.l.Finish(t.Context(), b.run, nil))
	b.reopen(t)
	same("a run that changed nothing")
	must(t, b.l.MarkWritten(t.Context(), b.run, "edc", []ecrf.Delivered{{Subject: Number(1), CellKey: psa(1), Value: "1.000", State: ecrf.Written}}))
	another("what a target took")
	must(t, b.l.Freeze(t.Context(), Number(1)))
	another("a freeze")
	_, err := b.l.Anonymise(t.Context(), Number(2), "other")
	must(t, err)
	another("an anonymisation")
	_, err = b.l.Forget(t.Context(), Number(3))
	must(t, err)
	another("an erasure")
}

func left(t *testing.T, b *bench) {
	check := func(output, want string) {
		t.Helper()
		if text, err := b.l.Left(t.Context(), output); text != want || err != nil {
			t.Errorf("%s was left with %q, %v; want %q", output, text, err, want)
		}
	}
	check("tables", "")
	must(t, b.l.Leave(t.Context(), "tables", "a"))
	must(t, b.l.Leave(t.Context(), "imaging", "b"))
	b.reopen(t)
	check("tables", "a")
	must(t, b.l.Leave(t.Context(), "tables", "c"))
	check("tables", "c")
	check("imaging", "b")
	check("", "")
}
