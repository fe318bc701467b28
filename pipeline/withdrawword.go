package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/withdrawal"
)

// Word is a person's word about a withdrawal. It is written to the audit; the journal has only that it was given.
type Word struct {
	By, Reason string
	At         time.Time
}

// Kinds of what persons say, in the audit.
const (
	auditLimit   audit.Kind = "loss-confirmed"
	auditOrdered audit.Kind = "withdrawal-ordered"
	auditTask    audit.Kind = "task-closed"
)

// WordDetail is the detail of a person's word.
type WordDetail struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
	About  int    `json:"about"` // entry of the journal: a withdrawal, task or limit
	Count  int    `json:"count,omitempty"`
}

func (w Word) check() error {
	if w.By == "" || w.Reason == "" {
		return errors.New("say who confirms, and why")
	}
	return nil
}

// What a person's word may answer.
var (
	ErrNoLimit   = errors.New("no run waits for a confirmation")
	ErrNoTask    = errors.New("there is no such task")
	ErrNoSubject = errors.New("nobody has this subject number")
	ErrAlready   = errors.New("this was said before")
)

// ConfirmLimit says that the patients of the stopped run are lost indeed. Withdrawals of those who refused begin with it; the
// next run passes. It returns how many patients are lost, and how many of them withdraw.
func ConfirmLimit(ctx context.Context, parts Parts, word Word) (lost, withdrawn int, err error) {
	limit := parts.Journal.Register().Limit()
	switch {
	case word.check() != nil:
		return 0, 0, word.check()
	case limit == nil:
		return 0, 0, ErrNoLimit
	case limit.Confirmed:
		return 0, 0, fmt.Errorf("%w: the next run passes", ErrAlready)
	}
	detail := WordDetail{By: word.By, Reason: word.Reason, About: limit.N, Count: len(limit.Lost)}
	if err := parts.Audit.Record(ctx, audit.Event{Kind: auditLimit, Detail: detail}); err != nil {
		return 0, 0, err
	}
	entries := []withdrawal.Entry{{Kind: withdrawal.Confirmed, At: word.At, Of: limit.N}}
	for i := range limit.Refused {
		if parts.Journal.Register().OfNumber(limit.Refused[i].Trace.Number) == nil {
			entries = append(entries, parts.begun(&limit.Refused[i], word.At))
			withdrawn++
		}
	}
	return len(limit.Lost), withdrawn, parts.Journal.Append(entries...)
}

func (p *Parts) begun(no *withdrawal.Refusal, at time.Time) withdrawal.Entry {
	return withdrawal.Entry{Kind: withdrawal.Began, At: at, Refusal: no, Handling: string(p.Study.Retention())}
}

// OrderWithdrawal begins the withdrawal of a subject because a person says so, such as on a letter of the patient's.
func OrderWithdrawal(ctx context.Context, parts Parts, subject string, word Word) (int, error) {
	if err := word.check(); err != nil {
		return 0, err
	}
	found, err := parts.Vault.SubjectOf(ctx, subject)
	if errors.Is(err, pseudonym.ErrNotEnrolled) {
		return 0, ErrNoSubject
	}
	if err != nil {
		return 0, err
	}
	trace, err := parts.Vault.TraceOf(ctx, subject)
	if err != nil {
		return 0, err
	}
	if w := parts.Journal.Register().OfNumber(trace.Number); w != nil {
		return w.N, fmt.Errorf("%w: the withdrawal is W%d", ErrAlready, w.N)
	}
	n := parts.Journal.Register().Entries() + 1
	if err := parts.Audit.Record(ctx, audit.Event{Kind: auditOrdered, Subject: found, Detail: WordDetail{By: word.By, Reason: word.Reason, About: n}}); err != nil {
		return 0, err
	}
	no := &withdrawal.Refusal{Trace: trace, Cause: withdrawal.ByPerson, Moment: word.At.UTC()}
	if err := parts.Journal.Append(parts.begun(no, word.At)); err != nil {
		return 0, err
	}
	return n, parts.Ledger.NameWithdrawn(ctx, n, subject)
}

// CloseTask says that a person has done a task, or allows what it asks for. The number of a subject of whom nothing is left to
// do is forgotten.
func CloseTask(ctx context.Context, parts Parts, n int, word Word) (*withdrawal.Task, error) {
	if err := word.check(); err != nil {
		return nil, err
	}
	task := parts.Journal.Register().Task(n)
	switch {
	case task == nil:
		return nil, ErrNoTask
	case task.Closed:
		return task, ErrAlready
	}
	if err := parts.Audit.Record(ctx, audit.Event{Kind: auditTask, Detail: WordDetail{By: word.By, Reason: word.Reason, About: n}}); err != nil {
		return nil, err
	}
	if err := parts.Journal.Append(withdrawal.Entry{Kind: withdrawal.Closed, At: word.At, Of: n}); err != nil {
		return nil, err
	}
	if task.What == withdrawal.Parted {
		return task, forgetWrong(parts.Study, n)
	}
	return task, parts.unname(ctx, task.Withdrawal)
}

// unname forgets the number of a withdrawal that is done and waits for nobody.
func (p *Parts) unname(ctx context.Context, n int) error {
	register := p.Journal.Register()
	for _, w := range register.Withdrawals() {
		if w.N == n && w.Done && !register.Open(n) {
			return p.Ledger.UnnameWithdrawn(ctx, n)
		}
	}
	return nil
}
