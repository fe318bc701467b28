package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/store"
)

// filled makes a database with n rows, open and with what was written last in its write-ahead log.
func filled(t *testing.T, path string, n int) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Open("sqlite3", "file:"+path+"?_journal_mode=WAL")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.MustExec(`CREATE TABLE cells (value TEXT)`)
	for range n {
		db.MustExec(`INSERT INTO cells VALUES ('a value of some length')`)
	}
	return db
}

func TestASnapshotHasWhatAnOpenDatabaseHoldsAndIsPrivate(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "ledger.db"), filepath.Join(dir, "a copy ?.db")
	db := filled(t, from, 100)
	if err := store.Snapshot(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	db.MustExec(`DELETE FROM cells`)
	if mode := stat(t, to).Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %o, want 600", mode)
	}
	copied, err := sqlx.Open("sqlite3", "file:"+strings.ReplaceAll(to, "?", "%3f")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	var n int
	if err := copied.Get(&n, `SELECT count(*) FROM cells`); err != nil || n != 100 {
		t.Errorf("%d rows, %v; want 100", n, err)
	}
}

func TestASnapshotOverwritesNothingAndNoticesDamage(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "ledger.db"), filepath.Join(dir, "copy.db")
	db := filled(t, from, 2000)
	if err := store.Snapshot(t.Context(), from, from); err == nil {
		t.Error("a database was copied onto itself")
	}
	if err := store.Snapshot(t.Context(), filepath.Join(dir, "none.db"), to); err == nil {
		t.Error("a database that is not there was copied")
	}
	_ = db.Close()
	damage(t, from)
	if err := store.Snapshot(t.Context(), from, to); err == nil {
		t.Error("a damaged database was copied without a word")
	}
}

// damage overwrites pages in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("x", 3*4096)), 4*4096); err != nil {
		t.Fatal(err)
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}
