package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/crflink/crflink/ecrf"
)

// Ledger is an ecrf.Ledger in one database.
type Ledger struct {
	connections
	dialect    dialect
	dictionary *ecrf.Dictionary
	words      words
	slots      slots
	reads      reads

	mu     sync.Mutex // one change at a time
	normal writer
	full   writer
}

var _ ecrf.Ledger = (*Ledger)(nil)

// ErrOtherStudy is returned for a ledger that belongs to another study.
var ErrOtherStudy = errors.New("the ledger is not this study's")

var errNoDictionary = errors.New("a ledger needs a dictionary")

// OpenLedger opens the ledger of the dictionary's study in a SQLite file, creating it where it is not there. The folder must
// exist. A file that belongs to another study is refused.
func OpenLedger(ctx context.Context, path string, d *ecrf.Dictionary) (*Ledger, error) {
	if d == nil {
		return nil, errNoDictionary
	}
	c, err := connect(ctx, path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{connections: *c, dialect: sqlite{}, dictionary: d}
	if err := l.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger %s: %w", path, err), l.dialect.close(c))
	}
	return l, nil
}

func (l *Ledger) prepare(ctx context.Context) (err error) {
	l.normal.db, l.full.db = l.write, l.durable
	if l.reads, err = newReads(ctx, l.read, l.dialect); err != nil {
		return err
	}
	if err := l.words.load(ctx, l.read); err != nil {
		return err
	}
	return l.change(ctx, &l.full, (*transaction).register)
}

// register writes down the study and the dictionary's pages and slots, and loads all that the ledger has.
func (t *transaction) register() error {
	d := t.l.dictionary
	if err := t.l.dialect.alone(t, "study"); err != nil {
		return err
	}
	if err := t.claim(d); err != nil {
		return err
	}
	if err := t.addSlots(d); err != nil {
		return err
	}
	return t.l.slots.load(t, d)
}

func (t *transaction) claim(d *ecrf.Dictionary) error {
	var name string
	err := t.one(&name, "SELECT name FROM study")
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = t.run("INSERT INTO study (id, name, dictionary) VALUES (1, ?, ?)", d.Study, d.Hash())
	case err == nil && name != d.Study:
		return fmt.Errorf("%w: it belongs to study %q, not to %q; give each study a ledger of its own", ErrOtherStudy, name, d.Study)
	case err == nil:
		_, err = t.run("UPDATE study SET dictionary = ?", d.Hash())
	}
	return err
}

// bind writes a statement as the database wants it.
func (l *Ledger) bind(query string) string { return l.read.Rebind(query) }

// underWay is the key of a transaction in its context.
type underWay struct{}

// underWayIn returns the ledger's transaction that Together has begun, nil where there is none.
func underWayIn(ctx context.Context, l *Ledger) *transaction {
	if t, ok := ctx.Value(underWay{}).(*transaction); ok && t.l == l {
		return t
	}
	return nil
}

// change runs f in one transaction of a writer, or in that of the Together that calls it. An error, a panic and a crash leave the
// ledger as it was.
func (l *Ledger) change(ctx context.Context, w *writer, f func(*transaction) error) error {
	if t := underWayIn(ctx, l); t != nil {
		return f(t)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // a change that has begun is finished: that is soon, and faster for the driver
	if err := w.ready(ctx, l.dialect); err != nil {
		return err
	}
	tx, err := l.dialect.begin(ctx, w.db)
	if err != nil {
		return err
	}
	defer rollback(tx)
	t := &transaction{ctx: ctx, tx: tx, w: w, l: l}
	err = f(t)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		l.words.drop(t.added)
	}
	return err
}

// rollback ends a transaction that may have been committed. Its error adds nothing: the database rolls back what is left open.
func rollback(tx session) { _ = tx.Rollback() }

// Close waits for the change under way and closes the database.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dialect.close(&l.connections)
}
