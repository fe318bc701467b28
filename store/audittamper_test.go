package store_test

import (
	"path/filepath"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/audit/audittest"
)

// recorded fills a log with 3 entries of one transaction, 4 of the next, and 1.
func recorded(t testing.TB, s *audittest.Study, log audit.Log) {
	t.Helper()
	r := s.Recorder(t, log)
	var events []audit.Event
	for i, subject := range s.Subjects {
		events = append(events, audit.Event{Kind: audit.Decided, Subject: subject, Mark: audit.Mark{byte(i + 1)}, Detail: audit.Decision{Outcome: "permitted"}})
	}
	check(t, r.Record(t.Context(), append(events[:2:2], audit.Event{Kind: audit.RunBegun, Detail: audit.Run{Study: "s"}})...))
	check(t, r.Record(t.Context(), events[2:]...))
	check(t, r.Record(t.Context(), audit.Event{Kind: audit.Inspected, Detail: audit.Inspection{Command: "c"}}))
}

// TestWhatSomebodyChangesInTheDatabaseIsFound lets somebody who has the file, and has removed its triggers, change it.
func TestWhatSomebodyChangesInTheDatabaseIsFound(t *testing.T) {
	const columns = "at, actor, kind, subject, mark, payload, before, digest"
	for _, change := range []string{
		"UPDATE audit SET at = '2026-09-01T02:00:00Z' WHERE number = 3",
		"UPDATE audit SET at = at || ' ' WHERE number = 8",
		"UPDATE audit SET actor = 'nobody' WHERE number = 1",
		"UPDATE audit SET kind = 'casebook' WHERE number = 5",
		"UPDATE audit SET subject = (SELECT subject FROM audit WHERE number = 4) WHERE number = 5",
		"UPDATE audit SET subject = NULL WHERE number = 5",
		"UPDATE audit SET subject = x'00' WHERE number = 5",
		"UPDATE audit SET mark = zeroblob(32) WHERE number = 5",
		"UPDATE audit SET mark = NULL WHERE number = 5",
		"UPDATE audit SET payload = zeroblob(length(payload)) WHERE number = 8",
		"UPDATE audit SET payload = x'' WHERE number = 8",
		"UPDATE audit SET before = zeroblob(32) WHERE number = 8",
		"UPDATE audit SET before = x'' WHERE number = 1",
		"UPDATE audit SET digest = zeroblob(32) WHERE number = 8",
		"UPDATE audit SET digest = CAST(digest || x'00' AS BLOB) WHERE number = 2",
		"UPDATE audit SET number = 9 WHERE number = 8",
		"UPDATE audit SET number = 0 WHERE number = 1",
		"UPDATE audit SET number = -number",
		"DELETE FROM audit WHERE number = 1",
		"DELETE FROM audit WHERE number IN (4, 5)",
		"DELETE FROM audit WHERE number = 8",
		"DELETE FROM audit",
		"INSERT INTO audit SELECT 9, " + columns + " FROM audit WHERE number = 8",
		"UPDATE audit SET number = 100 WHERE number = 4; UPDATE audit SET number = 4 WHERE number = 5; UPDATE audit SET number = 5 WHERE number = 100",
	} {
		t.Run(change, func(t *testing.T) {
			dir, s := t.TempDir(), audittest.NewStudy(t, 6)
			log := openAudit(t, dir)
			recorded(t, s, log)
			if r := verified(t, s, log); !r.Sound() || r.Entries != 8 {
				t.Fatalf("untouched: %+v", r)
			}
			db, err := sqlx.Open("sqlite3", filepath.Join(dir, "ledger.db"))
			check(t, err)
			defer func() { check(t, db.Close()) }()
			db.MustExec("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted; DROP TRIGGER audit_only_grows")
			db.MustExec(change)
			if verified(t, s, log).Sound() {
				t.Error("it is not found")
			}
		})
	}
}

func verified(t *testing.T, s *audittest.Study, log audit.Log) *audit.Report {
	t.Helper()
	r, err := audit.Verify(t.Context(), log, s.Vault)
	check(t, err)
	return r
}

func BenchmarkAuditOfNewSubjects(b *testing.B) {
	s := audittest.NewStudy(b, 50)
	log := openAudit(b, b.TempDir())
	r := s.Recorder(b, log)
	for b.Loop() {
		drafts := make([]audit.Draft, len(s.Subjects))
		for i, subject := range s.Subjects {
			var err error
			drafts[i], err = r.Draft(audit.Event{Kind: audit.Decided, Subject: subject, Mark: audit.Mark{1}, Detail: audit.Decision{Outcome: "permitted"}})
			check(b, err)
		}
		check(b, r.Append(b.Context(), drafts...))
	}
	b.ReportMetric(float64(b.N*len(s.Subjects))/b.Elapsed().Seconds(), "entries/s")
}
