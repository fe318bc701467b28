package store_test

import (
	"path/filepath"
	"strings"
	"sync"
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

func TestTwoProcessesAppendOneChain(t *testing.T) {
	dir, s := t.TempDir(), audittest.NewStudy(t, 2)
	var group sync.WaitGroup
	for range 2 { // a handle of its own each, as a run and an explanation beside it have
		r := s.Recorder(t, openAudit(t, dir))
		for range 3 {
			group.Go(func() {
				for range 15 {
					if err := r.Record(t.Context(), audit.Event{Kind: audit.Inspected, Detail: audit.Inspection{Command: "c"}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	group.Wait()
	if r := verified(t, s, openAudit(t, dir)); !r.Sound() || r.Entries != 90 || r.Anchor != r.Head {
		t.Errorf("%+v", r)
	}
}
