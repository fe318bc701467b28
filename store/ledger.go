package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/crflink/crflink/ecrf"
	"github.com/jmoiron/sqlx"
)

// Ledger is an ecrf.Ledger in one SQLite file.
type Ledger struct {
	connections
	dictionary *ecrf.Dictionary
	words      words
	slots      slots
	reads      reads

	mu     sync.Mutex // one change at a time
	normal writer
	full   writer
}

var _ ecrf.Ledger = (*Ledger)(nil)

// OpenLedger opens the ledger of the dictionary's study in the file, creating it where it is not there. The folder must
// exist. A file that belongs to another study is refused.
func OpenLedger(ctx context.Context, path string, d *ecrf.Dictionary) (*Ledger, error) {
	if d == nil {
		return nil, errors.New("a ledger needs a dictionary")
	}
	c, err := connect(ctx, path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{connections: *c, dictionary: d}
	if err := l.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger %s: %w", path, err), c.close())
	}
	return l, nil
}

func (l *Ledger) prepare(ctx context.Context) error {
	if err := l.register(ctx); err != nil {
		return err
	}
	if err := l.words.load(ctx, l.read); err != nil {
		return err
	}
	var err error
	if l.normal, err = newWriter(ctx, l.write); err != nil {
		return err
	}
	if l.full, err = newWriter(ctx, l.durable); err != nil {
		return err
	}
	l.reads, err = newReads(ctx, l.read)
	return err
}

// register writes down the study and the dictionary's pages and slots, and loads all that the file has.
func (l *Ledger) register(ctx context.Context) error {
	tx, err := l.durable.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer rollback(tx)
	if err := claim(ctx, tx, l.dictionary); err != nil {
		return err
	}
	if err := addSlots(ctx, tx, l.dictionary); err != nil {
		return err
	}
	if err := l.slots.load(ctx, tx, l.dictionary); err != nil {
		return err
	}
	return tx.Commit()
}

func claim(ctx context.Context, tx *sqlx.Tx, d *ecrf.Dictionary) error {
	var name string
	err := tx.GetContext(ctx, &name, "SELECT name FROM study")
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = tx.ExecContext(ctx, "INSERT INTO study (id, name, dictionary) VALUES (1, ?, ?)", d.Study, d.Hash())
	case err == nil && name != d.Study:
		return fmt.Errorf("the ledger belongs to study %q, not to %q; give each study a state folder of its own", name, d.Study)
	case err == nil:
		_, err = tx.ExecContext(ctx, "UPDATE study SET dictionary = ?", d.Hash())
	}
	return err
}

// change runs f in one transaction of a writer. An error, a panic and a crash leave the file as it was.
func (l *Ledger) change(ctx context.Context, w *writer, f func(*transaction) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // a change that has begun is finished: that is soon, and faster for the driver
	tx, err := w.db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	err = f(&transaction{ctx: ctx, tx: tx, w: w, l: l})
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		rollback(tx)
		// Words that the transaction added are gone again.
		return errors.Join(err, l.words.load(context.WithoutCancel(ctx), l.read))
	}
	return nil
}

// rollback ends a transaction that may have been committed. Its error adds nothing: SQLite rolls back what is left open.
func rollback(tx *sqlx.Tx) { _ = tx.Rollback() }

// Close waits for the change under way, moves the write-ahead log into the file and closes it.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.close()
}
