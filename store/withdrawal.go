package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/crflink/crflink/ecrf"
)

// Freeze marks a subject as withdrawn, with everything that is stored of it.
func (l *Ledger) Freeze(ctx context.Context, subject string) error {
	err := l.change(ctx, &l.full, func(t *transaction) error {
		_, err := t.run("UPDATE subject SET outcome = ?, reason = ?, digest = '' WHERE number = ?", ecrf.OutcomeWithdrawn, ecrf.ReasonKept, subject)
		return err
	})
	if err != nil {
		return fmt.Errorf("freeze a subject: %w", err)
	}
	return nil
}

// Anonymise gives a subject a new number and removes what leads back.
func (l *Ledger) Anonymise(ctx context.Context, subject, number string) (cells int, err error) {
	err = l.change(ctx, &l.full, func(t *transaction) error {
		id, err := t.subject(subject)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		cells, err = t.anonymise(id, number)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("anonymise a subject: %w", err)
	}
	return cells, l.scrub(ctx, aboutSubjects...)
}

func (t *transaction) anonymise(id int64, number string) (cells int, err error) {
	if err := t.forgetQueries(id); err != nil {
		return 0, err
	}
	for _, change := range []struct {
		query string
		args  []any
	}{
		{"UPDATE subject SET number = ?, outcome = ?, reason = ?, digest = '', links = '' WHERE id = ?", []any{number, ecrf.OutcomeWithdrawn, ecrf.ReasonAnonymised, id}},
		{"UPDATE origin SET resource = '', version = '' WHERE subject = ?", []any{id}},
		{"UPDATE instance SET key = 'anonymised-' || repeat WHERE subject = ?", []any{id}},
		{"DELETE FROM delivery WHERE subject = ?", []any{id}},
		{"DELETE FROM seen WHERE subject = ?", []any{id}},
	} {
		if _, err := t.run(change.query, change.args...); err != nil {
			return 0, err
		}
	}
	return cells, t.one(&cells, "SELECT count(*) FROM cell WHERE subject = ?", id)
}

// aboutSubjects are the tables from which Forget and Anonymise delete.
var aboutSubjects = []string{"seen", "query_step", "query", "delivery", "origin", "instance", "cell", "subject"}

// scrub overwrites what was deleted of tables, as far as the database can.
func (l *Ledger) scrub(ctx context.Context, tables ...string) error {
	if underWayIn(ctx, l) != nil {
		return errors.New("what was deleted cannot be overwritten before the end of the transaction; delete it in one of its own")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dialect.scrub(ctx, &l.connections, tables)
}

// Received remembers who was given an output in a run.
func (l *Ledger) Received(ctx context.Context, run ecrf.RunID, output string, recipients []string) error {
	if len(recipients) == 0 {
		return nil
	}
	err := l.change(ctx, &l.full, func(t *transaction) error {
		for _, name := range recipients {
			_, err := t.run(`INSERT INTO recipient (output, name, first, last) VALUES (?, ?, ?, ?)
				ON CONFLICT (output, name) DO UPDATE SET last = excluded.last`, output, name, int64(run), int64(run))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remember the recipients: %w", err)
	}
	return nil
}

// Recipients returns who was ever given something, in the order of outputs and names.
func (l *Ledger) Recipients(ctx context.Context) (all []ecrf.Recipient, err error) {
	if err := l.read.SelectContext(ctx, &all, "SELECT output, name FROM recipient ORDER BY output, name"); err != nil {
		return nil, fmt.Errorf("read the recipients: %w", err)
	}
	return all, nil
}

// NameWithdrawn keeps the study number of a withdrawal.
func (l *Ledger) NameWithdrawn(ctx context.Context, withdrawal int, number string) error {
	return l.withdrawn(ctx, "INSERT INTO withdrawn (withdrawal, number) VALUES (?, ?) ON CONFLICT DO NOTHING", withdrawal, number)
}

// UnnameWithdrawn forgets it.
func (l *Ledger) UnnameWithdrawn(ctx context.Context, withdrawal int) error {
	if err := l.withdrawn(ctx, "DELETE FROM withdrawn WHERE withdrawal = ?", withdrawal); err != nil {
		return err
	}
	return l.scrub(ctx, "withdrawn")
}

func (l *Ledger) withdrawn(ctx context.Context, query string, args ...any) error {
	err := l.change(ctx, &l.full, func(t *transaction) error {
		_, err := t.run(query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("the number of a withdrawn subject: %w", err)
	}
	return nil
}

// WithdrawnNames returns the study numbers that are kept, by withdrawal.
func (l *Ledger) WithdrawnNames(ctx context.Context) (map[int]string, error) {
	var rows []struct {
		Withdrawal int
		Number     string
	}
	if err := l.read.SelectContext(ctx, &rows, "SELECT withdrawal, number FROM withdrawn"); err != nil {
		return nil, fmt.Errorf("read the numbers of withdrawn subjects: %w", err)
	}
	names := map[int]string{}
	for _, r := range rows {
		names[r.Withdrawal] = r.Number
	}
	return names, nil
}

// JournalSeen returns how many entries of the journal of withdrawals the ledger has seen.
func (l *Ledger) JournalSeen(ctx context.Context) (entries int, err error) {
	err = l.read.GetContext(ctx, &entries, "SELECT entries FROM journal")
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read how much of the journal was seen: %w", err)
	}
	return entries, nil
}

// SeeJournal remembers that.
func (l *Ledger) SeeJournal(ctx context.Context, entries int) error {
	err := l.change(ctx, &l.full, func(t *transaction) error {
		_, err := t.run("INSERT INTO journal (id, entries) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET entries = excluded.entries WHERE journal.entries < excluded.entries", entries)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember how much of the journal was seen: %w", err)
	}
	return nil
}
