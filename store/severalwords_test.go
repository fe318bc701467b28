package store_test

import (
	"bytes"
	"testing"

	"github.com/crflink/crflink/audit/audittest"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
)

// TestAProcessReadsWordsThatAnotherAddedBeforeItsOwn: what both wrote reads as it does for one that has just opened the ledger.
func TestAProcessReadsWordsThatAnotherAddedBeforeItsOwn(t *testing.T) {
	sv, s := newServer(t), audittest.NewStudy(t, 1)
	p := sv.place()
	one, two := newPair(t, sv, p, s), newPair(t, sv, p, s)
	for i, x := range []struct {
		by   *pair
		book ledgertest.Book
	}{{one, ledgertest.Book{Sex: "1", Weight: "80.0"}}, {two, ledgertest.Book{Sex: "1"}}, {one, ledgertest.Book{Weight: "70.0"}}} {
		book := x.book.Casebook(t, ledgertest.Dictionary(t), newSubject(t, ledgertest.Number(i+1)))
		check(t, x.by.l.Apply(t.Context(), x.by.run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{ecrf.Reconcile(nil, book, "permitted", "", "d")}}))
	}
	dump := func(l ecrf.Ledger) string {
		var b bytes.Buffer
		check(t, ecrf.Dump(t.Context(), &b, l))
		return b.String()
	}
	fresh := dump(closed(t, openPostgres(t, p, ledgertest.Dictionary(t))))
	if a, b := dump(one.l), dump(two.l); a != fresh || b != fresh {
		t.Errorf("%s\n%s\n%s", fresh, a, b)
	}
}
