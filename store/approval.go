package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/crflink/crflink/ecrf"
)

// Approved returns the newest approval of a mapping.
func (l *Ledger) Approved(ctx context.Context) (*ecrf.Approval, error) {
	var row struct {
		At, Mapping, Author, Approver, Reason, Rules string
	}
	err := l.read.GetContext(ctx, &row, "SELECT at, mapping, author, approver, reason, rules FROM approval ORDER BY id DESC LIMIT 1")
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	a := &ecrf.Approval{Mapping: row.Mapping, Author: row.Author, By: row.Approver, Reason: row.Reason}
	if err == nil {
		a.At, err = time.Parse(time.RFC3339Nano, row.At)
	}
	if err == nil {
		err = json.Unmarshal([]byte(row.Rules), &a.Rules)
	}
	if err != nil {
		return nil, fmt.Errorf("read the approval of the mapping: %w", err)
	}
	return a, nil
}

// Approve stores an approval.
func (l *Ledger) Approve(ctx context.Context, a ecrf.Approval) error {
	rules, err := json.Marshal(a.Rules)
	if err == nil {
		err = l.change(ctx, &l.full, func(t *transaction) error {
			_, err := t.run("INSERT INTO approval (at, mapping, author, approver, reason, rules) VALUES (?, ?, ?, ?, ?, ?)",
				a.At.UTC().Format(time.RFC3339Nano), a.Mapping, a.Author, a.By, a.Reason, string(rules))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("store the approval of the mapping: %w", err)
	}
	return nil
}
