package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/crflink/crflink/ecrf"
	"github.com/jmoiron/sqlx"
)

// reads are the readers' prepared statements.
type reads struct{ facts, page, instances, cells, origins, delivered *sqlx.Stmt }

func newReads(ctx context.Context, db *sqlx.DB) (reads, error) {
	var failed error
	prepare := func(query string) *sqlx.Stmt {
		s, err := db.PreparexContext(ctx, query)
		failed = errors.Join(failed, err)
		return s
	}
	return reads{
		facts:     prepare("SELECT id, number, site, outcome, reason, digest, links FROM subject WHERE number = ?"),
		page:      prepare("SELECT id, number, site, outcome, reason, digest, links FROM subject WHERE number > ? ORDER BY number LIMIT 256"),
		instances: prepare("SELECT page, repeat, key FROM instance WHERE subject = ?"),
		cells:     prepare("SELECT slot, repeat, value, missing, state, path, rule, original, unit, origin FROM cell WHERE subject = ?"),
		origins:   prepare("SELECT n, source, resource, version, effective FROM origin WHERE subject = ?"),
		delivered: prepare(`SELECT d.slot, d.repeat, d.value, d.state FROM delivery d JOIN subject s ON s.id = d.subject
			WHERE s.number = ? AND d.target = ?`),
	}, failed
}

type subjectRow struct {
	ID                                           int64
	Number, Site, Outcome, Reason, Digest, Links string
}

func (r *subjectRow) facts() ecrf.Facts {
	return ecrf.Facts{Subject: r.Number, Site: r.Site, Outcome: r.Outcome, Reason: r.Reason, Digest: r.Digest, Links: r.Links}
}

// Facts returns what earlier runs decided about a subject.
func (l *Ledger) Facts(ctx context.Context, subject string) (ecrf.Facts, bool, error) {
	var row subjectRow
	err := l.reads.facts.GetContext(ctx, &row, subject)
	if errors.Is(err, sql.ErrNoRows) {
		return ecrf.Facts{}, false, nil
	}
	if err != nil {
		return ecrf.Facts{}, false, fmt.Errorf("read a subject's facts: %w", err)
	}
	return row.facts(), true, nil
}

// AllFacts yields the facts of every subject in the order of study numbers, a page at a time.
func (l *Ledger) AllFacts(ctx context.Context) iter.Seq2[ecrf.Facts, error] {
	return func(yield func(ecrf.Facts, error) bool) {
		for last := ""; ; {
			var rows []subjectRow
			if err := l.reads.page.SelectContext(ctx, &rows, last); err != nil {
				yield(ecrf.Facts{}, fmt.Errorf("read the subjects' facts: %w", err))
				return
			}
			if len(rows) == 0 {
				return
			}
			for i := range rows {
				if !yield(rows[i].facts(), nil) {
					return
				}
			}
			last = rows[len(rows)-1].Number
		}
	}
}

// Subject returns all that is stored of a subject, or nil.
func (l *Ledger) Subject(ctx context.Context, subject string) (book *ecrf.StoredCasebook, err error) {
	err = l.view(ctx, func(v *view) error {
		var row subjectRow
		err := v.stmt(l.reads.facts).GetContext(ctx, &row, subject) //nolint:sqlclosecheck // the transaction closes its statements
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		book, err = v.casebook(&row)
		return err
	})
	return book, err
}

// Casebooks yields every subject in the order of study numbers, as of one instant.
func (l *Ledger) Casebooks(ctx context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
	return func(yield func(*ecrf.StoredCasebook, error) bool) {
		stopped := false
		err := l.view(ctx, func(v *view) error {
			return v.walk(func(book *ecrf.StoredCasebook) bool {
				stopped = !yield(book, nil)
				return !stopped
			})
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// view is a read transaction: it sees the file as it was when it began.
type view struct {
	ctx context.Context
	tx  *sqlx.Tx
	l   *Ledger
}

func (l *Ledger) view(ctx context.Context, f func(*view) error) error {
	// The queries are short, and one that may be cancelled costs the driver a guard for every row.
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := l.read.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	defer rollback(tx)
	if err := f(&view{ctx, tx, l}); err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	return nil
}

func (v *view) stmt(s *sqlx.Stmt) *sqlx.Stmt { return v.tx.StmtxContext(v.ctx, s) }

// walk reads subjects page by page, so that no query stays open while the caller works.
func (v *view) walk(yield func(*ecrf.StoredCasebook) bool) error {
	for last := ""; ; {
		var rows []subjectRow
		if err := v.stmt(v.l.reads.page).SelectContext(v.ctx, &rows, last); err != nil { //nolint:sqlclosecheck // the transaction closes its statements
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		for i := range rows {
			book, err := v.casebook(&rows[i])
			if err != nil {
				return err
			}
			if !yield(book) {
				return nil
			}
			last = rows[i].Number
		}
	}
}

func (v *view) casebook(row *subjectRow) (*ecrf.StoredCasebook, error) {
	book := &ecrf.StoredCasebook{Facts: row.facts()}
	var err error
	if book.Instances, err = v.instances(row.ID); err != nil {
		return nil, err
	}
	book.Cells, err = v.cells(row.ID)
	return book, err
}

func (v *view) instances(subject int64) ([]ecrf.Numbered, error) {
	rows, err := v.stmt(v.l.reads.instances).QueryxContext(v.ctx, subject) //nolint:sqlclosecheck // the transaction closes its statements
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // the error is rows.Err's
	var found []ecrf.Numbered
	for rows.Next() {
		var page int64
		var n ecrf.Numbered
		if err := rows.Scan(&page, &n.Repeat, &n.Key); err != nil {
			return nil, err
		}
		s := v.l.slots.byPage[page]
		n.Event, n.Form = s.event, s.form
		found = append(found, n)
	}
	v.l.slots.orderInstances(found)
	return found, rows.Err()
}

// origins returns where the cells of a subject come from, by number.
func (v *view) origins(subject int64) (map[int64]ecrf.Provenance, error) {
	rows, err := v.stmt(v.l.reads.origins).QueryxContext(v.ctx, subject) //nolint:sqlclosecheck // the transaction closes its statements
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // the error is rows.Err's
	found := map[int64]ecrf.Provenance{}
	for rows.Next() {
		var n, source int64
		var p ecrf.Provenance
		if err := rows.Scan(&n, &source, &p.Resource, &p.Version, &p.Effective); err != nil {
			return nil, err
		}
		p.Source = v.l.words.of(source)
		found[n] = p
	}
	return found, rows.Err()
}

func (v *view) cells(subject int64) ([]ecrf.StoredCell, error) {
	origins, err := v.origins(subject)
	if err != nil {
		return nil, err
	}
	rows, err := v.stmt(v.l.reads.cells).QueryxContext(v.ctx, subject) //nolint:sqlclosecheck // the transaction closes its statements
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // the error is rows.Err's
	var cells []ecrf.StoredCell
	var ids []int64
	for rows.Next() {
		id, c, err := v.cell(rows, origins)
		if err != nil {
			return nil, err
		}
		cells, ids = append(cells, c), append(ids, id)
	}
	v.l.slots.order(ids, cells)
	return cells, rows.Err()
}

func (v *view) cell(rows *sqlx.Rows, origins map[int64]ecrf.Provenance) (int64, ecrf.StoredCell, error) {
	var c ecrf.StoredCell
	var slot, missing, state, path, rule, origin int64
	var value, original, unit sql.NullString
	if err := rows.Scan(&slot, &c.Repeat, &value, &missing, &state, &path, &rule, &original, &unit, &origin); err != nil {
		return 0, c, err
	}
	from, ok := origins[origin]
	if !ok {
		return 0, c, errors.New("a cell has no origin: the file is damaged")
	}
	c.Provenance = from
	s, w, p := v.l.slots.byID[slot], &v.l.words, &c.Provenance
	c.Event, c.Form, c.Item = s.event, s.form, s.item
	c.Value, c.Missing, c.State = value.String, ecrf.MissingReason(w.of(missing)), ecrf.State(w.of(state))
	p.Path, p.Rule, p.OriginalUnit = w.of(path), w.of(rule), unit.String
	if p.OriginalValue = original.String; !original.Valid {
		p.OriginalValue = c.Value
	}
	return slot, c, nil
}
