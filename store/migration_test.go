package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/store/database"
)

// TestALedgerOfTheFirstVersionIsBroughtUpToDate opens a file that the first schema made and filled: what it held is there, and
// what came later works.
func TestALedgerOfTheFirstVersionIsBroughtUpToDate(t *testing.T) {
	d := ledgertest.Dictionary(t)
	path := filepath.Join(t.TempDir(), "ledger.db")
	old, err := sqlx.Open("sqlite3", path)
	check(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, old.DB, os.DirFS("migrations/sqlite"))
	check(t, err)
	_, err = provider.UpTo(t.Context(), 1)
	check(t, err)
	for _, statement := range []string{
		"INSERT INTO study VALUES (1, '" + d.Study + "', 'hash')", "INSERT INTO subject VALUES (1, 'S1', 'site-a', 'permitted', 'granted', 'd', '')",
		"INSERT INTO page VALUES (1, 'baseline', 'base')", "INSERT INTO slot VALUES (1, 1, 'sex')", "INSERT INTO word VALUES (1, ''), (2, 'new'), (3, 'edc'), (4, 'written')",
		"INSERT INTO run (as_of, inputs) VALUES ('2026-01-15T02:00:00Z', '{}')", "INSERT INTO delivery VALUES (1, 3, 1, 0, '1', 4, 1)",
		"INSERT INTO origin VALUES (1, 1, 1, 'Patient/x', '', '')", "INSERT INTO cell VALUES (1, 1, 0, '1', 1, 2, 1, 1, 1, NULL, NULL)",
	} {
		_, err := old.Exec(statement)
		check(t, err)
	}
	check(t, old.Close())
	l, err := store.OpenLedger(t.Context(), path, d)
	check(t, err)
	defer func() { check(t, l.Close()) }()
	book, err := l.Subject(t.Context(), "S1")
	check(t, err)
	if book == nil || len(book.Cells) != 1 || book.Cells[0].Value != "1" {
		t.Fatalf("the casebook is %+v", book)
	}
	key := ecrf.CellKey{Event: "baseline", Form: "base", Item: "sex"}
	if last, err := l.LastWritten(t.Context(), "edc", "S1"); err != nil || last[key].Value != "1" || last[key].Sent != "" || last[key].Instance != 0 {
		t.Errorf("%+v, %v", last, err)
	}
	doubt := ecrf.Doubt{Subject: "S1", CellKey: key, Cause: ecrf.CauseConflict, Stored: "2", Incoming: "1"}
	if n, err := l.SettleQueries(t.Context(), 1, "edc", []string{"S1"}, []ecrf.Doubt{doubt}); n != 1 || err != nil {
		t.Errorf("%d queries, %v", n, err)
	}
	check(t, l.SeeJournal(t.Context(), 1))
	check(t, l.Received(t.Context(), 1, "tables", []string{"Centre"}))
	check(t, l.NameWithdrawn(t.Context(), 1, "S1"))
	if n, err := l.Anonymise(t.Context(), "S1", "X1"); n != 1 || err != nil {
		t.Errorf("%d cells, %v", n, err)
	}
	if facts, err := l.Facts(t.Context(), []string{"X1"}); err != nil || facts["X1"].Outcome != ecrf.OutcomeWithdrawn {
		t.Errorf("%+v, %v", facts, err)
	}
}

func TestALedgerOfANewerProgramIsRefusedAndStaysAsItIs(t *testing.T) {
	d := ledgertest.Dictionary(t)
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := store.OpenLedger(t.Context(), path, d)
	check(t, err)
	check(t, l.Close())
	db, err := sqlx.Open("sqlite3", path)
	check(t, err)
	defer func() { check(t, db.Close()) }()
	db.MustExec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	if l, err := store.OpenLedger(t.Context(), path, d); !errors.Is(err, database.ErrNewer) {
		t.Errorf("%v, %v; want a refusal", l, err)
	}
	var n int
	check(t, db.Get(&n, "SELECT count(*) FROM goose_db_version WHERE version_id = 9999"))
	if n != 1 {
		t.Error("the schema's version was changed")
	}
}
