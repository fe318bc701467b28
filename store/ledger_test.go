package store_test

import (
	"path/filepath"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/store"
)

func openLedger(t testing.TB, dir string, d *ecrf.Dictionary) ecrf.Ledger {
	t.Helper()
	l, err := store.OpenLedger(t.Context(), filepath.Join(dir, "ledger.db"), d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSQLitePassesTheLedgerExam(t *testing.T) {
	ledgertest.Run(t, ledgertest.Candidate{Open: openLedger, Subject: newSubject})
}
