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
		if err := t.unsee(before, seen); err != nil {
			return err
		}
		if err := t.see(before, seen); err != nil {
			return err
		}
		_, err := t.run("INSERT INTO watermark (id, text) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text", watermark)
		return err
	})
	if err != nil {
		return fmt.Errorf("advance the watermark: %w", err)
	}
	return nil
}

// unsee forgets what was seen of subjects that are not named any more.
func (t *transaction) unsee(before, seen map[string]string) error {
	var gone []string
	for number := range before {
		if _, ok := seen[number]; !ok {
			gone = append(gone, number)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	list, err := t.l.dialect.list(gone)
	if err == nil {
		_, err = t.run("DELETE FROM seen WHERE subject IN (SELECT id FROM subject WHERE "+t.l.dialect.among("number")+")", list)
	}
	return err
}

// see stores what is seen otherwise than before of subjects that the ledger knows.
func (t *transaction) see(before, seen map[string]string) error {
	var changed []string
	for _, number := range slices.Sorted(maps.Keys(seen)) {
		if was, ok := before[number]; !ok || was != seen[number] {
			changed = append(changed, number)
		}
	}
	ids, err := t.subjects(changed)
	if err != nil {
		return err
	}
	args := make([]any, 0, len(ids)*t.w.seen.width)
	for _, number := range changed {
		if id, ok := ids[number]; ok {
			args = append(args, id, seen[number])
		}
	}
	return t.insert(t.w.seen, args)
}
