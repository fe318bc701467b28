package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// queryRow is a query as it is stored.
type queryRow struct {
	ID                                       int64
	Number, Site, Target                     string
	Slot                                     int64
	Repeat                                   int
	Cause, State, Assignee, Stored, Incoming string
}

const selectQueries = `SELECT q.id, s.number, s.site, w.text AS target, q.slot, q.repeat, q.cause, q.state, q.assignee, q.stored, q.incoming
	FROM query q JOIN subject s ON s.id = q.subject JOIN word w ON w.id = q.target`

// SettleQueries takes the doubts of a delivery.
func (l *Ledger) SettleQueries(ctx context.Context, run ecrf.RunID, target string, subjects []string, doubts []ecrf.Doubt) (opened int, err error) {
	err = l.change(ctx, &l.full, func(t *transaction) error {
		s := &settling{transaction: t, doubted: map[int64]bool{}}
		if err := s.begin(run, target); err != nil {
			return err
		}
		for i := range doubts {
			if err := s.doubt(&doubts[i]); err != nil {
				return err
			}
		}
		opened = s.opened
		return s.resolve(subjects)
	})
	if err != nil {
		return 0, fmt.Errorf("store the queries about target %s: %w", target, err)
	}
	return opened, nil
}

// settling is the queries of one delivery.
type settling struct {
	*transaction
	target  int64 // word
	at      string
	doubted map[int64]bool // queries whose doubt is still there
	opened  int
}

func (s *settling) begin(run ecrf.RunID, target string) (err error) {
	if s.target, err = s.word(target); err != nil {
		return err
	}
	if err = s.one(&s.at, "SELECT as_of FROM run WHERE id = ?", int64(run)); err != nil {
		return fmt.Errorf("the run is unknown: %w", err)
	}
	return nil
}

func (s *settling) doubt(d *ecrf.Doubt) error {
	if !d.Cause.Valid() {
		return errors.New("a doubt has a cause that is not on the published list")
	}
	subject, err := s.subject(d.Subject)
	if err != nil {
		return fmt.Errorf("a doubt is about a subject that the ledger does not know: %w", err)
	}
	slot, err := s.slot(d.CellKey)
	if err != nil {
		return err
	}
	var was queryRow
	err = s.one(&was, "SELECT id, state, stored, incoming FROM query WHERE subject = ? AND target = ? AND slot = ? AND repeat = ? AND cause = ?",
		subject, s.target, slot, d.Repeat, string(d.Cause))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	same := was.Stored == d.Stored && was.Incoming == d.Incoming
	did := ecrf.QueryState(was.State).Next(same)
	if was.ID == 0 || !same || did != "" {
		err = s.one(&was.ID, `INSERT INTO query (subject, target, slot, repeat, cause, state, stored, incoming) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (subject, target, slot, repeat, cause) DO UPDATE SET state = excluded.state, stored = excluded.stored, incoming = excluded.incoming RETURNING id`,
			subject, s.target, slot, d.Repeat, string(d.Cause), string(ecrf.QueryState(was.State).After(did)), d.Stored, d.Incoming)
		if err != nil {
			return err
		}
	}
	s.doubted[was.ID] = true
	if did == "" {
		return nil
	}
	s.opened++
	return s.step(was.ID, s.at, ecrf.QueryStep{Did: did})
}

// resolve ends the pending queries about the subjects whose doubt is gone.
func (s *settling) resolve(subjects []string) error {
	list, err := s.l.dialect.list(subjects)
	if err != nil {
		return err
	}
	var rows []queryRow
	err = s.all(&rows, "SELECT q.id, q.cause, q.state FROM query q JOIN subject s ON s.id = q.subject WHERE q.target = ? AND "+s.l.dialect.among("s.number")+" ORDER BY q.id", s.target, list)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if s.doubted[r.ID] || !ecrf.QueryState(r.State).Pending() || ecrf.Cause(r.Cause).Sticky() {
			continue
		}
		if err := s.step(r.ID, s.at, ecrf.QueryStep{Did: ecrf.Resolved}); err != nil {
			return err
		}
		if _, err := s.run("UPDATE query SET state = ? WHERE id = ?", string(ecrf.QueryResolved), r.ID); err != nil {
			return err
		}
	}
	return nil
}

// step adds a line to a query's history.
func (t *transaction) step(id int64, at string, s ecrf.QueryStep) error {
	_, err := t.run(`INSERT INTO query_step (query, n, at, by, did, text)
		VALUES (?, (SELECT coalesce(max(n), 0) + 1 FROM query_step WHERE query = ?), ?, ?, ?, ?)`, id, id, at, s.By, string(s.Did), s.Text)
	return err
}

// StepQuery does something to a query.
func (l *Ledger) StepQuery(ctx context.Context, id int64, step ecrf.QueryStep) error {
	err := l.change(ctx, &l.full, func(t *transaction) error {
		var was queryRow
		err := t.one(&was, "SELECT id, state, assignee FROM query WHERE id = ?"+l.dialect.lockRows(), id)
		if errors.Is(err, sql.ErrNoRows) {
			return ecrf.ErrNoQuery
		}
		if err != nil {
			return err
		}
		if step.Did == ecrf.Assigned {
			was.Assignee = step.Text
		}
		state := ecrf.QueryState(was.State).After(step.Did)
		if _, err := t.run("UPDATE query SET state = ?, assignee = ? WHERE id = ?", string(state), was.Assignee, id); err != nil {
			return err
		}
		return t.step(id, step.At.UTC().Format(time.RFC3339Nano), step)
	})
	if err != nil {
		return fmt.Errorf("query %d: %w", id, err)
	}
	return nil
}

// Queries returns all queries with their history.
func (l *Ledger) Queries(ctx context.Context) ([]ecrf.DataQuery, error) {
	var rows []queryRow
	err := l.read.SelectContext(ctx, &rows, selectQueries+" ORDER BY q.id")
	if err != nil {
		return nil, fmt.Errorf("read the queries: %w", err)
	}
	all := make([]ecrf.DataQuery, len(rows))
	places := map[int64]int{}
	for i := range rows {
		if all[i], err = l.query(&rows[i]); err != nil {
			return nil, fmt.Errorf("read query %d: %w", rows[i].ID, err)
		}
		places[rows[i].ID] = i
	}
	var steps []struct {
		Query             int64
		At, By, Did, Text string
	}
	if err := l.read.SelectContext(ctx, &steps, "SELECT query, at, by, did, text FROM query_step ORDER BY query, n"); err != nil {
		return nil, fmt.Errorf("read the queries' history: %w", err)
	}
	for _, s := range steps {
		i, ok := places[s.Query]
		if !ok {
			continue // opened since
		}
		at, err := time.Parse(time.RFC3339Nano, s.At)
		if err != nil {
			return nil, fmt.Errorf("query %d: a time in its history is damaged", s.Query)
		}
		all[i].History = append(all[i].History, ecrf.QueryStep{At: at, By: s.By, Did: ecrf.QueryDeed(s.Did), Text: s.Text})
	}
	return all, nil
}

func (l *Ledger) query(r *queryRow) (ecrf.DataQuery, error) {
	x, ok := l.slots.byID[r.Slot]
	if !ok {
		return ecrf.DataQuery{}, errUnknownForm
	}
	q := ecrf.DataQuery{ID: r.ID, Target: r.Target, Site: r.Site, State: ecrf.QueryState(r.State), Assignee: r.Assignee}
	q.Subject, q.Cause, q.Stored, q.Incoming = r.Number, ecrf.Cause(r.Cause), r.Stored, r.Incoming
	q.CellKey = ecrf.CellKey{Event: x.event, Form: x.form, Repeat: r.Repeat, Item: x.item}
	return q, nil
}

// forgetQueries removes the queries about a subject.
func (t *transaction) forgetQueries(subject int64) error {
	for _, query := range []string{"DELETE FROM query_step WHERE query IN (SELECT id FROM query WHERE subject = ?)", "DELETE FROM query WHERE subject = ?"} {
		if _, err := t.run(query, subject); err != nil {
			return err
		}
	}
	return nil
}
