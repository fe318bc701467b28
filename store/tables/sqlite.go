package tables

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // the driver sqlite3

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/tabular"
)

// NewSQLite returns a target that writes a file of SQLite. The file's folder is made with mode 0700, and the file with mode
// 0600, when it is delivered to and they are not there.
func NewSQLite(name, file string) (*Target, error) {
	if name == "" || file == "" {
		return nil, errors.New("a target of kind sqlite needs a name and a file")
	}
	return &Target{name, sqliteFile(file)}, nil
}

type sqliteFile string

func (f sqliteFile) kind() string { return "sqlite" }

func (f sqliteFile) file() string { return string(f) }

func (f sqliteFile) there(context.Context) (bool, error) {
	_, err := os.Stat(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (f sqliteFile) open() *sqlx.DB {
	options := url.Values{"_txlock": {"immediate"}, "_synchronous": {"FULL"}, "_secure_delete": {"on"}, "_busy_timeout": {"10000"}, "_journal_mode": {"DELETE"}, "_cache_size": {"-4000"}}
	db := sqlx.MustOpen("sqlite3", "file:"+(&url.URL{Path: string(f)}).EscapedPath()+"?"+options.Encode())
	db.SetMaxOpenConns(1)
	return db
}

func (f sqliteFile) begin(ctx context.Context) (session, error) {
	if err := os.MkdirAll(filepath.Dir(string(f)), 0o700); err != nil {
		return nil, err
	}
	private, err := os.OpenFile(string(f), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := private.Close(); err != nil {
		return nil, err
	}
	db := f.open()
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), db.Close())
	}
	return &sqliteSession{db: db, tx: tx, inserts: map[statement]*sqlx.Stmt{}}, nil
}

// scrub: what was deleted is overwritten already (secure_delete).
func (f sqliteFile) scrub(context.Context) error { return nil }

// statement inserts so many rows into a table.
type statement struct {
	table *tabular.Table
	rows  int
}

type sqliteSession struct {
	db      *sqlx.DB
	tx      *sqlx.Tx
	inserts map[statement]*sqlx.Stmt
	ended   bool
	args    []any // reused
}

func (s *sqliteSession) name(table string) string { return quote(table) }

var sqliteTypes = map[ecrf.Type]string{ecrf.Integer: "INTEGER", ecrf.Decimal: "REAL", ecrf.Boolean: "INTEGER"}

func (s *sqliteSession) columnType(c *tabular.Column) string {
	if t := sqliteTypes[c.Type]; t != "" {
		return t
	}
	return "TEXT"
}

func (s *sqliteSession) tables(ctx context.Context) (names []string, err error) {
	err = s.tx.SelectContext(ctx, &names, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
	return names, err
}

func (s *sqliteSession) exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.tx.ExecContext(ctx, statement, args...)
	return err
}

func (s *sqliteSession) pairs(ctx context.Context, statement string, args ...any) (map[string]string, error) {
	var rows []struct{ Name, Value string }
	if err := s.tx.SelectContext(ctx, &rows, statement, args...); err != nil {
		return nil, err
	}
	all := make(map[string]string, len(rows))
	for _, r := range rows {
		all[r.Name] = r.Value
	}
	return all, nil
}

// manyRows is how many rows one statement inserts: each statement costs a little.
const manyRows = 20

func (s *sqliteSession) load(ctx context.Context, t *tabular.Table, rows []string) error {
	columns := len(t.Columns)
	for len(rows) > 0 {
		n := 1
		if len(rows) >= manyRows*columns {
			n = manyRows
		}
		if err := s.insert(ctx, t, rows[:n*columns], n); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		rows = rows[n*columns:]
	}
	return ctx.Err()
}

func (s *sqliteSession) insert(ctx context.Context, t *tabular.Table, rows []string, n int) error {
	key := statement{t, n}
	insert := s.inserts[key]
	if insert == nil {
		places := "(" + strings.TrimSuffix(strings.Repeat("?,", len(t.Columns)), ",") + ")"
		var err error
		if insert, err = s.tx.PreparexContext(ctx, "INSERT INTO "+quote(t.Name)+" VALUES "+strings.TrimSuffix(strings.Repeat(places+",", n), ",")); err != nil {
			return err
		}
		s.inserts[key] = insert
	}
	s.args = s.args[:0]
	for i, text := range rows {
		s.args = append(s.args, sqliteValue(t, i%len(t.Columns), text))
	}
	// A statement that could be interrupted costs a goroutine each; load looks at the context in between.
	_, err := insert.ExecContext(context.WithoutCancel(ctx), s.args...)
	return err
}

// sqliteValue gives a text to a column; SQLite makes a number of it where the column holds numbers.
func sqliteValue(t *tabular.Table, i int, text string) any {
	switch {
	case text == "" && i >= t.Keys:
		return nil
	case t.Columns[i].Type == ecrf.Boolean:
		return text == "true"
	}
	return text
}

func (s *sqliteSession) commit(context.Context) error {
	s.ended = true
	return errors.Join(s.tx.Commit(), s.close())
}

func (s *sqliteSession) rollback() {
	if !s.ended {
		s.ended = true
		_ = s.tx.Rollback() // SQLite rolls back at the next opening, too
		_ = s.close()
	}
}

func (s *sqliteSession) close() error {
	var errs []error
	for _, insert := range s.inserts {
		errs = append(errs, insert.Close())
	}
	return errors.Join(append(errs, s.db.Close())...)
}
