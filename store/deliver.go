package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/crflink/crflink/ecrf"
)

// LastWritten returns what was written to a target for a subject.
func (l *Ledger) LastWritten(ctx context.Context, target, subject string) (map[ecrf.CellKey]ecrf.Delivered, error) {
	found := map[ecrf.CellKey]ecrf.Delivered{}
	rows, err := l.reads.delivered.QueryxContext(ctx, subject, target)
	if err != nil {
		return nil, fmt.Errorf("read what target %s took: %w", target, err)
	}
	defer func() { _ = rows.Close() }() // the error is rows.Err's
	for rows.Next() {
		d := ecrf.Delivered{Subject: subject}
		var slot, state int64
		if err := rows.Scan(&slot, &d.Repeat, &d.Value, &state, &d.Sent, &d.Instance); err != nil {
			return nil, fmt.Errorf("read what target %s took: %w", target, err)
		}
		words, err := l.words.knowing(ctx, l.read, state)
		s, ok := l.slots.byID[slot]
		if !ok {
			err = errors.Join(err, errUnknownForm)
		}
		if err != nil {
			return nil, fmt.Errorf("read what target %s took: %w", target, err)
		}
		d.Event, d.Form, d.Item, d.State = s.event, s.form, s.item, ecrf.State(words[state])
		found[d.CellKey] = d
	}
	return found, rows.Err()
}

// MarkWritten stores what a target took or refused. It is on disk when it returns.
func (l *Ledger) MarkWritten(ctx context.Context, run ecrf.RunID, target string, cells []ecrf.Delivered) error {
	err := l.change(ctx, &l.full, func(t *transaction) error { return t.delivered(int64(run), target, cells) })
	if err != nil {
		return fmt.Errorf("store what target %s took: %w", target, err)
	}
	return nil
}

type deliveryRow struct {
	cellPlace
	value    string
	state    int64
	sent     string
	instance int64
	took     bool
}

func (t *transaction) delivered(run int64, target string, cells []ecrf.Delivered) error {
	word, err := t.word(target)
	if err != nil {
		return err
	}
	ids, err := t.subjects(subjectsOf(cells))
	if err != nil {
		return err
	}
	rows := make([]deliveryRow, len(cells))
	for i := range cells {
		if rows[i], err = t.delivery(ids, &cells[i]); err != nil {
			return err
		}
	}
	slices.SortFunc(rows, func(a, b deliveryRow) int {
		return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.slot, b.slot), cmp.Compare(a.repeat, b.repeat))
	})
	args := make([]any, 0, len(rows)*t.w.deliveries.width)
	for _, r := range rows {
		args = append(args, r.subject, word, r.slot, r.repeat, r.value, r.state, run, r.sent, r.instance)
	}
	if err := t.insert(t.w.deliveries, args); err != nil {
		return err
	}
	return t.markWritten(rows)
}

// subjectsOf returns the study numbers of cells.
func subjectsOf(cells []ecrf.Delivered) []string {
	var numbers []string
	for i := range cells {
		if n := len(numbers); n == 0 || numbers[n-1] != cells[i].Subject {
			numbers = append(numbers, cells[i].Subject)
		}
	}
	return numbers
}

func (t *transaction) delivery(ids map[string]int64, c *ecrf.Delivered) (r deliveryRow, err error) {
	id, ok := ids[c.Subject]
	if !ok {
		return r, errors.New("a delivered cell belongs to a subject that the ledger does not know")
	}
	r = deliveryRow{cellPlace: cellPlace{subject: id, repeat: int64(c.Repeat)}, value: c.Value, sent: c.Sent, instance: int64(c.Instance), took: c.State == ecrf.Written}
	if r.slot, err = t.slot(c.CellKey); err != nil {
		return r, err
	}
	r.state, err = t.word(string(c.State))
	return r, err
}

// markWritten moves the cells that the target took from New to Written.
func (t *transaction) markWritten(rows []deliveryRow) error {
	var took []cellPlace
	for _, r := range rows {
		if r.took {
			took = append(took, r.cellPlace)
		}
	}
	if len(took) == 0 {
		return nil
	}
	isNew, err := t.word(string(ecrf.New))
	if err != nil {
		return err
	}
	written, err := t.word(string(ecrf.Written))
	if err != nil {
		return err
	}
	return t.l.dialect.mark(t, took, isNew, written)
}

// Forget removes every trace of subjects. In SQLite their content is overwritten in the file, and the write-ahead log is emptied as far
// as readers under way let it; Close empties the rest. In PostgreSQL the tables are written anew.
func (l *Ledger) Forget(ctx context.Context, subjects ...string) (cells int, err error) {
	err = l.change(ctx, &l.full, func(t *transaction) error {
		ids, err := t.subjects(subjects)
		for _, number := range slices.Sorted(maps.Keys(ids)) {
			if err != nil {
				return err
			}
			var n int64
			n, err = t.forget(ids[number])
			cells += int(n)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget subjects: %w", err)
	}
	return cells, l.scrub(ctx, aboutSubjects...)
}

func (t *transaction) forget(id int64) (cells int64, err error) {
	if err := t.forgetQueries(id); err != nil {
		return 0, err
	}
	for _, table := range []string{"delivery", "origin", "instance", "cell"} { // cell last: its count is the result
		result, err := t.run("DELETE FROM "+table+" WHERE subject = ?", id)
		if err != nil {
			return 0, err
		}
		if cells, err = result.RowsAffected(); err != nil {
			return 0, err
		}
	}
	_, err = t.run("DELETE FROM subject WHERE id = ?", id)
	return cells, err
}
