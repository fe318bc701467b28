package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pseudonym"
)

// Audit returns the log of the study's audit. It lies in the ledger's file, so that what a shard says there is on disk with
// the shard.
func (l *Ledger) Audit() audit.Log { return &auditLog{l} }

type auditLog struct{ *Ledger }

type auditRow struct {
	Number                                 int64
	At, Actor, Kind                        string
	Subject, Mark, Payload, Before, Digest []byte
}

var auditNames = []string{"number", "at", "actor", "kind", "subject", "mark", "payload", "before", "digest"}

var auditColumns = strings.Join(auditNames, ", ")

const auditHead = "SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1"

var errAuditRow = errors.New("a mark of the audit has not 32 bytes: the file was damaged or altered")

func (r *auditRow) entry() audit.Entry {
	return audit.Entry{
		Number: r.Number, At: r.At, Actor: r.Actor, Kind: audit.Kind(r.Kind), Subject: r.Subject, Mark: r.Mark, Payload: r.Payload, Before: r.Before, Digest: r.Digest,
	}
}

// Append stores the entries that next returns.
func (l *auditLog) Append(ctx context.Context, durable bool, next func(audit.Head) ([]audit.Entry, error)) error {
	w := &l.normal
	if durable {
		w = &l.full
	}
	if durable && underWayIn(ctx, l.Ledger) != nil {
		return errors.New("append to the audit: an entry that must be on disk at once cannot wait for the end of a transaction")
	}
	err := l.change(ctx, w, func(t *transaction) error {
		if err := l.dialect.alone(t, "audit"); err != nil {
			return err
		}
		var rows []auditRow
		if err := t.all(&rows, auditHead); err != nil {
			return err
		}
		entries, err := next(headOf(rows))
		if err != nil {
			return err
		}
		args := make([]any, 0, len(entries)*t.w.audits.width)
		for i := range entries {
			e := &entries[i]
			args = append(args, e.Number, e.At, e.Actor, string(e.Kind), orNil(e.Subject), orNil(e.Mark), e.Payload, e.Before, e.Digest)
		}
		return t.insert(t.w.audits, args)
	})
	if err != nil {
		return fmt.Errorf("append to the audit: %w", err)
	}
	return nil
}

// orNil returns NULL for no bytes.
func orNil(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

func headOf(rows []auditRow) audit.Head {
	if len(rows) == 0 {
		return audit.Head{}
	}
	e := rows[0].entry()
	return e.Head()
}

// Head returns number and digest of the last entry.
func (l *auditLog) Head(ctx context.Context) (audit.Head, error) {
	var rows []auditRow
	if err := l.read.SelectContext(ctx, &rows, auditHead); err != nil {
		return audit.Head{}, fmt.Errorf("read the audit: %w", err)
	}
	return headOf(rows), nil
}

// Entry returns the entry of a number.
func (l *auditLog) Entry(ctx context.Context, number int64) (audit.Entry, bool, error) {
	var rows []auditRow
	if err := l.read.SelectContext(ctx, &rows, l.bind("SELECT "+auditColumns+" FROM audit WHERE number = ?"), number); err != nil {
		return audit.Entry{}, false, fmt.Errorf("read the audit: %w", err)
	}
	if len(rows) == 0 {
		return audit.Entry{}, false, nil
	}
	return rows[0].entry(), true, nil
}

// entriesAtOnce is how many entries are read by one query.
const entriesAtOnce = 500

// Entries yields the entries from a number on, as of one instant.
func (l *auditLog) Entries(ctx context.Context, from int64) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		stopped := false
		err := l.view(ctx, func(v *view) error {
			return v.entries(ctx, from, func(e audit.Entry) bool {
				stopped = !yield(e, nil)
				return !stopped
			})
		})
		if err != nil && !stopped {
			yield(audit.Entry{}, fmt.Errorf("read the audit: %w", err))
		}
	}
}

// entries reads entries page by page, until ctx ends, so that no query stays open while the caller works.
func (v *view) entries(ctx context.Context, from int64, yield func(audit.Entry) bool) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var rows []auditRow
		query := v.l.bind("SELECT " + auditColumns + " FROM audit WHERE number >= ? ORDER BY number LIMIT ?")
		if err := v.tx.SelectContext(v.ctx, &rows, query, from, entriesAtOnce); err != nil {
			return err
		}
		for i := range rows {
			if !yield(rows[i].entry()) {
				return nil
			}
			from = rows[i].Number + 1
		}
		if len(rows) < entriesAtOnce {
			return nil
		}
	}
}

// Marks yields the newest mark of every subject.
func (l *auditLog) Marks(ctx context.Context) iter.Seq2[audit.Standing, error] {
	return func(yield func(audit.Standing, error) bool) {
		rows, err := l.read.QueryxContext(ctx, l.dialect.newestMarks())
		if err != nil {
			yield(audit.Standing{}, fmt.Errorf("read the audit: %w", err))
			return
		}
		defer func() { _ = rows.Close() }() // the error is rows.Err's
		for rows.Next() {
			var r auditRow
			var s audit.Standing
			if err = rows.StructScan(&r); err == nil {
				s, err = r.standing()
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(audit.Standing{}, fmt.Errorf("read the audit: %w", err))
		}
	}
}

func (r *auditRow) standing() (audit.Standing, error) {
	if len(r.Subject) != len(pseudonym.AuditName{}) || len(r.Mark) != len(audit.Mark{}) {
		return audit.Standing{}, errAuditRow
	}
	return audit.Standing{Subject: pseudonym.AuditName(r.Subject), Mark: audit.Mark(r.Mark)}, nil
}
