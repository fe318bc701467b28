package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/crflink/crflink/ecrf"
)

// writer is the connections of one durability with their statements, which are made ready before the first transaction: in SQLite that
// holds the only connection.
type writer struct {
	db      *sqlx.DB
	isReady bool

	putWord, subjects, lastOrigins, sweepOrigins, putCheckpoint, markCell statement

	facts, instances, origins, cells, deliveries, seen, audits bulk
}

// ready makes the statements, for who may change the ledger.
func (w *writer) ready(ctx context.Context, d dialect) error {
	if w.isReady {
		return nil
	}
	db := w.db
	var failed error
	prepare := func(query string) statement {
		s, err := d.prepare(ctx, db, query)
		failed = errors.Join(failed, err)
		return s
	}
	into := func(r rows) bulk {
		b, err := d.bulk(ctx, db, r)
		failed = errors.Join(failed, err)
		return b
	}
	w.putWord = prepare("INSERT INTO word (text) VALUES (?) ON CONFLICT (text) DO UPDATE SET text = excluded.text RETURNING id")
	w.lastOrigins = prepare("SELECT subject, max(n) AS last FROM origin WHERE " + d.among("subject") + " GROUP BY subject")
	w.subjects = prepare("SELECT id, number FROM subject WHERE " + d.among("number") + " ORDER BY number" + d.lockRows())
	w.sweepOrigins = prepare("DELETE FROM origin WHERE " + d.among("subject") + " AND (subject, n) NOT IN (SELECT subject, origin FROM cell WHERE " + d.among("subject") + ")")
	w.putCheckpoint = prepare("INSERT INTO checkpoint (run, shard) VALUES (?, ?) ON CONFLICT DO NOTHING")
	w.markCell = prepare("UPDATE cell SET state = ? WHERE subject = ? AND slot = ? AND repeat = ? AND state = ?")
	w.facts = into(rows{
		into: "subject", columns: []string{"number", "site", "outcome", "reason", "digest", "links"}, types: "tttttt",
		conflict: ` ON CONFLICT (number) DO UPDATE SET site = excluded.site, outcome = excluded.outcome, reason = excluded.reason,
			digest = excluded.digest, links = excluded.links`,
	})
	w.instances = into(rows{into: "instance", columns: []string{"subject", "page", "repeat", "key"}, types: "iiit"})
	w.origins = into(rows{into: "origin", columns: []string{"subject", "n", "source", "resource", "version", "effective"}, types: "iiittt"})
	w.cells = into(rows{
		into: "cell", columns: []string{"subject", "slot", "repeat", "value", "missing", "state", "origin", "path", "rule", "original", "unit"}, types: "iiitiiiiitt",
		conflict: ` ON CONFLICT (subject, slot, repeat) DO UPDATE SET value = excluded.value, missing = excluded.missing, state = excluded.state,
			origin = excluded.origin, path = excluded.path, rule = excluded.rule, original = excluded.original, unit = excluded.unit`,
	})
	w.deliveries = into(rows{
		into: "delivery", columns: []string{"subject", "target", "slot", "repeat", "value", "state", "run", "sent", "instance"}, types: "iiiitiiti",
		conflict: ` ON CONFLICT (subject, target, slot, repeat) DO UPDATE SET value = excluded.value, state = excluded.state, run = excluded.run,
			sent = excluded.sent, instance = excluded.instance`,
	})
	w.seen = into(rows{into: "seen", columns: []string{"subject", "text"}, types: "it", conflict: " ON CONFLICT (subject) DO UPDATE SET text = excluded.text"})
	w.audits = into(rows{into: "audit", columns: auditNames, types: "itttbbbbb"})
	w.isReady = failed == nil
	return failed
}

// bulk inserts rows of one table, many per statement.
type bulk struct {
	one, many statement
	width     int    // columns of a row
	types     string // of them
}

// transaction is one change under way.
type transaction struct {
	ctx   context.Context
	tx    session
	w     *writer
	l     *Ledger
	added []string // words, which are gone with the transaction when it fails
}

// insert writes rows, whose columns stand one after the other in args.
func (t *transaction) insert(b bulk, args []any) error {
	if len(args) == 0 {
		return nil
	}
	return t.l.dialect.insert(t, b, args)
}

func (t *transaction) exec(s statement, args ...any) error { return t.tx.run(t.ctx, s, args...) }

func (t *transaction) get(s statement, args ...any) (n int64, err error) {
	err = t.tx.get(t.ctx, s, &n, args...)
	return n, err
}

// run executes what is no statement of the writer.
func (t *transaction) run(query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(t.ctx, t.l.bind(query), args...)
}

// one reads a row, all reads all of them.
func (t *transaction) one(dest any, query string, args ...any) error {
	return sqlx.GetContext(t.ctx, t.tx, dest, t.l.bind(query), args...)
}

func (t *transaction) all(dest any, query string, args ...any) error {
	return sqlx.SelectContext(t.ctx, t.tx, dest, t.l.bind(query), args...)
}

// word returns the integer of a text of the vocabulary.
func (t *transaction) word(text string) (int64, error) {
	if id, ok := t.l.words.ids[text]; ok {
		return id, nil
	}
	id, err := t.l.dialect.word(t, text)
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

// subjects returns the ids of those of the subjects that the ledger knows, and keeps others from changing these until the transaction ends.
func (t *transaction) subjects(numbers []string) (map[string]int64, error) {
	list, err := t.l.dialect.list(numbers)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		ID     int64
		Number string
	}
	if err := t.tx.list(t.ctx, t.w.subjects, &rows, list); err != nil {
		return nil, err
	}
	ids := make(map[string]int64, len(rows))
	for _, r := range rows {
		ids[r.Number] = r.ID
	}
	return ids, nil
}

// subject returns the id of a subject; sql.ErrNoRows where the ledger does not know it.
func (t *transaction) subject(number string) (int64, error) {
	ids, err := t.subjects([]string{number})
	if err != nil {
		return 0, err
	}
	id, ok := ids[number]
	if !ok {
		return 0, sql.ErrNoRows
	}
	return id, nil
}
