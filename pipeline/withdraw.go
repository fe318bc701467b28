package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/csvcut"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/withdrawal"
)

// Withdrawn counts what became of withdrawals.
type Withdrawn struct {
	Done    int // carried out
	Waiting int // wait for a person to confirm an erasure
	Failed  int // could not be carried out; the next run tries again
	Cells   int // that targets and ledger had of those that were erased
}

// ErasedDetail is the detail of audit.Erased.
type ErasedDetail struct {
	Withdrawal int      `json:"withdrawal"` // entry of the journal
	Cause      string   `json:"cause"`
	Handling   string   `json:"handling"`
	Targets    []string `json:"targets"` // from which it was removed
	Cells      int      `json:"cells"`   // of the ledger
}

// ErrOldJournal is the error of a journal that is older than the ledger: who withdrew since would come back.
var ErrOldJournal = errors.New("the journal of withdrawals is older than the ledger; restore its newest backup")

// StageWithdrawal is the stage of failures to carry a withdrawal out.
const StageWithdrawal = "withdrawal"

// Withdraw carries out every withdrawal that the journal says was begun, and those that a restored backup has undone. It reads
// no source. An error means that journal, ledger or vault could not be used; what a target could not do is in failures.
func Withdraw(ctx context.Context, parts Parts, at time.Time) (did Withdrawn, failures []Failure, err error) {
	w := &withdrawer{Parts: parts, at: at, failed: func(f Failure) { failures = append(failures, f) }}
	err = w.run(ctx)
	return w.did, failures, err
}

// withdrawer carries withdrawals out. Each step may be done again after a crash at any instant: first the journal says that
// the withdrawal began, then it is removed from the targets, the ledger and the vault, and last the journal says so.
type withdrawer struct {
	Parts
	at     time.Time
	failed func(Failure)
	erased func(pseudonym.Subject) // is told whom the audit calls erased; may be nil
	did    Withdrawn
}

// leaving is a subject under way out.
type leaving struct {
	*withdrawal.Withdrawal
	number  string // "" when neither vault nor ledger know it any more
	stored  bool   // the ledger has it
	targets []string
	stuck   bool // a target has to be tried again
	waiting bool // for a person
}

func (w *withdrawer) run(ctx context.Context) error {
	register := w.Journal.Register()
	if seen, err := w.Ledger.JournalSeen(ctx); err != nil {
		return err
	} else if seen > register.Entries() {
		return fmt.Errorf("%w: it has %d entries, and the ledger has seen %d", ErrOldJournal, register.Entries(), seen)
	}
	all, err := w.pending(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return w.seen(ctx)
	}
	for _, step := range []func(context.Context, []*leaving) error{w.name, w.notify, w.eraseFromTargets, w.eraseSessions, w.eraseWrong} {
		if err := step(ctx, all); err != nil {
			return err
		}
	}
	for _, l := range all {
		if err := w.finish(ctx, l); err != nil {
			return err
		}
	}
	return w.seen(ctx)
}

func (w *withdrawer) seen(ctx context.Context) error {
	n := w.Journal.Register().Entries()
	if n == 0 {
		return nil
	}
	return w.Ledger.SeeJournal(ctx, n)
}

// pending finds withdrawals that are not done, and such as were done and of which vault or ledger have something again.
func (w *withdrawer) pending(ctx context.Context) ([]*leaving, error) {
	register := w.Journal.Register()
	if len(register.Withdrawals()) == 0 {
		return nil, nil
	}
	stored, err := w.stored(ctx)
	if err != nil {
		return nil, err
	}
	names, err := w.Ledger.WithdrawnNames(ctx)
	if err != nil {
		return nil, err
	}
	var all []*leaving
	for _, one := range register.Withdrawals() {
		l := &leaving{Withdrawal: one}
		facts, ok := stored[one.N]
		if ok {
			l.number, l.stored = facts.Subject, true
		}
		subject, err := w.Vault.Traced(ctx, one.Trace)
		if err != nil && !errors.Is(err, pseudonym.ErrNotEnrolled) {
			return nil, err
		}
		kept := consent.Handling(one.Handling) == consent.KeepAndStop
		back := ok && !(kept && facts.Outcome == ecrf.OutcomeWithdrawn) || err == nil && !kept
		if err == nil {
			l.number = subject.Number()
		}
		if l.number == "" {
			l.number = names[one.N]
		}
		if !one.Done || back {
			all = append(all, l)
		}
	}
	return all, nil
}

// stored finds the withdrawn subjects that the ledger has, by withdrawal.
func (w *withdrawer) stored(ctx context.Context) (map[int]ecrf.Facts, error) {
	found := map[int]ecrf.Facts{}
	for facts, err := range w.Ledger.AllFacts(ctx) {
		if err != nil {
			return nil, err
		}
		if one := w.Journal.Register().OfNumber(w.Vault.NumberTrace(facts.Subject)); one != nil {
			found[one.N] = facts
		}
	}
	return found, nil
}

// name keeps the numbers until everything is done: a person needs them for the tasks, and a later run when this one dies.
func (w *withdrawer) name(ctx context.Context, all []*leaving) error {
	for _, l := range all {
		if l.number == "" {
			continue
		}
		if err := w.Ledger.NameWithdrawn(ctx, l.N, l.number); err != nil {
			return err
		}
	}
	return nil
}

// notify opens a task for everybody who was ever given the study's data.
func (w *withdrawer) notify(ctx context.Context, all []*leaving) error {
	recipients, err := w.Ledger.Recipients(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		for _, r := range recipients {
			if !l.stored {
				continue // never delivered, or notified before the ledger forgot it
			}
			if err := w.open(l, withdrawal.Notify, r.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// open opens a task unless it was opened before.
func (w *withdrawer) open(l *leaving, what withdrawal.JobKind, where string) error {
	if w.Journal.Register().TaskOf(l.N, what, where) != nil {
		return nil
	}
	deadline := w.at.AddDate(0, 0, w.Study.Policy.Deadline())
	return w.Journal.Append(withdrawal.Entry{Kind: withdrawal.Opened, At: w.at, Of: l.N, Task: &withdrawal.Job{What: what, Where: where, Deadline: deadline.UTC()}})
}

func (w *withdrawer) eraseFromTargets(ctx context.Context, all []*leaving) error {
	for _, t := range w.Targets {
		due, err := w.due(t, all)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			continue
		}
		if err := w.erase(ctx, t, due); err != nil {
			return err
		}
	}
	return nil
}

// due returns those whom the target can and may erase now; for the others it opens tasks.
func (w *withdrawer) due(t ecrf.Target, all []*leaving) ([]*leaving, error) {
	handling := w.Study.Policy.Handling(t.Name())
	_, can := t.(ecrf.Eraser)
	var due []*leaving
	for _, l := range all {
		switch {
		case handling == consent.KeepAndStop || l.number == "":
		case !can || live(t) && handling == consent.Anonymise:
			if err := w.open(l, withdrawal.Delete, t.Name()); err != nil {
				return nil, err
			}
		case live(t) && w.Study.Policy.AsksBeforeErasing():
			if err := w.open(l, withdrawal.Allow, t.Name()); err != nil {
				return nil, err
			}
			if w.Journal.Register().TaskOf(l.N, withdrawal.Allow, t.Name()).Closed {
				due = append(due, l)
			} else {
				l.waiting = true
			}
		default:
			due = append(due, l)
		}
	}
	return due, nil
}

// erase removes subjects from a target. One that fails is tried again by the next run; the others go on.
func (w *withdrawer) erase(ctx context.Context, t ecrf.Target, due []*leaving) error {
	eraser, ok := t.(ecrf.Eraser)
	if !ok {
		return fmt.Errorf("target %s cannot erase", t.Name())
	}
	cells, err := eraser.Erase(ctx, ecrf.Erasure{Subjects: numbers(due), Record: ecrf.Bind(w.Ledger, 0, t.Name())})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.did.Cells += cells
	for _, l := range due {
		if err != nil {
			l.stuck = true
		}
		l.targets = append(l.targets, t.Name())
	}
	if err != nil {
		w.failed(Failure{Stage: StageWithdrawal, Reason: fmt.Sprintf("%d subjects could not be erased: %v", len(due), err)})
	}
	return nil
}

func numbers(all []*leaving) []string {
	var list []string
	for _, l := range all {
		list = append(list, l.number)
	}
	return list
}

// eraseSessions takes subjects out of the imaging files, unless the policy keeps what was delivered there.
func (w *withdrawer) eraseSessions(_ context.Context, all []*leaving) error {
	folder := w.Study.Imaging.Folder
	if folder == "" && w.Study.Imaging.Review == "" || w.Study.Policy.Handling(authorisation.ImagingOutput) == consent.KeepAndStop {
		return nil
	}
	gone := map[string]bool{}
	for _, l := range all {
		if l.number != "" {
			gone[l.number] = true
		}
	}
	var files []string
	if folder != "" {
		files = append(files, filepath.Join(folder, sessionsFile), filepath.Join(folder, unlinkedFile))
	}
	if w.Study.Imaging.Review != "" {
		files = append(files, w.Study.Imaging.Review)
	}
	for _, file := range files {
		if _, err := csvcut.Lines(file, "subject", gone); err != nil {
			for _, l := range all {
				l.stuck = true
			}
			w.failed(Failure{Stage: StageWithdrawal, Reason: fmt.Sprintf("imaging sessions: %v", err)})
		}
	}
	return nil
}

// finish removes one subject from ledger and vault when no target holds it any more, and writes the end into the journal.
func (w *withdrawer) finish(ctx context.Context, l *leaving) error {
	switch {
	case l.stuck:
		w.did.Failed++
		return nil
	case l.waiting:
		w.did.Waiting++
		return nil
	}
	if l.number != "" {
		if err := w.forget(ctx, l); err != nil {
			return err
		}
	}
	if !l.Done {
		if err := w.Journal.Append(withdrawal.Entry{Kind: withdrawal.Done, At: w.at, Of: l.N}); err != nil {
			return err
		}
	}
	w.did.Done++
	if w.Journal.Register().Open(l.N) {
		return nil
	}
	return w.Ledger.UnnameWithdrawn(ctx, l.N)
}

// forget does to ledger and vault what the policy said when the withdrawal began.
func (w *withdrawer) forget(ctx context.Context, l *leaving) error {
	cells, err := 0, error(nil)
	switch consent.Handling(l.Handling) {
	case consent.KeepAndStop:
		return w.Ledger.Freeze(ctx, l.number)
	case consent.Anonymise:
		cells, err = w.Ledger.Anonymise(ctx, l.number, pseudonym.Untraceable())
	default:
		cells, err = w.Ledger.Forget(ctx, l.number)
		w.did.Cells += cells
	}
	if err != nil {
		return err
	}
	subject, err := w.Vault.SubjectOf(ctx, l.number)
	if errors.Is(err, pseudonym.ErrNotEnrolled) {
		return nil
	}
	if err != nil {
		return err
	}
	detail := ErasedDetail{Withdrawal: l.N, Cause: l.Cause, Handling: l.Handling, Targets: slices.Clone(l.targets), Cells: cells}
	if err := w.Audit.Record(ctx, audit.Event{Kind: audit.Erased, Subject: subject, Detail: detail}); err != nil {
		return err
	}
	if w.erased != nil {
		w.erased(subject)
	}
	if err := w.Vault.Destroy(ctx, l.number); err != nil && !errors.Is(err, pseudonym.ErrNotEnrolled) {
		return err
	}
	return nil
}

// Retention is what a withdrawal does to what the ledger holds: as much stays as the target that keeps the most needs.
func (s *Study) Retention() consent.Handling {
	outputs := []string{}
	for _, t := range s.Targets {
		outputs = append(outputs, t.Name)
	}
	if s.Imaging.Folder != "" || len(outputs) == 0 {
		outputs = append(outputs, authorisation.ImagingOutput)
	}
	has := map[consent.Handling]bool{}
	for _, name := range outputs {
		has[s.Policy.Handling(name)] = true
	}
	switch {
	case has[consent.KeepAndStop]:
		return consent.KeepAndStop
	case has[consent.Anonymise]:
		return consent.Anonymise
	}
	return consent.Erase
}
