package tables

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/mattn/go-sqlite3"

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
	conn, err := db.Connx(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), db.Close())
	}
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), conn.Close(), db.Close())
	}
	return &sqliteSession{db: db, conn: conn, tx: tx, inserts: map[statement]*insert{}}, nil
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
	conn    *sqlx.Conn // the only one
	tx      *sqlx.Tx
	inserts map[statement]*insert
	ended   bool
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

// load inserts through the driver's own connection: what database/sql does for every value costs as much as SQLite does.
func (s *sqliteSession) load(ctx context.Context, t *tabular.Table, rows []string) error {
	err := s.conn.Raw(func(conn any) error {
		lite, ok := conn.(*sqlite3.SQLiteConn)
		if !ok {
			return errors.New("the driver's connection is not SQLite's")
		}
		return s.insertAll(ctx, lite, t, rows)
	})
	if err != nil {
		return fmt.Errorf("table %s: %w", t.Name, err)
	}
	return nil
}

// manyRows is how many rows one statement inserts: each statement costs a little.
const manyRows = 50

func (s *sqliteSession) insertAll(ctx context.Context, conn *sqlite3.SQLiteConn, t *tabular.Table, rows []string) error {
	columns := len(t.Columns)
	for len(rows) > 0 && ctx.Err() == nil {
		n := 1
		if len(rows) >= manyRows*columns {
			n = manyRows
		}
		i, err := s.inserting(conn, statement{t, n})
		if err == nil {
			err = i.rows(rows[:n*columns])
		}
		if err != nil {
			return err
		}
		rows = rows[n*columns:]
	}
	return ctx.Err()
}

// inserting returns the prepared statement.
func (s *sqliteSession) inserting(conn *sqlite3.SQLiteConn, of statement) (*insert, error) {
	if i := s.inserts[of]; i != nil {
		return i, nil
	}
	places := "(" + strings.TrimSuffix(strings.Repeat("?,", len(of.table.Columns)), ",") + ")"
	prepared, err := conn.Prepare("INSERT INTO " + quote(of.table.Name) + " VALUES " + strings.TrimSuffix(strings.Repeat(places+",", of.rows), ","))
	if err != nil {
		return nil, err
	}
	lite, ok := prepared.(*sqlite3.SQLiteStmt)
	if !ok {
		return nil, errors.Join(errors.New("the driver's statement is not SQLite's"), prepared.Close())
	}
	i := newInsert(lite, of)
	s.inserts[of] = i
	return i, nil
}

// insert is a prepared statement with the values of its newest rows.
type insert struct {
	statement
	prepared *sqlite3.SQLiteStmt
	args     []driver.NamedValue
	texts    []string // what args was made of, which is much the same from row to row
}

func newInsert(prepared *sqlite3.SQLiteStmt, of statement) *insert {
	places := of.rows * len(of.table.Columns)
	i := &insert{statement: of, prepared: prepared, args: make([]driver.NamedValue, places), texts: make([]string, places)}
	for n := range i.args {
		i.args[n] = driver.NamedValue{Ordinal: n + 1, Value: sqliteValue(of.table, n%len(of.table.Columns), "")}
	}
	return i
}

// rows inserts rows. The driver takes the values of a query, other than those of an Exec, to SQLite all at once, and SQLite has done
// the whole of it when the first step is done.
func (i *insert) rows(texts []string) error {
	columns := len(i.table.Columns)
	for n, text := range texts {
		if text == i.texts[n] {
			continue
		}
		i.texts[n] = text
		if n >= columns && text == i.texts[n-columns] {
			i.args[n].Value = i.args[n-columns].Value // of the row above
			continue
		}
		i.args[n].Value = sqliteValue(i.table, n%columns, text)
	}
	// One that could be interrupted costs a goroutine each; insertAll looks at the context in between.
	done, err := i.prepared.QueryContext(context.Background(), i.args)
	if err != nil {
		return err
	}
	return done.Close()
}

// sqliteValue gives a text to a column; SQLite makes a number of it where the column holds numbers.
func sqliteValue(t *tabular.Table, i int, text string) driver.Value {
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
	for _, i := range s.inserts {
		errs = append(errs, i.prepared.Close())
	}
	return errors.Join(append(errs, s.conn.Close(), s.db.Close())...)
}
