package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/ledgertest"
	"github.com/crflink/crflink/store"
	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3"
)

func TestTheFileIsPrivateAlsoWhenItWasNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.db")
	check(t, os.WriteFile(path, nil, 0o644))
	l := openLedger(t, dir, ledgertest.Dictionary(t))
	defer func() { check(t, l.Close()) }()
	files, err := filepath.Glob(path + "*")
	check(t, err)
	if len(files) < 3 {
		t.Errorf("files %v: no write-ahead log", files)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
}

func TestTheViewShowsCellsAsText(t *testing.T) {
	dir := t.TempDir()
	d := ledgertest.Dictionary(t)
	l := openLedger(t, dir, d)
	run, err := l.Begin(t.Context(), ecrf.Run{})
	check(t, err)
	book := ledgertest.Book{Sex: "1"}.Casebook(t, d, newSubject(t, "S1"))
	check(t, l.Apply(t.Context(), run, ecrf.Batch{Subjects: []*ecrf.SubjectChange{ecrf.Reconcile(nil, book, "permitted", "", "")}}))
	check(t, l.Close())
	db, err := sqlx.Open("sqlite3", filepath.Join(dir, "ledger.db"))
	check(t, err)
	defer func() { check(t, db.Close()) }()
	var rows []string
	check(t, db.Select(&rows, `SELECT subject||'|'||site||'|'||event||'|'||form||'|'||repeat||'|'||item||'|'||coalesce(value, '')||'|'||missing||'|'||state
		||'|'||source||'|'||resource||'|'||version||'|'||path||'|'||original_value||'|'||original_unit||'|'||rule||'|'||effective FROM cells ORDER BY item`))
	want := "S1|site-a|baseline|base|0|sex|1||new|hospital|Observation/k-sex|3|Observation.value|10|unit of sex|sex|2024-05-06\n" +
		"S1|site-a|baseline|base|0|weight||no-resource|new|||||||weight|"
	if got := strings.Join(rows, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestACorruptFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "ledger.db"), []byte(strings.Repeat("not a database ", 100)), 0o600))
	l, err := store.OpenLedger(t.Context(), filepath.Join(dir, "ledger.db"), ledgertest.Dictionary(t))
	if err == nil {
		check(t, l.Close())
		t.Error("a file that is no database was opened")
	}
}
