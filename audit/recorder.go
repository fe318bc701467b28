package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/crflink/crflink/pseudonym"
)

// Recorder writes a study's audit for one actor. It is safe for concurrent use.
type Recorder struct {
	log   Log
	vault *pseudonym.Vault
	actor string
	now   func() time.Time
	gap   *Missed
}

// NewRecorder opens the log for an actor; now gives the time of each event. Where the log does not hold what the vault's
// anchor says, that is recorded first, for good.
func NewRecorder(ctx context.Context, log Log, vault *pseudonym.Vault, actor Actor, now func() time.Time) (*Recorder, error) {
	if err := actor.check(); err != nil {
		return nil, err
	}
	r := &Recorder{log: log, vault: vault, actor: actor.String(), now: now}
	return r, r.mend(ctx)
}

// mend records that the log is not the one that the anchor knows. The chain goes on from whatever of the two is further.
func (r *Recorder) mend(ctx context.Context) error {
	anchor, err := anchorOf(ctx, r.vault)
	if err != nil || anchor.Number == 0 {
		return err
	}
	e, ok, err := r.log.Entry(ctx, anchor.Number)
	if err != nil || ok && bytes.Equal(e.Digest, anchor.Digest[:]) {
		return err
	}
	_, err = r.append(ctx, true, func(last Head) ([]Draft, Head, error) {
		r.gap = &Missed{Anchor: anchor, Found: last}
		gap, err := r.Draft(Event{Kind: Gap, Detail: r.gap})
		if last.Number < anchor.Number {
			last = anchor
		}
		return []Draft{gap}, last, err
	})
	return err
}

// Missed returns what the log lacked when it was opened; nil when it was whole.
func (r *Recorder) Missed() *Missed { return r.gap }

func anchorOf(ctx context.Context, vault *pseudonym.Vault) (Head, error) {
	b, err := vault.AuditAnchor(ctx)
	if err != nil || b == nil {
		return Head{}, err
	}
	return headOf(b)
}

// Draft is an event that is sealed and ready to be chained.
type Draft struct{ entry Entry }

// Draft seals an event. It is the costly part of recording, and can be done for many events at once.
func (r *Recorder) Draft(e Event) (Draft, error) {
	if r == nil {
		return Draft{}, ErrNoActor
	}
	if !kindPattern.MatchString(string(e.Kind)) {
		return Draft{}, errors.New("audit: the kind of an event is 1 to 32 small letters and dashes")
	}
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return Draft{}, fmt.Errorf("audit: what happened cannot be written: %w", err)
	}
	entry := Entry{At: r.now().UTC().Format(time.RFC3339), Actor: r.actor, Kind: e.Kind}
	var seal pseudonym.Seal
	if e.Subject.IsZero() {
		seal = r.vault.AuditSeal()
	} else {
		name := e.Subject.AuditName()
		seal, entry.Subject = e.Subject.AuditSeal(), name[:]
		if e.Kind == Erased || e.Mark != (Mark{}) {
			entry.Mark = e.Mark[:]
		}
	}
	entry.Payload = seal.Seal(detail, bound(e.Kind))
	return Draft{entry}, nil
}

// Record appends events, durably, and moves the anchor behind them. What must not happen unrecorded is recorded first.
func (r *Recorder) Record(ctx context.Context, events ...Event) error {
	_, err := r.record(ctx, events...)
	return err
}

// RecordOne appends an event as Record does, and returns the number of its entry.
func (r *Recorder) RecordOne(ctx context.Context, e Event) (int64, error) {
	head, err := r.record(ctx, e)
	return head.Number, err
}

func (r *Recorder) record(ctx context.Context, events ...Event) (Head, error) {
	drafts := make([]Draft, len(events))
	for i, e := range events {
		var err error
		if drafts[i], err = r.Draft(e); err != nil {
			return Head{}, err
		}
	}
	head, err := r.appendDrafts(ctx, true, drafts)
	if err != nil {
		return Head{}, err
	}
	return head, r.anchor(ctx, head)
}

// Append appends drafts in one transaction. They are durable with the next Record, or with whatever the database of the log
// stores durably after them. Without a draft it does nothing.
func (r *Recorder) Append(ctx context.Context, drafts ...Draft) error {
	if len(drafts) == 0 {
		return nil
	}
	_, err := r.appendDrafts(ctx, false, drafts)
	return err
}

func (r *Recorder) appendDrafts(ctx context.Context, durable bool, drafts []Draft) (Head, error) {
	if r == nil {
		return Head{}, ErrNoActor
	}
	return r.append(ctx, durable, func(last Head) ([]Draft, Head, error) { return drafts, last, nil })
}

// append chains the drafts that next returns behind the head that it returns, and returns the new head.
func (r *Recorder) append(ctx context.Context, durable bool, next func(Head) ([]Draft, Head, error)) (head Head, err error) {
	err = r.log.Append(ctx, durable, func(last Head) ([]Entry, error) {
		drafts, last, err := next(last)
		if err != nil {
			return nil, err
		}
		entries := chain(r.vault.AuditChain(), last, drafts)
		head = last
		if n := len(entries); n > 0 {
			head = entries[n-1].Head()
		}
		return entries, nil
	})
	if err != nil {
		return Head{}, fmt.Errorf("audit: %w", err)
	}
	return head, nil
}

// chain numbers drafts and links each to the entry before it.
func chain(mac hash.Hash, last Head, drafts []Draft) []Entry {
	entries := make([]Entry, len(drafts))
	for i, d := range drafts {
		e := d.entry
		e.Number, e.Before = last.Number+1, bytes.Clone(last.Digest[:])
		e.Digest = e.digest(mac)
		last = e.Head()
		entries[i] = e
	}
	return entries
}

// anchor lets the vault keep a head that is on disk, unless it knows a later one.
func (r *Recorder) anchor(ctx context.Context, head Head) error {
	var unread error
	err := r.vault.MoveAuditAnchor(ctx, func(now []byte) []byte {
		if now != nil {
			kept, err := headOf(now)
			if unread = err; err != nil || kept.Number >= head.Number {
				return nil
			}
		}
		return head.bytes()
	})
	return errors.Join(err, unread)
}

// Head returns the head of the log.
func (r *Recorder) Head(ctx context.Context) (Head, error) { return r.log.Head(ctx) }

// Standing returns the marks that stand, by subject.
func (r *Recorder) Standing(ctx context.Context) (Marks, error) {
	if r == nil {
		return nil, ErrNoActor
	}
	marks := Marks{}
	for s, err := range r.log.Marks(ctx) {
		if err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
		marks.Set(s.Subject, s.Mark)
	}
	return marks, nil
}

// Decisions returns the digest over the marks that stand, as RunFinished has it.
func (r *Recorder) Decisions(m Marks) string { return m.digest(decisionsHash(r.vault)) }

// Hash returns the study's keyed hash for a purpose.
func (r *Recorder) Hash(purpose string) hash.Hash {
	mac := r.vault.AuditChain()
	_, _ = mac.Write([]byte(purpose + "\x00"))
	return mac
}
