package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

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
