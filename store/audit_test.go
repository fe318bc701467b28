package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/audit/audittest"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/store"
)

func openAudit(t testing.TB, dir string) audit.Log {
	t.Helper()
	l, err := store.OpenLedger(t.Context(), filepath.Join(dir, "ledger.db"), ledgertest.Dictionary(t))
	check(t, err)
	t.Cleanup(func() { check(t, l.Close()) })
	return l.Audit()
}

func TestSQLitePassesTheAuditExam(t *testing.T) {
	audittest.Run(t, func(t *testing.T, dir string) audit.Log { return openAudit(t, dir) })
}

func TestTheDatabaseItselfRefusesToChangeAnEntry(t *testing.T) {
	dir := t.TempDir()
	log := openAudit(t, dir)
	check(t, log.Append(t.Context(), true, func(audit.Head) ([]audit.Entry, error) {
		return []audit.Entry{{Number: 1, Payload: []byte{1}, Before: []byte{0}, Digest: []byte{1}}, {Number: 2, Payload: []byte{2}, Before: []byte{1}, Digest: []byte{2}}}, nil
	}))
	db, err := sqlx.Open("sqlite3", filepath.Join(dir, "ledger.db"))
	check(t, err)
	defer func() { check(t, db.Close()) }()
	for _, statement := range []string{
		"UPDATE audit SET actor = 'another' WHERE number = 1",
		"DELETE FROM audit WHERE number = 2",
		"DELETE FROM audit",
		"INSERT OR REPLACE INTO audit SELECT number, at, 'another', kind, subject, mark, payload, before, digest FROM audit WHERE number = 2",
		"INSERT INTO audit SELECT 0, at, actor, kind, subject, mark, payload, before, digest FROM audit WHERE number = 2",
	} {
		if _, err := db.Exec(statement); err == nil || !strings.Contains(err.Error(), "an entry of the audit") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
