package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/withdrawal"
)

// lost is what a run takes note of for the safety limit and for withdrawals.
type lost struct {
	delivered int                // subjects that were delivered before
	now       map[string]bool    // those of them that are lost or emptied, and all that would be withdrawn
	refused   map[string]refusal // subjects with a readable refusal
	recalled  map[string]bool    // no longer permitted when their data were fetched
	emptied   []*ecrf.SubjectChange
}

type refusal struct {
	Cause  consent.Reason
	Moment time.Time
}

// LimitError stops a run that would lose more patients than the study allows. Nothing was erased or delivered.
type LimitError struct{ Lost, Delivered, Allowed int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("%d of %d delivered patients would be lost, emptied or withdrawn, and the study allows %d in one run: nothing was erased and nothing delivered. "+
		"Look whether the source and its consents are complete; if these patients are lost indeed, crflink withdraw list shows them and crflink withdraw confirm lets the next run go on",
		e.Lost, e.Delivered, e.Allowed)
}

// The greatest loss that needs no person, unless the study file says another.
const (
	usualMaxLost        = 5
	usualMaxLostPercent = 2
)

// allowed returns how many patients a run may lose.
func (s *Study) allowed(delivered int) int {
	if s.MaxLost != nil {
		return *s.MaxLost
	}
	return max(usualMaxLost, delivered*usualMaxLostPercent/100)
}

// JournalSigner signs the journal of withdrawals with what only the study's vault has.
func JournalSigner(vault *pseudonym.Vault) withdrawal.Signer {
	return func(text []byte) []byte { return vault.Authenticate("journal of withdrawals", text) }
}

// ErrNoJournal is returned by Run for parts without a journal of withdrawals: who withdrew before would come back.
var ErrNoJournal = errors.New("the journal of withdrawals was not opened")

// Decide decides about a patient by the facts. After a withdrawal only later consents count.
func (p *Parts) Decide(record *fhir.Record, facts consent.Facts, asOf time.Time) consent.Decision {
	if w := p.Withdrew(record); w != nil {
		return consent.EvaluateAfter(facts, p.Study.Policy, asOf, w.Moment)
	}
	return consent.Evaluate(facts, p.Study.Policy, asOf)
}

// Withdrew returns the newest withdrawal of the patient, or nil. Records that were merged into the patient's count.
func (p *Parts) Withdrew(record *fhir.Record) *withdrawal.Withdrawal {
	if p.Journal == nil || p.Journal.Register().Empty() {
		return nil
	}
	var newest *withdrawal.Withdrawal
	for res := range record.OfType("Patient") {
		id, err := p.Study.Identity.Identify(res)
		if err != nil {
			continue
		}
		if w := p.Journal.Register().OfIdentity(p.Vault.IdentityTrace(id)); w != nil && (newest == nil || w.Moment.After(newest.Moment)) {
			newest = w
		}
	}
	return newest
}

// withdrawBefore finishes what earlier runs began, and what a restored backup has undone, before anything else is done.
func (r *runner) withdrawBefore(ctx context.Context) error {
	if r.Journal == nil {
		return ErrNoJournal
	}
	r.bar = &renewing{Register: r.Journal.Register()}
	r.Vault.Heed(r.bar)
	if r.DryRun {
		return nil
	}
	return r.carryOut(ctx)
}

func (r *runner) carryOut(ctx context.Context) error {
	w := &withdrawer{Parts: r.Parts, at: r.AsOf, failed: r.out.Tally.fail, erased: r.unmark}
	err := w.run(ctx)
	t := &r.out.Tally.Withdrawn
	t.Done, t.Waiting, t.Failed, t.Cells = t.Done+w.did.Done, w.did.Waiting, w.did.Failed, t.Cells+w.did.Cells
	return err
}

// unmark takes a decision back of which the audit has just said that its subject was erased.
func (r *runner) unmark(s pseudonym.Subject) {
	if r.account.standing != nil {
		r.account.standing.Set(s.AuditName(), audit.Mark{})
	}
}

// refusalOf returns the refusal that a decision is, or nil.
func refusalOf(d consent.Decision, asOf time.Time) *refusal {
	if d.Outcome() != consent.Excluded || d.Withdrawal() != consent.CompleteWithdrawal {
		return nil
	}
	moment, ok := d.Refused()
	if !ok {
		moment = asOf.UTC()
	}
	return &refusal{d.Reason(), moment}
}

// survey counts who was delivered before and who of them is not permitted now.
func (r *runner) survey(ctx context.Context) error {
	for before, err := range r.Ledger.Standings(ctx) {
		if err != nil {
			return err
		}
		if before.Outcome != outcomePermitted {
			continue
		}
		r.lost.delivered++
		now, found := r.known[before.Subject]
		if !found {
			now = r.absent()
		}
		if now.outcome != outcomePermitted && now != unreached {
			r.lost.now[before.Subject] = true
		}
	}
	return r.guard()
}

// surveyAgain adds those who were lost while their data were computed. When the run may go on, it stores the emptied ones.
func (r *runner) surveyAgain(ctx context.Context) error {
	recalled, err := r.Ledger.Facts(ctx, slices.Collect(maps.Keys(r.lost.recalled)))
	if err != nil {
		return err
	}
	for subject, facts := range recalled {
		if facts.Outcome == outcomePermitted {
			r.lost.now[subject] = true
		}
	}
	for _, change := range r.lost.emptied {
		r.lost.now[change.Facts.Subject] = true
	}
	if err := r.guard(); err != nil || r.DryRun || len(r.lost.emptied) == 0 {
		return err
	}
	var drafts []audit.Draft
	for _, change := range r.lost.emptied {
		subject, err := r.Vault.SubjectOf(ctx, change.Facts.Subject)
		if err != nil {
			return err
		}
		d, ok, err := r.computed(subject, change)
		if err != nil {
			return err
		}
		if ok {
			drafts = append(drafts, d)
		}
	}
	if err := r.Audit.Append(ctx, drafts...); err != nil {
		return err
	}
	emptied := r.lost.emptied
	r.lost.emptied = nil
	if err := r.listWrong(emptied); err != nil {
		return err
	}
	return r.Ledger.Apply(ctx, r.runID, ecrf.Batch{Subjects: emptied})
}

// place puts a computed subject into its shard. An emptied one waits until it is known whether the run may go on, and so does
// the shard's checkpoint: it is computed again when the run stops here.
func (s *shift) place(w work, result *subjectResult) error {
	switch {
	case result.asked != nil:
		s.done.batch.Subjects = append(s.done.batch.Subjects, result.asked)
		return nil
	case result.change == nil:
		return nil
	case result.emptied && !s.confirmed(result.change):
		s.done.batch.Checkpoint = ""
		s.done.harvest.Emptied = append(s.done.harvest.Emptied, result.change)
		return nil
	case result.emptied:
		d, ok, err := s.computed(w.subject, result.change)
		if err != nil {
			return err
		}
		if ok {
			s.done.drafts = append(s.done.drafts, d)
		}
	}
	s.done.batch.Subjects = append(s.done.batch.Subjects, result.change)
	return nil
}

// guard stops the run when it loses too many, but for those whom a person confirmed.
func (r *runner) guard() error {
	for subject := range r.lost.refused {
		r.lost.now[subject] = true
	}
	limit := r.Journal.Register().Limit()
	n := 0
	for subject := range r.lost.now {
		if limit == nil || !limit.Confirmed || !slices.Contains(limit.Lost, r.Vault.NumberTrace(subject)) {
			n++
		}
	}
	allowed := r.Study.allowed(r.lost.delivered)
	r.out.Tally.Lost, r.out.Tally.MayLose = n, allowed
	if n <= allowed || r.DryRun {
		return nil
	}
	err := &LimitError{Lost: len(r.lost.now), Delivered: r.lost.delivered, Allowed: allowed}
	return errors.Join(err, r.exceed(allowed))
}

// exceed writes down what the run would have lost, for a person to look at.
func (r *runner) exceed(allowed int) error {
	loss := &withdrawal.Loss{Delivered: r.lost.delivered, Allowed: allowed}
	for subject := range r.lost.now {
		loss.Lost = append(loss.Lost, r.Vault.NumberTrace(subject))
	}
	slices.Sort(loss.Lost)
	for _, subject := range slices.Sorted(maps.Keys(r.lost.refused)) {
		no, err := r.trace(context.Background(), subject)
		if err != nil {
			return err
		}
		loss.Refused = append(loss.Refused, *no)
	}
	if l := r.Journal.Register().Limit(); l != nil && !l.Confirmed && slices.Equal(l.Lost, loss.Lost) && len(l.Refused) == len(loss.Refused) {
		return nil // the same as last night
	}
	return r.Journal.Append(withdrawal.Entry{Kind: withdrawal.Exceeded, At: r.AsOf, Loss: loss})
}

func (r *runner) trace(ctx context.Context, subject string) (*withdrawal.Refusal, error) {
	trace, err := r.Vault.TraceOf(ctx, subject)
	if err != nil {
		return nil, err
	}
	no := r.lost.refused[subject]
	return &withdrawal.Refusal{Trace: trace, Cause: string(no.Cause), Moment: no.Moment}, nil
}

// withdraw begins the withdrawals of this run and carries them out.
func (r *runner) withdraw(ctx context.Context) error {
	if r.DryRun {
		r.out.Tally.Withdrawn.Waiting = len(r.lost.refused)
		return nil
	}
	for _, subject := range slices.Sorted(maps.Keys(r.lost.refused)) {
		no, err := r.trace(ctx, subject)
		if err != nil {
			return err
		}
		begun := withdrawal.Entry{Kind: withdrawal.Began, At: r.AsOf, Refusal: no, Handling: string(r.Study.Retention())}
		if err := r.Journal.Append(begun); err != nil {
			return err
		}
		if err := r.recordBegun(ctx, subject, begun); err != nil {
			return err
		}
	}
	if len(r.lost.refused) == 0 {
		return nil
	}
	return r.carryOut(ctx)
}

// confirmed reports whether a person has said that the subject may be lost.
func (r *runner) confirmed(change *ecrf.SubjectChange) bool {
	limit := r.Journal.Register().Limit()
	return limit != nil && limit.Confirmed && slices.Contains(limit.Lost, r.Vault.NumberTrace(change.Facts.Subject))
}

// withhold keeps an emptied subject from being stored until it is known that the run may go on. Beyond what it may lose, the
// run is stopped, and who it was is enough.
func (r *runner) withhold(change *ecrf.SubjectChange) {
	if len(r.lost.emptied) > r.out.Tally.MayLose {
		change = &ecrf.SubjectChange{Facts: change.Facts}
	}
	r.lost.emptied = append(r.lost.emptied, change)
}

// BegunDetail is the detail of a withdrawal that a run begins.
type BegunDetail struct {
	Withdrawal int    `json:"withdrawal"` // entry of the journal
	Cause      string `json:"cause"`
	Handling   string `json:"handling"`
}

func (r *runner) recordBegun(ctx context.Context, number string, begun withdrawal.Entry) error {
	subject, err := r.Vault.SubjectOf(ctx, number)
	if err != nil {
		return err
	}
	detail := BegunDetail{Withdrawal: r.Journal.Register().Entries(), Cause: begun.Cause, Handling: begun.Handling}
	return r.Audit.Record(ctx, audit.Event{Kind: "withdrawal-begun", Subject: subject, Detail: detail})
}

// passed ends a limit that this run kept to, or that a person confirmed.
func (r *runner) passed() error {
	limit := r.Journal.Register().Limit()
	if limit == nil {
		return nil
	}
	return r.Journal.Append(withdrawal.Entry{Kind: withdrawal.Passed, At: r.AsOf, Of: limit.N})
}

// countTasks counts what persons still have to do.
func (r *runner) countTasks() {
	for _, t := range r.Journal.Register().Tasks(0) {
		if !t.Closed {
			r.out.Tally.Tasks++
		}
		if t.Overdue(r.AsOf) {
			r.out.Tally.Overdue++
		}
	}
}

// renewing is a register that lets one patient pass who consented again.
type renewing struct {
	*withdrawal.Register
	identity string
}

// Barred reports whether the person must not be enrolled.
func (b *renewing) Barred(identity string) bool {
	return identity != b.identity && b.Register.Barred(identity)
}

// renew prepares the enrolment of a patient who withdrew before and consented again: as another subject, behind whom the old
// one is not found. It reports false when the withdrawal is still under way.
func (r *runner) renew(ctx context.Context, id pseudonym.Identity, w *withdrawal.Withdrawal) (bool, error) {
	subject, err := r.Vault.Subject(ctx, id)
	r.bar.identity = r.Vault.IdentityTrace(id)
	switch {
	case errors.Is(err, pseudonym.ErrNotEnrolled):
		return w.Done && !r.DryRun, nil
	case err != nil:
		return false, err
	}
	old := r.Journal.Register().OfNumber(r.Vault.NumberTrace(subject.Number()))
	switch {
	case old == nil:
		return true, nil // enrolled again by an earlier run
	case !old.Done || r.DryRun:
		return false, nil
	}
	return true, r.Vault.Detach(ctx, id)
}

// renewed writes down that somebody who withdrew is there again.
func (r *runner) renewed(w *withdrawal.Withdrawal) error {
	if w.Renewed || r.DryRun {
		return nil
	}
	return r.Journal.Append(withdrawal.Entry{Kind: withdrawal.Renewed, At: r.AsOf, Of: w.N})
}

// emptied reports whether a change leaves a subject without nine tenths, or more, of the values that the source supported: it
// was emptied, or not loaded.
func emptied(stored *ecrf.StoredCasebook, change *ecrf.SubjectChange) bool {
	if stored == nil {
		return false
	}
	if t := change.Tally(); t.Vanished+t.Revoked == 0 {
		return false
	}
	supported := func(c *ecrf.StoredCell) bool { return c != nil && c.Value != "" && c.State != ecrf.Query }
	had, lost := 0, 0
	for i := range stored.Cells {
		if supported(&stored.Cells[i]) {
			had++
		}
	}
	for i := range change.Cells {
		if c := &change.Cells[i]; supported(c.Before) && !supported(&c.Cell) {
			lost++
		}
	}
	return had > 0 && 10*(had-lost) <= had
}
