package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
)

// Version counts the changes of what is delivered.
func (l *Ledger) Version(ctx context.Context) (string, error) {
	var n int64
	if err := l.read.GetContext(ctx, &n, "SELECT coalesce(max(n), 0) FROM revision"); err != nil {
		return "", fmt.Errorf("read the ledger's version: %w", err)
	}
	return strconv.FormatInt(n, 10), nil
}

// revise counts one: what the transaction does may be seen in what is delivered.
func (t *transaction) revise() error {
	_, err := t.run("INSERT INTO revision (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = revision.n + 1")
	return err
}

// Left returns what Leave stored last, "" before the first time.
func (l *Ledger) Left(ctx context.Context, output string) (text string, err error) {
	err = l.read.GetContext(ctx, &text, l.bind("SELECT text FROM output WHERE name = ?"), output)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read what an output was left with: %w", err)
	}
	return text, nil
}

// Leave stores what an output is left with.
func (l *Ledger) Leave(ctx context.Context, output, text string) error {
	err := l.change(ctx, &l.full, func(t *transaction) error {
		_, err := t.run("INSERT INTO output (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text", output, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember what an output is left with: %w", err)
	}
	return nil
}
