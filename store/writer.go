package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/crflink/crflink/ecrf"
	"github.com/jmoiron/sqlx"
)

// writer is one connection with its prepared statements. They are prepared before any transaction, because the
// transaction holds the only connection.
type writer struct {
	db *sqlx.DB

	putWord, putSubject, subjectID, lastOrigin, sweepOrigins, putCheckpoint, markCell *sqlx.Stmt

	instances, origins, cells, deliveries, audits bulk
}

func newWriter(ctx context.Context, db *sqlx.DB) (writer, error) {
	w := writer{db: db}
	var failed error
	prepare := func(query string) *sqlx.Stmt {
		s, err := db.PreparexContext(ctx, query)
		failed = errors.Join(failed, err)
		return s
	}
	w.putWord = prepare("INSERT INTO word (text) VALUES (?) ON CONFLICT (text) DO UPDATE SET text = excluded.text RETURNING id")
	w.putSubject = prepare(`INSERT INTO subject (number, site, outcome, reason, digest, links) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (number) DO UPDATE SET site = excluded.site, outcome = excluded.outcome, reason = excluded.reason, digest = excluded.digest, links = excluded.links
		RETURNING id`)
	w.subjectID = prepare("SELECT id FROM subject WHERE number = ?")
	w.lastOrigin = prepare("SELECT coalesce(max(n), 0) FROM origin WHERE subject = ?")
	w.sweepOrigins = prepare("DELETE FROM origin WHERE subject = ?1 AND n NOT IN (SELECT origin FROM cell WHERE subject = ?1)")
	w.putCheckpoint = prepare("INSERT INTO checkpoint (run, shard) VALUES (?, ?) ON CONFLICT DO NOTHING")
	w.markCell = prepare("UPDATE cell SET state = ?5 WHERE subject = ?1 AND slot = ?2 AND repeat = ?3 AND state = ?4")
	w.instances = newBulk(prepare, "INSERT INTO instance (subject, page, repeat, key) VALUES", 4, "")
	w.origins = newBulk(prepare, "INSERT INTO origin (subject, n, source, resource, version, effective) VALUES", 6, "")
	w.cells = newBulk(prepare, "INSERT INTO cell (subject, slot, repeat, value, missing, state, origin, path, rule, original, unit) VALUES", 11,
		` ON CONFLICT (subject, slot, repeat) DO UPDATE SET value = excluded.value, missing = excluded.missing, state = excluded.state,
		origin = excluded.origin, path = excluded.path, rule = excluded.rule, original = excluded.original, unit = excluded.unit`)
	w.deliveries = newBulk(prepare, "INSERT INTO delivery (subject, target, slot, repeat, value, state, run, sent, instance) VALUES", 9,
		` ON CONFLICT (subject, target, slot, repeat) DO UPDATE SET value = excluded.value, state = excluded.state, run = excluded.run,
		sent = excluded.sent, instance = excluded.instance`)
	w.audits = newBulk(prepare, "INSERT INTO audit ("+auditColumns+") VALUES", 9, "")
	return w, failed
}

// bulk inserts rows, many per statement: at 50 rows the cost of a call no longer shows.
type bulk struct {
	one, many *sqlx.Stmt
	width     int
}

const rowsPerStatement = 50

func newBulk(prepare func(string) *sqlx.Stmt, insert string, width int, conflict string) bulk {
	row := " (?" + strings.Repeat(", ?", width-1) + ")"
	return bulk{
		one: prepare(insert + row + conflict), width: width,
		many: prepare(insert + row + strings.Repeat(","+row, rowsPerStatement-1) + conflict),
	}
}

// transaction is one change under way.
type transaction struct {
	ctx context.Context
	tx  *sqlx.Tx
	w   *writer
	l   *Ledger
}

// insert writes rows, whose columns stand one after the other in args.
func (t *transaction) insert(b bulk, args []any) error {
	many := b.width * rowsPerStatement
	if len(args) >= many {
		s := t.tx.StmtxContext(t.ctx, b.many)
		for ; len(args) >= many; args = args[many:] {
			if _, err := s.ExecContext(t.ctx, args[:many]...); err != nil {
				return err
			}
		}
	}
	if len(args) == 0 {
		return nil
	}
	s := t.tx.StmtxContext(t.ctx, b.one)
	for ; len(args) > 0; args = args[b.width:] {
		if _, err := s.ExecContext(t.ctx, args[:b.width]...); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) exec(s *sqlx.Stmt, args ...any) error {
	_, err := t.tx.StmtxContext(t.ctx, s).ExecContext(t.ctx, args...)
	return err
}

func (t *transaction) get(s *sqlx.Stmt, args ...any) (n int64, err error) {
	err = t.tx.StmtxContext(t.ctx, s).GetContext(t.ctx, &n, args...) //nolint:sqlclosecheck // the transaction closes its statements
	return n, err
}

// word returns the integer of a text of the vocabulary.
func (t *transaction) word(text string) (int64, error) {
	if id, ok := t.l.words.ids[text]; ok {
		return id, nil
	}
	id, err := t.get(t.w.putWord, text)
	if err != nil {
		return 0, fmt.Errorf("add a word: %w", err)
	}
	t.l.words.add(id, text)
	return id, nil
}

func (t *transaction) slot(k ecrf.CellKey) (int64, error) {
	id, ok := t.l.slots.ids[[3]string{k.Event, k.Form, k.Item}]
	if !ok {
		return 0, fmt.Errorf("the ledger's dictionary has no item %s in form %s of event %s", k.Item, k.Form, k.Event)
	}
	return id, nil
}
