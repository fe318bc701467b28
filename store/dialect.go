package store

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
)

// dialect is what differs between SQLite and PostgreSQL. Statements are written with question marks, and in words that both
// understand.
type dialect interface {
	// among is the condition that a column has one of the values of a parameter, which list makes of them.
	among(column string) string
	list(values any) (any, error)
	// newestMarks is the query for the newest mark of every subject.
	newestMarks() string
	// instant is how a transaction begins that sees the ledger as it is at its beginning.
	instant() *sql.TxOptions

	// prepare makes a statement ready for a writer's connections.
	prepare(ctx context.Context, db *sqlx.DB, query string) (statement, error)
	// bulk makes a statement ready that inserts rows.
	bulk(ctx context.Context, db *sqlx.DB, r rows) (bulk, error)
	// rowsAtOnce is how many rows one statement of a bulk takes.
	rowsAtOnce() int

	begin(ctx context.Context, db *sqlx.DB) (session, error)
	// alone keeps other processes from doing the same until the transaction ends.
	alone(t *transaction, what string) error
	// lockRows is what stands behind a SELECT so that nobody else changes its rows until the transaction ends.
	lockRows() string
	insert(t *transaction, b bulk, args []any) error
	// mark gives cells that are in one state another.
	mark(t *transaction, cells []cellPlace, from, to int64) error
	word(t *transaction, text string) (int64, error)
	// scrub overwrites what was deleted of tables.
	scrub(ctx context.Context, c *connections, tables []string) error
	close(c *connections) error
}

// statement is a query that is run again and again. SQLite's are prepared; the driver of PostgreSQL knows a text again.
type statement struct {
	text     string
	prepared *sqlx.Stmt
}

// session is a transaction that changes the ledger.
type session interface {
	sqlx.QueryerContext
	sqlx.ExecerContext
	run(ctx context.Context, s statement, args ...any) error
	get(ctx context.Context, s statement, dest any, args ...any) error
	list(ctx context.Context, s statement, dest any, args ...any) error
	Commit() error
	Rollback() error
}

// cellPlace is the key of a cell.
type cellPlace struct{ subject, slot, repeat int64 }

// rows says how rows of a table are inserted.
type rows struct {
	into     string
	columns  []string
	types    string // of the columns, a letter each
	conflict string // what becomes of a row that is there
}

// Letters of rows.types.
const (
	integers = 'i'
	texts    = 't'
	blobs    = 'b'
)
