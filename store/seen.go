package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Watermark returns what Advance stored, "" before the first time.
func (l *Ledger) Watermark(ctx context.Context) (text string, err error) {
	err = l.read.GetContext(ctx, &text, "SELECT text FROM watermark")
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the watermark: %w", err)
	}
	return text, nil
}

// Seen returns, by subject, what was seen of those that the last Advance named.
func (l *Ledger) Seen(ctx context.Context) (map[string]string, error) {
	var rows []struct{ Number, Text string }
	if err := l.read.SelectContext(ctx, &rows, "SELECT number, text FROM seen JOIN subject ON subject.id = seen.subject"); err != nil {
		return nil, fmt.Errorf("read what was seen: %w", err)
	}
	all := make(map[string]string, len(rows))
	for _, r := range rows {
		all[r.Number] = r.Text
	}
	return all, nil
}

// Advance stores the watermark and what was seen of subjects, and forgets what was seen of all others.
func (l *Ledger) Advance(ctx context.Context, watermark string, seen map[string]string) error {
	before, err := l.Seen(ctx)
	if err != nil {
		return err
	}
	err = l.change(ctx, &l.full, func(t *transaction) error {
		for _, number := range slices.Sorted(maps.Keys(before)) {
			if _, ok := seen[number]; ok {
				continue
			}
			if _, err := t.tx.ExecContext(t.ctx, "DELETE FROM seen WHERE subject = (SELECT id FROM subject WHERE number = ?)", number); err != nil {
				return err
			}
		}
		for _, number := range slices.Sorted(maps.Keys(seen)) {
			if before[number] == seen[number] {
				continue
			}
			_, err := t.tx.ExecContext(t.ctx, `INSERT INTO seen (subject, text) SELECT id, ?2 FROM subject WHERE number = ?1
				ON CONFLICT (subject) DO UPDATE SET text = excluded.text`, number, seen[number])
			if err != nil {
				return err
			}
		}
		_, err := t.tx.ExecContext(t.ctx, "INSERT INTO watermark (id, text) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text", watermark)
		return err
	})
	if err != nil {
		return fmt.Errorf("advance the watermark: %w", err)
	}
	return nil
}
