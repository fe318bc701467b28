package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/withdrawal"
)

// WithdrawalsFormat is the format of Withdrawals as JSON. Within it fields are added, never renamed or removed.
const WithdrawalsFormat = "crflink.withdrawals/1"

// Withdrawals is all that is known of withdrawals and what is still to be done. It names subjects by their study number as
// long as something is to be done about them, else by a tombstone.
type Withdrawals struct {
	Format      string             `json:"format"`
	Study       string             `json:"study"`
	Withdrawals []ListedWithdrawal `json:"withdrawals"`
	Tasks       []ListedTask       `json:"tasks"`
	Limit       *ListedLimit       `json:"limit,omitempty"`
}

// States of a listed withdrawal.
const (
	StatePending = "pending" // begun; the next run carries it out
	StateWaiting = "waiting" // for a person's word
	StateHeld    = "held"    // not begun: the run that would have was stopped by the safety limit
	StateDone    = "done"
)

// ListedWithdrawal is one subject's.
type ListedWithdrawal struct {
	ID         string `json:"id,omitempty"`      // W and the entry of the journal; none while it is held
	Subject    string `json:"subject,omitempty"` // study number, while it is known and needed
	Tombstone  string `json:"tombstone"`
	State      string `json:"state"`
	Cause      string `json:"cause"`
	Handling   string `json:"handling"`
	Generation int    `json:"generation"`
	Began      string `json:"began,omitempty"` // date
	Renewed    bool   `json:"renewed,omitempty"`
}

// ListedTask is what a person has to do.
type ListedTask struct {
	ID         string `json:"id"`                   // T and the entry of the journal
	Withdrawal string `json:"withdrawal,omitempty"` // none of a task about merged or parted patients
	Subject    string `json:"subject,omitempty"`    // or several, with blanks between them
	What       string `json:"what"`
	Where      string `json:"where"`    // a target, a recipient, or a list of cells
	Deadline   string `json:"deadline"` // date
	State      string `json:"state"`    // open, overdue or closed
}

// ListedLimit is a run that was stopped.
type ListedLimit struct {
	Run       string `json:"run"` // as-of
	Lost      int    `json:"lost"`
	Delivered int    `json:"delivered"`
	Allowed   int    `json:"allowed"`
	Confirmed bool   `json:"confirmed"`
	// Subjects are the lost ones that the ledger still knows.
	Subjects []string `json:"subjects"`
}

// ListWithdrawals lists them, oldest first. now tells which tasks are overdue.
func ListWithdrawals(ctx context.Context, parts Parts, now time.Time) (*Withdrawals, error) {
	l := &lister{parts: parts, register: parts.Journal.Register(), now: now,
		out: &Withdrawals{Format: WithdrawalsFormat, Study: parts.Study.ID, Withdrawals: []ListedWithdrawal{}, Tasks: []ListedTask{}}}
	if err := l.names(ctx); err != nil {
		return nil, err
	}
	for _, w := range l.register.Withdrawals() {
		l.out.Withdrawals = append(l.out.Withdrawals, l.withdrawal(w))
	}
	for _, t := range l.register.Tasks(0) {
		l.out.Tasks = append(l.out.Tasks, l.task(t))
	}
	l.limit()
	return l.out, nil
}

type lister struct {
	parts    Parts
	register *withdrawal.Register
	now      time.Time
	byTrace  map[string]string // number traces of the ledger's subjects
	kept     map[int]string    // numbers of withdrawals
	out      *Withdrawals
}

func (l *lister) names(ctx context.Context) (err error) {
	l.byTrace = map[string]string{}
	for known, err := range l.parts.Ledger.Standings(ctx) {
		if err != nil {
			return err
		}
		l.byTrace[l.parts.Vault.NumberTrace(known.Subject)] = known.Subject
	}
	l.kept, err = l.parts.Ledger.WithdrawnNames(ctx)
	return err
}

func (l *lister) subject(n int, trace pseudonym.Trace) string {
	if number := l.byTrace[trace.Number]; number != "" {
		return number
	}
	return l.kept[n]
}

func (l *lister) withdrawal(w *withdrawal.Withdrawal) ListedWithdrawal {
	state := StatePending
	switch {
	case w.Done:
		state = StateDone
	case l.waits(w.N):
		state = StateWaiting
	}
	return ListedWithdrawal{
		ID: fmt.Sprintf("W%d", w.N), Subject: l.subject(w.N, w.Trace), Tombstone: w.Tombstone(), State: state, Cause: w.Cause, Handling: w.Handling,
		Generation: w.Generation, Began: l.day(w.Began), Renewed: w.Renewed,
	}
}

func (l *lister) waits(n int) bool {
	for _, t := range l.register.Tasks(n) {
		if t.What == withdrawal.Allow && !t.Closed {
			return true
		}
	}
	return false
}

func (l *lister) day(at time.Time) string { return at.In(l.parts.Study.Zone).Format(time.DateOnly) }

func (l *lister) task(t *withdrawal.Task) ListedTask {
	state := "open"
	switch {
	case t.Closed:
		state = "closed"
	case t.Overdue(l.now):
		state = "overdue"
	}
	listed := ListedTask{ID: fmt.Sprintf("T%d", t.N), What: string(t.What), Where: t.Where, Deadline: l.day(t.Deadline), State: state}
	if t.Withdrawal != 0 {
		listed.Withdrawal, listed.Subject = fmt.Sprintf("W%d", t.Withdrawal), l.kept[t.Withdrawal]
		return listed
	}
	var subjects []string
	for _, trace := range t.Subjects {
		if number := l.byTrace[trace]; number != "" {
			subjects = append(subjects, number)
		}
	}
	slices.Sort(subjects)
	listed.Subject = strings.Join(subjects, " ")
	if file := WrongFile(l.parts.Study, t.N); t.What == withdrawal.Parted {
		listed.Where = file
	}
	return listed
}

// limit lists a stopped run, and those of its subjects whose withdrawal would have begun.
func (l *lister) limit() {
	limit := l.register.Limit()
	if limit == nil {
		return
	}
	listed := &ListedLimit{Run: limit.At.In(l.parts.Study.Zone).Format(time.RFC3339), Lost: len(limit.Lost), Delivered: limit.Delivered,
		Allowed: limit.Allowed, Confirmed: limit.Confirmed, Subjects: []string{}}
	for _, trace := range limit.Lost {
		if number := l.byTrace[trace]; number != "" {
			listed.Subjects = append(listed.Subjects, number)
		}
	}
	slices.Sort(listed.Subjects)
	l.out.Limit = listed
	for _, no := range limit.Refused {
		if l.register.OfNumber(no.Trace.Number) == nil {
			l.out.Withdrawals = append(l.out.Withdrawals, ListedWithdrawal{Subject: l.byTrace[no.Trace.Number], Tombstone: withdrawal.Short(no.Trace),
				State: StateHeld, Cause: no.Cause, Handling: string(l.parts.Study.Retention()), Generation: 1})
		}
	}
}
