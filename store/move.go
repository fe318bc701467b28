package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"
)

// Moved says what was moved: rows by table, and the checksum that both ledgers have.
type Moved struct {
	Rows     map[string]int
	Checksum string // SHA-256 of all rows, in order
}

// ErrNotEmpty is returned for a schema that holds something else already.
var ErrNotEmpty = errors.New("the ledger to which it should be moved holds something else already; name an empty schema")

// table is a table that is moved, and the columns by which its rows are ordered.
type table struct{ name, key string }

// movedTables are all tables, what is referred to before what refers to it.
var movedTables = []table{
	{"study", "id"},
	{"run", "id"},
	{"checkpoint", "run, shard"},
	{"subject", "id"},
	{"page", "id"},
	{"slot", "id"},
	{"word", "id"},
	{"instance", "subject, page, repeat"},
	{"origin", "subject, n"},
	{"cell", "subject, slot, repeat"},
	{"delivery", "subject, target, slot, repeat"},
	{"audit", "number"},
	{"recipient", "output, name"},
	{"withdrawn", "withdrawal"},
	{"journal", "id"},
	{"query", "id"},
	{"query_step", "query, n"},
	{"watermark", "id"},
	{"seen", "subject"},
	{"approval", "id"},
}

// numberedTables give their rows numbers that are never given twice.
var numberedTables = []string{"run", "subject", "page", "slot", "query", "approval"}

// Move copies everything of a ledger in SQLite into an empty schema of PostgreSQL, row by row as it is, in one transaction that is kept only
// when both hold the same. A move that was done is recognised by its checksum, and not done again. Nothing is changed where it comes from.
func Move(ctx context.Context, from *Ledger, to Place) (m Moved, err error) {
	c, err := to.connect(ctx)
	if err != nil {
		return m, fmt.Errorf("the ledger in PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, server{}.close(c)) }()
	begun, err := server{}.begin(ctx, c.durable)
	if err != nil {
		return m, fmt.Errorf("the ledger in PostgreSQL: %w", err)
	}
	defer rollback(begun)
	into, ok := begun.(*serverSession)
	if !ok {
		return m, errors.New("the transaction is not PostgreSQL's")
	}
	source, err := from.read.BeginTxx(ctx, nil)
	if err != nil {
		return m, fmt.Errorf("read the ledger: %w", err)
	}
	defer func() { _ = source.Rollback() }() // it has only read
	if m, err = (&moving{ctx: ctx, from: source, to: into.tx}).move(); err != nil {
		return m, fmt.Errorf("move the ledger: %w", err)
	}
	return m, begun.Commit()
}

// moving is a move under way.
type moving struct {
	ctx  context.Context
	from *sqlx.Tx
	to   pgx.Tx
}

func (m *moving) move() (moved Moved, err error) {
	for _, statement := range []string{"SET LOCAL statement_timeout = 0", "LOCK TABLE study IN ACCESS EXCLUSIVE MODE"} { // a large table takes its time
		if _, err := m.to.Exec(m.ctx, statement); err != nil {
			return moved, err
		}
	}
	empty, err := m.empty()
	if err != nil {
		return moved, err
	}
	here := summing{sum: sha256.New(), rows: map[string]int{}}
	for _, t := range movedTables {
		if err := m.read(t, &here, empty); err != nil {
			return moved, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	there := summing{sum: sha256.New(), rows: map[string]int{}}
	for _, t := range movedTables {
		if err := m.reread(t, &there); err != nil {
			return moved, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	moved = Moved{here.rows, here.checksum()}
	switch {
	case there.checksum() == moved.Checksum && empty:
		return moved, m.number()
	case there.checksum() == moved.Checksum:
		return moved, nil
	case empty:
		return moved, errors.New("what was copied is not what was there; nothing was kept")
	}
	return moved, ErrNotEmpty
}

func (m *moving) empty() (bool, error) {
	for _, t := range movedTables {
		var has bool
		if err := m.to.QueryRow(m.ctx, "SELECT EXISTS (SELECT FROM "+t.name+")").Scan(&has); err != nil || has {
			return false, err
		}
	}
	return true, nil
}

// read sums the rows of a table in SQLite, and copies them on the way.
func (m *moving) read(t table, s *summing, copying bool) error {
	rows, err := m.from.QueryxContext(m.ctx, "SELECT * FROM "+t.name+" ORDER BY "+t.key)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // the error is rows.Err's
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	s.begin(t, columns)
	next := func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		values, err := rows.SliceScan()
		if err != nil {
			return nil, err
		}
		return values, s.add(t, values)
	}
	if copying {
		_, err := m.to.CopyFrom(m.ctx, pgx.Identifier{t.name}, columns, pgx.CopyFromFunc(next))
		return err
	}
	for {
		if values, err := next(); err != nil || values == nil {
			return err
		}
	}
}

// reread sums the rows of a table in PostgreSQL; its columns are those that it has in SQLite.
func (m *moving) reread(t table, s *summing) error {
	columns, err := m.columns(t)
	if err != nil {
		return err
	}
	rows, err := m.to.Query(m.ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.name+" ORDER BY "+t.key)
	if err != nil {
		return err
	}
	defer rows.Close()
	s.begin(t, columns)
	for rows.Next() {
		values, err := rows.Values()
		if err == nil {
			err = s.add(t, values)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

func (m *moving) columns(t table) (names []string, err error) {
	return names, m.from.SelectContext(m.ctx, &names, "SELECT name FROM pragma_table_info(?) ORDER BY cid", t.name)
}

// number lets PostgreSQL give the numbers that SQLite would give next: a query's number is not given again, even when nobody has it any more.
func (m *moving) number() error {
	for _, name := range numberedTables {
		var last int64
		err := m.from.GetContext(m.ctx, &last, "SELECT max(coalesce((SELECT max(id) FROM "+name+"), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0))", name)
		if err == nil {
			_, err = m.to.Exec(m.ctx, "SELECT setval(pg_get_serial_sequence($1, 'id'), $2, false)", name, last+1)
		}
		if err != nil {
			return fmt.Errorf("numbers of table %s: %w", name, err)
		}
	}
	return nil
}

// summing is the checksum of a ledger under way.
type summing struct {
	sum  hash.Hash
	rows map[string]int
	line []byte // reused
}

func (s *summing) begin(t table, columns []string) {
	s.rows[t.name] = 0
	s.line = s.line[:0]
	s.part('t', []byte(t.name))
	for _, c := range columns {
		s.part('c', []byte(c))
	}
	_, _ = s.sum.Write(s.line) // a hash takes everything
}

// add takes a row up: each value with its kind and its length, so that no two rows look alike.
func (s *summing) add(t table, values []any) error {
	s.rows[t.name]++
	s.line = append(s.line[:0], 'r')
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			s.part('n', nil)
		case int64:
			s.part('i', binary.BigEndian.AppendUint64(nil, uint64(v))) // #nosec G115 -- the bits are what counts
		case string:
			s.part('s', []byte(v))
		case []byte:
			s.part('b', v)
		default:
			return fmt.Errorf("a value has the type %T", v)
		}
	}
	_, _ = s.sum.Write(s.line)
	return nil
}

func (s *summing) part(kind byte, content []byte) {
	s.line = binary.BigEndian.AppendUint32(append(s.line, kind), uint32(len(content))) // #nosec G115 -- a value is smaller than 4 GiB
	s.line = append(s.line, content...)
}

func (s *summing) checksum() string { return hex.EncodeToString(s.sum.Sum(nil)) }
