package withdrawal

import (
	"fmt"
	"slices"
	"time"

	"github.com/crflink/crflink/pseudonym"
)

// Withdrawal is one subject's withdrawal.
type Withdrawal struct {
	N int // its first entry
	Refusal
	Handling   string
	Generation int // how often this person has withdrawn, from 1
	Began      time.Time
	Done       bool
	Renewed    bool
}

// Task is what a person has to do.
type Task struct {
	N          int // its first entry
	Withdrawal int // 0 of a task about subjects who were merged or parted
	Job
	Opened time.Time
	Closed bool
}

// Overdue reports whether the task should have been done.
func (t *Task) Overdue(now time.Time) bool { return !t.Closed && now.After(t.Deadline) }

// Limit is a run that lost too many patients.
type Limit struct {
	N  int
	At time.Time
	Loss
	Confirmed bool
}

// Register is what a journal's entries come to.
type Register struct {
	last        int
	withdrawals map[int]*Withdrawal
	tasks       map[int]*Task
	order       []int // of both
	byNumber    map[string]*Withdrawal
	byIdentity  map[string]*Withdrawal // the newest
	limit       *Limit
}

func newRegister() *Register {
	return &Register{withdrawals: map[int]*Withdrawal{}, tasks: map[int]*Task{}, byNumber: map[string]*Withdrawal{}, byIdentity: map[string]*Withdrawal{}}
}

// Entries returns how many entries the journal has.
func (r *Register) Entries() int { return r.last }

// Empty reports whether nobody ever withdrew.
func (r *Register) Empty() bool { return len(r.withdrawals) == 0 }

// Barred reports whether the person with the identity trace withdrew, whether or not they consented again.
func (r *Register) Barred(identity string) bool { return r.byIdentity[identity] != nil }

// Spent reports whether the number with the trace belonged to somebody who withdrew.
func (r *Register) Spent(number string) bool { return r.byNumber[number] != nil }

// Withdrawals returns all, oldest first.
func (r *Register) Withdrawals() (all []*Withdrawal) {
	for _, n := range r.order {
		if w := r.withdrawals[n]; w != nil {
			all = append(all, w)
		}
	}
	return all
}

// Tasks returns all, oldest first; of is the withdrawal that they belong to, 0 for any.
func (r *Register) Tasks(of int) (all []*Task) {
	for _, n := range r.order {
		if t := r.tasks[n]; t != nil && (of == 0 || t.Withdrawal == of) {
			all = append(all, t)
		}
	}
	return all
}

// Task returns the task of an entry, or nil.
func (r *Register) Task(n int) *Task { return r.tasks[n] }

// TaskOf returns the withdrawal's task of a kind at a place, or nil.
func (r *Register) TaskOf(withdrawal int, what JobKind, where string) *Task {
	for _, t := range r.Tasks(withdrawal) {
		if t.What == what && t.Where == where {
			return t
		}
	}
	return nil
}

// OpenAbout returns the open task of a kind about these subjects, by their traces in order, or nil.
func (r *Register) OpenAbout(what JobKind, subjects []string) *Task {
	for _, t := range r.Tasks(0) {
		if t.What == what && !t.Closed && slices.Equal(t.Subjects, subjects) {
			return t
		}
	}
	return nil
}

// Open reports whether a task of the withdrawal waits for a person.
func (r *Register) Open(withdrawal int) bool {
	return slices.ContainsFunc(r.Tasks(withdrawal), func(t *Task) bool { return !t.Closed })
}

// OfNumber returns the withdrawal of the subject with the number trace, or nil.
func (r *Register) OfNumber(trace string) *Withdrawal { return r.byNumber[trace] }

// OfIdentity returns the newest withdrawal of the person with the identity trace, or nil.
func (r *Register) OfIdentity(trace string) *Withdrawal { return r.byIdentity[trace] }

// Limit returns the exceeded limit that no run has passed since, or nil.
func (r *Register) Limit() *Limit { return r.limit }

// check reports what is wrong with an entry before it is written.
func (r *Register) check(e Entry) error {
	wrong := ""
	switch e.Kind {
	case Began:
		switch {
		case e.Refusal == nil || e.Trace.Number == "":
			wrong = "a withdrawal without a trace"
		case r.byNumber[e.Trace.Number] != nil:
			wrong = "a second withdrawal of one subject"
		}
	case Done, Renewed:
		if r.withdrawals[e.Of] == nil {
			wrong = "of no withdrawal"
		}
	case Opened:
		switch {
		case e.Task == nil:
			wrong = "no task"
		case e.Task.What.aboutSubjects() && (e.Of != 0 || len(e.Task.Subjects) == 0):
			wrong = "a task about no subject"
		case !e.Task.What.aboutSubjects() && r.withdrawals[e.Of] == nil:
			wrong = "a task of no withdrawal"
		}
	case Closed:
		if r.tasks[e.Of] == nil {
			wrong = "of no task"
		}
	case Exceeded:
		if e.Loss == nil {
			wrong = "a limit without a loss"
		}
	case Confirmed, Passed:
		if r.limit == nil || r.limit.N != e.Of {
			wrong = "of no open limit"
		}
	default:
		wrong = "of a kind that this version does not know"
	}
	if wrong != "" {
		return fmt.Errorf("the journal of withdrawals refuses the entry %q: %s", e.Kind, wrong)
	}
	return nil
}

// take takes an entry up.
func (r *Register) take(e Entry) error {
	if err := r.check(e); err != nil {
		return err
	}
	r.last = e.N
	switch e.Kind {
	case Began:
		r.begin(e)
	case Done:
		r.withdrawals[e.Of].Done = true
	case Renewed:
		r.withdrawals[e.Of].Renewed = true
	case Opened:
		r.tasks[e.N] = &Task{N: e.N, Withdrawal: e.Of, Job: *e.Task, Opened: e.At}
		r.order = append(r.order, e.N)
	case Closed:
		r.tasks[e.Of].Closed = true
	case Exceeded:
		r.limit = &Limit{N: e.N, At: e.At, Loss: *e.Loss}
	case Confirmed:
		r.limit.Confirmed = true
	case Passed:
		r.limit = nil
	}
	return nil
}

func (r *Register) begin(e Entry) {
	w := &Withdrawal{N: e.N, Refusal: *e.Refusal, Handling: e.Handling, Generation: 1, Began: e.At}
	for _, id := range w.Trace.Identities {
		if before := r.byIdentity[id]; before != nil {
			w.Generation = max(w.Generation, before.Generation+1)
			if before.Moment.After(w.Moment) {
				w.Moment = before.Moment
			}
		}
	}
	for _, id := range w.Trace.Identities {
		r.byIdentity[id] = w
	}
	r.byNumber[w.Trace.Number] = w
	r.withdrawals[w.N] = w
	r.order = append(r.order, w.N)
}

// Tombstone is the short name of a withdrawal, by which people speak of it when its number is gone.
func (w *Withdrawal) Tombstone() string { return Short(w.Trace) }

// Short returns the first digits of a trace's number hash.
func Short(t pseudonym.Trace) string { return t.Number[:min(12, len(t.Number))] }
