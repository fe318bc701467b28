package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

// server is PostgreSQL. Transactions of several processes go on side by side (READ COMMITTED); where they must not, alone and
// lockRows see to it.
type server struct{}

func (server) among(column string) string { return column + " = ANY(?)" }

func (server) list(values any) (any, error) { return values, nil }

func (server) newestMarks() string {
	return "SELECT DISTINCT ON (subject) subject, mark, number FROM audit WHERE mark IS NOT NULL ORDER BY subject, number DESC"
}

func (server) instant() *sql.TxOptions { return &instantOfServer }

func (server) prepare(_ context.Context, db *sqlx.DB, query string) (statement, error) {
	return statement{text: db.Rebind(query)}, nil
}

// rowsAtOnce: all rows of a statement travel together.
func (server) rowsAtOnce() int { return 5000 }

var arrayTypes = map[rune]string{integers: "bigint", texts: "text", blobs: "bytea"}

// bulk inserts any number of rows by one statement, whose parameters are columns.
func (q server) bulk(ctx context.Context, db *sqlx.DB, r rows) (bulk, error) {
	columns := make([]string, 0, len(r.columns))
	for _, c := range r.types {
		columns = append(columns, "CAST(? AS "+arrayTypes[c]+"[])")
	}
	many, err := q.prepare(ctx, db, "INSERT INTO "+r.into+" ("+strings.Join(r.columns, ", ")+") SELECT * FROM unnest("+strings.Join(columns, ", ")+")"+r.conflict)
	return bulk{many: many, width: len(r.columns), types: r.types}, err
}

func (q server) insert(t *transaction, b bulk, args []any) error {
	for atOnce := b.width * q.rowsAtOnce(); len(args) > 0; args = args[min(atOnce, len(args)):] {
		columns, err := columnsOf(b, args[:min(atOnce, len(args))])
		if err != nil {
			return err
		}
		if err := t.exec(b.many, columns...); err != nil {
			return err
		}
	}
	return nil
}

// columnsOf turns rows, whose columns stand one after the other, into an array for each column.
func columnsOf(b bulk, args []any) ([]any, error) {
	columns := make([]any, b.width)
	for i, kind := range b.types {
		var err error
		switch kind {
		case integers:
			columns[i], err = column(b.width, args[i:], func(n int64) int64 { return n })
		case texts:
			columns[i], err = column(b.width, args[i:], func(s string) pgtype.Text { return pgtype.Text{String: s, Valid: true} })
		default:
			columns[i], err = column(b.width, args[i:], func(b []byte) []byte { return b })
		}
		if err != nil {
			return nil, err
		}
	}
	return columns, nil
}

// column takes every width-th value; nil is the zero value of its kind, which is NULL.
func column[From, To any](width int, args []any, of func(From) To) ([]To, error) {
	all := make([]To, 0, len(args)/width+1)
	for i := 0; i < len(args); i += width {
		var to To
		if args[i] != nil {
			from, ok := args[i].(From)
			if !ok {
				return nil, fmt.Errorf("a value of type %T does not belong into its column", args[i])
			}
			to = of(from)
		}
		all = append(all, to)
	}
	return all, nil
}

// begin lets the driver of PostgreSQL open the transaction, so that it can also be used without database/sql: see Together.
func (server) begin(ctx context.Context, db *sqlx.DB) (session, error) {
	conn, err := db.Connx(ctx)
	if err != nil {
		return nil, err
	}
	var tx pgx.Tx
	err = conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return errors.New("the driver's connection is not PostgreSQL's")
		}
		tx, err = c.Conn().Begin(ctx)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &serverSession{conn, tx}, nil
}

// lockKey is the number of an advisory lock, by what it is for and the table that it is about: another study's ledger in the same database has
// other tables.
const lockKey = "hashtextextended('crflink ' || CAST($1 AS text), CAST(CAST($2 AS text) AS regclass)::oid::bigint)"

// alone takes a lock that ends with the transaction. It is named as the table that it is about.
func (server) alone(t *transaction, what string) error {
	_, err := t.run("SELECT pg_advisory_xact_lock("+lockKey+")", what, what)
	return err
}

func (server) lockRows() string { return " FOR UPDATE" }

func (server) mark(t *transaction, cells []cellPlace, from, to int64) error {
	var subjects, slots, repeats []int64
	for _, c := range cells {
		subjects, slots, repeats = append(subjects, c.subject), append(slots, c.slot), append(repeats, c.repeat)
	}
	_, err := t.run(`UPDATE cell SET state = ? FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[])) AS took (subject, slot, repeat)
		WHERE cell.subject = took.subject AND cell.slot = took.slot AND cell.repeat = took.repeat AND cell.state = ?`, to, subjects, slots, repeats, from)
	return err
}

// word adds a word in a transaction of its own, which ends at once: nobody else waits for the end of a shard because of a word, and those
// who add the same words in another order cannot wait for each other. Nothing from a patient is a word, so that one without a cell does no harm.
func (s server) word(t *transaction, text string) (id int64, err error) {
	err = t.l.aside(t.ctx, func(aside *transaction) error {
		if err := s.alone(aside, "word"); err != nil {
			return err
		}
		_, err := aside.run("INSERT INTO word (id, text) SELECT coalesce(max(id), 0) + 1, CAST(? AS text) FROM word ON CONFLICT (text) DO NOTHING", text)
		if err == nil {
			err = aside.one(&id, "SELECT id FROM word WHERE text = ?", text)
		}
		return err
	})
	return id, err
}

// aside runs f in a transaction beside the one that is under way.
func (l *Ledger) aside(ctx context.Context, f func(*transaction) error) error {
	if err := l.full.ready(ctx, l.dialect); err != nil {
		return err
	}
	tx, err := l.dialect.begin(ctx, l.durable)
	if err != nil {
		return err
	}
	defer rollback(tx)
	if err := f(&transaction{ctx: ctx, tx: tx, w: &l.full, l: l}); err != nil {
		return err
	}
	return tx.Commit()
}

// scrub makes the files of the tables anew, without the rows as they were before. What the server's write-ahead log and its backups hold is not
// reached from here.
func (server) scrub(ctx context.Context, c *connections, tables []string) (err error) {
	conn, err := c.durable.Connx(ctx)
	if err != nil {
		return fmt.Errorf("the rows are deleted, but not overwritten: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	statements := []string{"SET statement_timeout = 0"} // a large table takes its time
	for _, table := range tables {
		statements = append(statements, "VACUUM (FULL) "+table)
	}
	for _, statement := range append(statements, "RESET statement_timeout") {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("the rows are deleted, but not overwritten: %w", err)
		}
	}
	return nil
}

func (server) close(c *connections) error {
	return errors.Join(c.read.Close(), c.write.Close(), c.durable.Close())
}

// serverSession is a transaction of PostgreSQL on a connection of database/sql.
type serverSession struct {
	*sqlx.Conn
	tx pgx.Tx
}

func (s *serverSession) run(ctx context.Context, q statement, args ...any) error {
	_, err := s.ExecContext(ctx, q.text, args...)
	return err
}

func (s *serverSession) get(ctx context.Context, q statement, dest any, args ...any) error {
	return s.GetContext(ctx, dest, q.text, args...)
}

func (s *serverSession) list(ctx context.Context, q statement, dest any, args ...any) error {
	return s.SelectContext(ctx, dest, q.text, args...)
}

// Commit ends the transaction and gives the connection back.
func (s *serverSession) Commit() error {
	return errors.Join(s.tx.Commit(context.Background()), s.Close())
}

// Rollback does so too, unless that has happened.
func (s *serverSession) Rollback() error {
	err := s.tx.Rollback(context.Background())
	return errors.Join(err, s.Close())
}
