package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/audit/audittest"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/store"
	"github.com/crflink/crflink/store/database"
	"github.com/crflink/crflink/store/postgres"
)

// server is a cluster with a database in which every folder of a test is a schema.
type server struct {
	*shared.Cluster
	address postgres.Address
	schemas atomic.Int64
}

func newServer(t testing.TB) *server {
	t.Helper()
	cluster := shared.Postgres(t)
	return &server{Cluster: cluster, address: postgres.Address{URL: cluster.Database(t, "ledgers"), Password: cluster.Password}}
}

// place is a schema that is not there yet.
func (s *server) place() store.Place {
	return store.Place{Address: s.address, Schema: fmt.Sprint("study_", s.schemas.Add(1))}
}

// placeOf is the schema of a folder: the folder keeps its name.
func (s *server) placeOf(t testing.TB, dir string) store.Place {
	t.Helper()
	path := filepath.Join(dir, "schema")
	p := s.place()
	if name, err := os.ReadFile(path); err == nil {
		p.Schema = string(name)
		return p
	}
	db := s.as(t, "ledgers", p)
	t.Cleanup(func() { db.MustExec("DROP SCHEMA " + p.Schema + " CASCADE") }) // the next one shall not find its bytes
	check(t, os.WriteFile(path, []byte(p.Schema), 0o600))
	return p
}

func openPostgres(t testing.TB, p store.Place, d *ecrf.Dictionary) *store.Postgres {
	t.Helper()
	l, err := store.OpenPostgres(t.Context(), p, d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// closed closes the ledger with the test.
func closed(t testing.TB, l *store.Postgres) *store.Postgres {
	t.Cleanup(func() { check(t, l.Close()) })
	return l
}

// as connects to the database with the ledger's tables before all others.
func (s *server) as(t testing.TB, user string, p store.Place) *sqlx.DB {
	t.Helper()
	a := s.address
	a.URL = strings.Replace(a.URL, "//ledgers@", "//"+user+"@", 1) + "?search_path=" + p.Schema
	db, err := database.Postgres(a, "test")
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	return db
}

// holding returns the file of the database in whose bytes the text occurs.
func (s *server) holding(t testing.TB, text string) string {
	t.Helper()
	s.SQL(t, "ledgers", "CHECKPOINT")
	db := s.as(t, shared.Owner, store.Place{Schema: "public"})
	var folder string
	check(t, db.Get(&folder, "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database WHERE datname = current_database()"))
	files, err := os.ReadDir(folder)
	check(t, err)
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err == nil && strings.Contains(string(content), text) {
			return f.Name()
		}
	}
	return ""
}

func TestPostgreSQLPassesTheLedgerExam(t *testing.T) {
	s := newServer(t)
	ledgertest.Run(t, ledgertest.Candidate{
		Open: func(t testing.TB, dir string, d *ecrf.Dictionary) ecrf.Ledger {
			return openPostgres(t, s.placeOf(t, dir), d)
		},
		Subject: newSubject,
		Holding: func(t testing.TB, _, text string) string { return s.holding(t, text) },
	})
}

func TestPostgreSQLPassesTheAuditExam(t *testing.T) {
	s := newServer(t)
	audittest.Run(t, func(t *testing.T, dir string) audit.Log {
		return closed(t, openPostgres(t, s.placeOf(t, dir), ledgertest.Dictionary(t))).Audit()
	})
}

func TestPostgreSQLItselfRefusesToChangeAnEntry(t *testing.T) {
	s := newServer(t)
	place := s.place()
	log := closed(t, openPostgres(t, place, ledgertest.Dictionary(t))).Audit()
	check(t, log.Append(t.Context(), true, func(audit.Head) ([]audit.Entry, error) {
		return []audit.Entry{{Number: 1, Payload: []byte{1}, Before: []byte{0}, Digest: []byte{1}}, {Number: 2, Payload: []byte{2}, Before: []byte{1}, Digest: []byte{2}}}, nil
	}))
	statements := []string{
		"UPDATE audit SET actor = 'another' WHERE number = 1",
		"DELETE FROM audit",
		"DELETE FROM audit WHERE false",
		"TRUNCATE audit",
		"INSERT INTO audit SELECT number, at, 'another', kind, subject, mark, payload, before, digest FROM audit WHERE number = 2 ON CONFLICT (number) DO UPDATE SET actor = excluded.actor",
		"INSERT INTO audit SELECT 0, at, actor, kind, subject, mark, payload, before, digest FROM audit WHERE number = 2",
	}
	// The ledger's own role lacks the right; who may do everything meets the triggers.
	for user, says := range map[string]string{"ledgers": "permission denied", shared.Owner: "an entry of the audit"} {
		db := s.as(t, user, place)
		for _, statement := range statements {
			_, err := db.Exec(statement)
			if err == nil || !strings.Contains(err.Error(), says) && !strings.Contains(err.Error(), "comes after all others") {
				t.Errorf("%s, as %s: %v", statement, user, err)
			}
		}
		var n int
		if check(t, db.Get(&n, "SELECT count(*) FROM audit WHERE actor = ''")); n != 2 {
			t.Errorf("%d entries are as they were", n)
		}
	}
}

func TestALedgerOfANewerProgramInPostgreSQLIsRefusedAndStaysAsItIs(t *testing.T) {
	s, d := newServer(t), ledgertest.Dictionary(t)
	place := s.place()
	check(t, openPostgres(t, place, d).Close())
	db := s.as(t, "ledgers", place)
	db.MustExec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)")
	if l, err := store.OpenPostgres(t.Context(), place, d); !errors.Is(err, database.ErrNewer) {
		t.Errorf("%v, %v; want a refusal", l, err)
	}
	var n int
	if check(t, db.Get(&n, "SELECT count(*) FROM goose_db_version")); n != 3 { // 0, 1 and the newer one
		t.Errorf("the schema's version was changed: %d rows", n)
	}
}

// TestWhatMustBeOnDiskIs even where the server is set up to be quick.
func TestWhatMustBeOnDiskIs(t *testing.T) {
	s, d := newServer(t), ledgertest.Dictionary(t)
	s.SQL(t, "ledgers", "ALTER ROLE ledgers SET synchronous_commit = off")
	l := closed(t, openPostgres(t, s.place(), d))
	var setting string
	check(t, l.Together(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SHOW synchronous_commit").Scan(&setting)
	}))
	if setting != "on" {
		t.Errorf("synchronous_commit is %s", setting)
	}
}

func TestAPlaceThatIsNotSafeIsRefused(t *testing.T) {
	for _, p := range []store.Place{
		{Address: postgres.Address{URL: "postgres://r@127.0.0.1/d"}, Schema: `x"; DROP SCHEMA y; --`},
		{Address: postgres.Address{URL: "postgres://r@127.0.0.1/d"}, Schema: ""},
		{Address: postgres.Address{URL: "postgres://r:canary@127.0.0.1/d"}, Schema: "x"},
		{Address: postgres.Address{URL: "postgres://r@db.example/d?sslmode=require"}, Schema: "x"},
	} {
		if _, err := store.OpenPostgres(t.Context(), p, ledgertest.Dictionary(t)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func BenchmarkApplyNewSubjectsToPostgreSQL(b *testing.B) {
	s, d := newServer(b), ledgertest.Dictionary(b)
	l := closed(b, openPostgres(b, s.place(), d))
	run, err := l.Begin(b.Context(), ecrf.Run{})
	check(b, err)
	const batch = 200
	cells, first := 0, 0
	for b.Loop() {
		b.StopTimer()
		subjects := changes(b, d, first, batch)
		first += batch
		b.StartTimer()
		check(b, l.Apply(b.Context(), run, ecrf.Batch{Subjects: subjects}))
		cells += batch * 22
	}
	b.ReportMetric(float64(cells)/b.Elapsed().Seconds(), "cells/s")
}
