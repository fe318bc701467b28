package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

// sqlite lets one transaction write at a time: it takes the file's lock at its beginning (_txlock=immediate).
type sqlite struct{}

func (sqlite) among(column string) string { return column + " IN (SELECT value FROM json_each(?))" }

func (sqlite) list(values any) (any, error) {
	text, err := json.Marshal(values)
	return string(text), err
}

// newestMarks: SQLite takes the other columns from the row of the maximum.
func (sqlite) newestMarks() string {
	return "SELECT subject, mark, max(number) AS number FROM audit WHERE mark IS NOT NULL GROUP BY subject"
}

func (sqlite) instant() *sql.TxOptions { return nil }

func (sqlite) prepare(ctx context.Context, db *sqlx.DB, query string) (statement, error) {
	s, err := db.PreparexContext(ctx, query)
	return statement{query, s}, err
}

const rowsPerStatement = 50

func (sqlite) rowsAtOnce() int { return rowsPerStatement }

// bulk inserts many rows per statement: at 50 rows the cost of a call no longer shows.
func (q sqlite) bulk(ctx context.Context, db *sqlx.DB, r rows) (bulk, error) {
	row := " (?" + strings.Repeat(", ?", len(r.columns)-1) + ")"
	insert := "INSERT INTO " + r.into + " (" + strings.Join(r.columns, ", ") + ") VALUES" + row
	one, err := q.prepare(ctx, db, insert+r.conflict)
	many, manyErr := q.prepare(ctx, db, insert+strings.Repeat(","+row, rowsPerStatement-1)+r.conflict)
	return bulk{one: one, many: many, width: len(r.columns)}, errors.Join(err, manyErr)
}

func (sqlite) begin(ctx context.Context, db *sqlx.DB) (session, error) {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return fileSession{tx}, nil
}

func (sqlite) alone(*transaction, string) error { return nil }

func (sqlite) lockRows() string { return "" }

func (sqlite) insert(t *transaction, b bulk, args []any) error {
	for many := b.width * rowsPerStatement; len(args) >= many; args = args[many:] {
		if err := t.exec(b.many, args[:many]...); err != nil {
			return err
		}
	}
	for ; len(args) > 0; args = args[b.width:] {
		if err := t.exec(b.one, args[:b.width]...); err != nil {
			return err
		}
	}
	return nil
}

func (sqlite) mark(t *transaction, cells []cellPlace, from, to int64) error {
	for _, c := range cells {
		if err := t.exec(t.w.markCell, to, c.subject, c.slot, c.repeat, from); err != nil {
			return err
		}
	}
	return nil
}

// word adds a word, which is gone again when the transaction fails.
func (sqlite) word(t *transaction, text string) (int64, error) {
	id, err := t.get(t.w.putWord, text)
	if err == nil {
		t.added = append(t.added, text)
	}
	return id, err
}

// scrub empties the write-ahead log, which holds pages as they were before, as far as readers under way let it. Pages themselves
// are overwritten (secure_delete).
func (sqlite) scrub(ctx context.Context, c *connections, _ []string) error {
	if _, err := c.durable.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", err)
	}
	return nil
}

// close moves the write-ahead log into the file.
func (sqlite) close(c *connections) error {
	_, err := c.durable.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(err, c.read.Close(), c.write.Close(), c.durable.Close())
}

// fileSession is a transaction of a SQLite file.
type fileSession struct{ *sqlx.Tx }

// run asks instead of executing: the driver takes the values of a query to SQLite all at once, those of an Exec one by one, and
// SQLite has done the whole of it when the first step is done. A statement is short, and one that can be interrupted costs a goroutine.
func (s fileSession) run(ctx context.Context, q statement, args ...any) (err error) {
	done, err := s.StmtxContext(ctx, q.prepared).QueryContext(context.WithoutCancel(ctx), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done.Close()) }()
	return done.Err()
}

func (s fileSession) get(ctx context.Context, q statement, dest any, args ...any) error {
	return s.StmtxContext(ctx, q.prepared).GetContext(ctx, dest, args...) //nolint:sqlclosecheck // the transaction closes its statements
}

func (s fileSession) list(ctx context.Context, q statement, dest any, args ...any) error {
	return s.StmtxContext(ctx, q.prepared).SelectContext(ctx, dest, args...) //nolint:sqlclosecheck // the transaction closes its statements
}
