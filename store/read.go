package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/crflink/crflink/ecrf"
	"github.com/jmoiron/sqlx"
)

// reads are the readers' prepared statements.
type reads struct{ facts, page, standings, some, instances, cells, origins, delivered *sqlx.Stmt }

func newReads(ctx context.Context, db *sqlx.DB, d dialect) (reads, error) {
	var failed error
	prepare := func(query string) *sqlx.Stmt {
		s, err := db.PreparexContext(ctx, db.Rebind(query))
		failed = errors.Join(failed, err)
		return s
	}
	of := " WHERE " + d.among("subject") + " ORDER BY subject, "
	return reads{
		facts:     prepare("SELECT id, number, site, outcome, reason, digest, links FROM subject WHERE " + d.among("number")),
		page:      prepare("SELECT id, number, site, outcome, reason, digest, links FROM subject WHERE number > ? ORDER BY number LIMIT 256"),
		standings: prepare("SELECT number, outcome, reason, digest FROM subject WHERE number > ? ORDER BY number LIMIT 1024"),
		some:      prepare("SELECT number, outcome, reason, digest FROM subject WHERE " + d.among("number")),
		instances: prepare("SELECT subject, page, repeat, key FROM instance" + of + "page, repeat"),
		cells:     prepare("SELECT subject, slot, repeat, value, missing, state, path, rule, original, unit, origin FROM cell" + of + "slot, repeat"),
		origins:   prepare("SELECT subject, n, source, resource, version, effective FROM origin" + of + "n"),
		delivered: prepare(`SELECT d.slot, d.repeat, d.value, d.state, d.sent, d.instance FROM delivery d JOIN subject s ON s.id = d.subject
			WHERE s.number = ? AND d.target = (SELECT id FROM word WHERE text = ?)`),
	}, failed
}

type subjectRow struct {
	ID                                           int64
	Number, Site, Outcome, Reason, Digest, Links string
}

func (r *subjectRow) facts() ecrf.Facts {
	return ecrf.Facts{Subject: r.Number, Site: r.Site, Outcome: r.Outcome, Reason: r.Reason, Digest: r.Digest, Links: r.Links}
}

// Facts returns what earlier runs decided about subjects.
func (l *Ledger) Facts(ctx context.Context, subjects []string) (map[string]ecrf.Facts, error) {
	rows, err := l.subjectRows(ctx, l.reads.facts, subjects)
	if err != nil {
		return nil, fmt.Errorf("read the subjects' facts: %w", err)
	}
	found := make(map[string]ecrf.Facts, len(rows))
	for i := range rows {
		found[rows[i].Number] = rows[i].facts()
	}
	return found, nil
}

func (l *Ledger) subjectRows(ctx context.Context, facts *sqlx.Stmt, subjects []string) ([]subjectRow, error) {
	return rowsOf[subjectRow](ctx, l.dialect, facts, subjects)
}

// rowsOf returns what a query has of subjects.
func rowsOf[T any](ctx context.Context, d dialect, query *sqlx.Stmt, subjects []string) (rows []T, err error) {
	list, err := d.list(subjects)
	if err == nil {
		err = query.SelectContext(ctx, &rows, list)
	}
	return rows, err
}

// AllFacts yields the facts of every subject in the order of study numbers, a page at a time.
func (l *Ledger) AllFacts(ctx context.Context) iter.Seq2[ecrf.Facts, error] {
	return func(yield func(ecrf.Facts, error) bool) {
		for page, err := range pages(ctx, l.reads.page, func(r *subjectRow) string { return r.Number }) {
			if err != nil {
				yield(ecrf.Facts{}, fmt.Errorf("read the subjects' facts: %w", err))
				return
			}
			for i := range page {
				if !yield(page[i].facts(), nil) {
					return
				}
			}
		}
	}
}

type standingRow struct{ Number, Outcome, Reason, Digest string }

func (r *standingRow) standing() ecrf.Standing {
	return ecrf.Standing{Subject: r.Number, Outcome: r.Outcome, Reason: r.Reason, Digest: r.Digest}
}

// Standings yields how every subject stands in the order of study numbers, a page at a time.
func (l *Ledger) Standings(ctx context.Context) iter.Seq2[ecrf.Standing, error] {
	return func(yield func(ecrf.Standing, error) bool) {
		for page, err := range pages(ctx, l.reads.standings, func(r *standingRow) string { return r.Number }) {
			if err != nil {
				yield(ecrf.Standing{}, fmt.Errorf("read how subjects stand: %w", err))
				return
			}
			for i := range page {
				if !yield(page[i].standing(), nil) {
					return
				}
			}
		}
	}
}

// StandingsOf returns how subjects stand.
func (l *Ledger) StandingsOf(ctx context.Context, subjects []string) (map[string]ecrf.Standing, error) {
	rows, err := rowsOf[standingRow](ctx, l.dialect, l.reads.some, subjects)
	if err != nil {
		return nil, fmt.Errorf("read how subjects stand: %w", err)
	}
	found := make(map[string]ecrf.Standing, len(rows))
	for i := range rows {
		found[rows[i].Number] = rows[i].standing()
	}
	return found, nil
}

// pages yields the rows of a query that begins behind a study number, some at a time, so that no query stays open while the caller
// works. An error ends it.
func pages[T any](ctx context.Context, query *sqlx.Stmt, number func(*T) string) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		for last := ""; ; {
			var rows []T
			if err := query.SelectContext(ctx, &rows, last); err != nil {
				yield(nil, err)
				return
			}
			if len(rows) == 0 || !yield(rows, nil) {
				return
			}
			last = number(&rows[len(rows)-1])
		}
	}
}

// Subject returns all that is stored of a subject, or nil.
func (l *Ledger) Subject(ctx context.Context, subject string) (book *ecrf.StoredCasebook, err error) {
	err = l.view(ctx, func(v *view) error {
		rows, err := l.subjectRows(ctx, v.stmt(l.reads.facts), []string{subject})
		if err != nil || len(rows) == 0 {
			return err
		}
		books, err := (&shelf{view: v}).casebooks(rows)
		if err == nil {
			book = &books[0]
		}
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
	tx, err := l.read.BeginTxx(ctx, l.dialect.instant())
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	if err := f(&view{ctx, tx, l}); err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	return nil
}

func (v *view) stmt(s *sqlx.Stmt) *sqlx.Stmt { return v.tx.StmtxContext(v.ctx, s) }

// booksAtOnce is how many subjects' casebooks are read by the same queries: a query costs as much as some ten rows.
const booksAtOnce = 16

// walk reads subjects page by page.
func (v *view) walk(yield func(*ecrf.StoredCasebook) bool) error {
	s := shelf{view: v}
	for page, err := range pages(v.ctx, v.stmt(v.l.reads.page), func(r *subjectRow) string { return r.Number }) {
		if err != nil {
			return err
		}
		for part := range slices.Chunk(page, booksAtOnce) {
			books, err := s.casebooks(part)
			if err != nil {
				return err
			}
			for i := range books {
				if !yield(&books[i]) {
					return nil
				}
			}
		}
	}
	return nil
}
