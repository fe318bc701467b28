package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// account is what a run says in the audit.
type account struct {
	standing audit.Marks            // of the decisions that were made so far, in this run and before
	pending  map[string]newDecision // decisions that are new, by study number, until the run has its number

	untouched []string // outputs that are as an earlier run left them
}

// newDecision is a decision that is to be recorded. It is sealed only then: sealed it is many times as long.
type newDecision struct {
	subject pseudonym.Subject
	mark    audit.Mark
	detail  audit.Decision
}

func (r *runner) seal(d newDecision) (audit.Draft, error) {
	d.detail.AsOf = r.moment()
	return r.Audit.Draft(audit.Event{Kind: audit.Decided, Subject: d.subject, Mark: d.mark, Detail: d.detail})
}

// open records that a run begins, before anything is read.
func (r *runner) open(ctx context.Context) (err error) {
	if r.DryRun {
		command := "sync --dry-run"
		if r.looks {
			command = "preview"
		}
		return r.Audit.Record(ctx, audit.Event{Kind: audit.Inspected, Detail: audit.Inspection{Command: command, AsOf: r.moment()}})
	}
	r.account.pending = map[string]newDecision{}
	err = r.Audit.Record(ctx, audit.Event{Kind: audit.RunBegun, Detail: audit.Run{
		AsOf: r.moment(), Program: r.Program, Study: r.Study.ID, Version: r.Study.Version, Full: r.Full,
		Policy: audit.Policy{Kind: string(r.Study.Policy.Kind()), Name: r.Study.Policy.Name(), Hash: r.Study.Policy.Hash()}, Inputs: r.Study.Inputs(),
	}})
	if err != nil {
		return err
	}
	r.account.standing, err = r.Audit.Standing(ctx)
	return err
}

// stop records why a run ended early; also one that was interrupted.
func (r *runner) stop(ctx context.Context, reason error) error {
	if r.DryRun {
		return reason
	}
	err := r.Audit.Record(context.WithoutCancel(ctx), audit.Event{Kind: audit.RunStopped, Detail: audit.Stopped{Run: int64(r.runID), Reason: reason.Error()}})
	return errors.Join(reason, err)
}

// close records the end of a run.
func (r *runner) close(ctx context.Context, counts map[string]int64) error {
	return r.Audit.Record(ctx, audit.Event{Kind: audit.RunFinished, Detail: audit.Finished{
		Run: int64(r.runID), Counts: counts, Outcomes: r.out.Tally.Decisions, Standing: len(r.account.standing), Decisions: r.Audit.Decisions(r.account.standing),
		Untouched: r.account.untouched,
	}})
}

func (r *runner) moment() string { return r.AsOf.Format(time.RFC3339) }

// verdict is a decision about a subject with what it was made from, and what the run makes of it.
type verdict struct {
	decision consent.Decision
	facts    evidence
	standing standing
	written  []byte // what text has made
}

func newVerdict(d consent.Decision, facts evidence, s standing) *verdict {
	return &verdict{decision: d, facts: facts, standing: s}
}

// text is the whole of it, but the day that it was made for. The verdict is not changed afterwards.
func (v *verdict) text() []byte {
	if v.written == nil {
		v.written = v.write()
	}
	return v.written
}

func (v *verdict) write() []byte {
	b := append(append(make([]byte, 0, 512), v.standing.outcome...), '\n')
	b = append(append(b, v.standing.reason...), '\n')
	return v.decision.Append(b)
}

// sameness is a hash of a verdict's text, to be compared within one run only, by whichever process works at it.
func (v *verdict) sameness() [sha256.Size]byte { return sha256.Sum256(v.text()) }

// mark is the keyed digest by which a decision is known to stand already.
func (v *verdict) mark(h hash.Hash) (m audit.Mark) {
	h.Reset()
	_, _ = h.Write(v.text())
	h.Sum(m[:0])
	return m
}

// note takes up a decision about a subject, to be recorded when it is new. The later of two about one subject counts.
func (r *runner) note(s pseudonym.Subject, v *verdict) error {
	if r.DryRun {
		return nil
	}
	delete(r.account.pending, s.Number())
	h := s.AuditMark()
	mark := v.mark(h)
	if r.account.standing[s.AuditName()] == mark {
		return nil
	}
	d, err := r.newDecision(s, v, mark, h)
	if err != nil {
		return err
	}
	r.account.pending[s.Number()] = d
	return nil
}

func (r *runner) newDecision(s pseudonym.Subject, v *verdict, mark audit.Mark, h hash.Hash) (newDecision, error) {
	facts, result, err := v.digests(h)
	return newDecision{s, mark, audit.Decision{
		Policy: v.decision.PolicyHash(), Facts: facts, Result: result,
		Consent: v.decision.Outcome().String(), Because: string(v.decision.Reason()), Outcome: v.standing.outcome, Reason: v.standing.reason,
	}}, err
}

// draft seals a decision.
func (r *runner) draft(s pseudonym.Subject, v *verdict, mark audit.Mark, h hash.Hash) (audit.Draft, error) {
	d, err := r.newDecision(s, v, mark, h)
	if err != nil {
		return audit.Draft{}, err
	}
	return r.seal(d)
}

// digests returns the keyed digests of what was decided from and of the whole decision, in hexadecimal.
func (v *verdict) digests(h hash.Hash) (facts, result string, err error) {
	h.Reset()
	_, _ = h.Write(v.decision.Append(make([]byte, 0, 512)))
	result = hexadecimal(h)
	h.Reset()
	err = v.facts.write(h)
	return hexadecimal(h), result, err
}

func hexadecimal(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// draftsPerAppend bounds a transaction of the log.
const draftsPerAppend = 500

// decided records the decisions that are new.
func (r *runner) decided(ctx context.Context) error {
	numbers := slices.Sorted(maps.Keys(r.account.pending))
	for part := range slices.Chunk(numbers, draftsPerAppend) {
		drafts := make([]audit.Draft, len(part))
		for i, number := range part {
			var err error
			if drafts[i], err = r.seal(r.account.pending[number]); err != nil {
				return err
			}
			r.stands(drafts[i])
		}
		if err := r.Audit.Append(ctx, drafts...); err != nil {
			return err
		}
	}
	r.account.pending = nil
	return nil
}

// stands takes up the mark of a decision that is recorded.
func (r *runner) stands(d audit.Draft) { r.account.standing.Take(d) }

// decidedAgain returns the record of a decision that came out otherwise when the subject's data had been read; ok is false
// when it stands as it was noted.
func (r *runner) decidedAgain(w work, v *verdict) (d audit.Draft, ok bool, err error) {
	if r.DryRun || v.sameness() == w.noted {
		return d, false, nil
	}
	h := w.subject.AuditMark()
	d, err = r.draft(w.subject, v, v.mark(h), h)
	return d, err == nil, err
}

// computed returns the record of a casebook that differs from the one before; ok is false when nothing does.
func (r *runner) computed(s pseudonym.Subject, c *ecrf.SubjectChange) (d audit.Draft, ok bool, err error) {
	if r.DryRun || len(c.Cells) == 0 {
		return d, false, nil
	}
	h := s.AuditMark()
	_, _ = h.Write(appendCells(make([]byte, 0, 64*len(c.Cells)), c.Cells))
	d, err = r.Audit.Draft(audit.Event{Kind: audit.Computed, Subject: s, Detail: audit.Casebook{
		Run: int64(r.runID), Input: c.Facts.Digest, Cells: hexadecimal(h), Count: len(c.Cells),
	}})
	return d, err == nil, err
}

// appendCells writes what the cells hold now, and where each is; what stands before a text is its length.
func appendCells(b []byte, cells []ecrf.CellChange) []byte {
	part := func(text string) {
		b = append(strconv.AppendInt(b, int64(len(text)), 10), ':')
		b = append(b, text...)
	}
	var last ecrf.CellKey
	for i := range cells {
		c := &cells[i].Cell
		if c.Event != last.Event || c.Form != last.Form || c.Repeat != last.Repeat {
			b = append(b, '\n')
			part(c.Event)
			part(c.Form)
			b = strconv.AppendInt(b, int64(c.Repeat), 10)
			last = c.CellKey
		}
		b = append(b, ' ')
		part(c.Item)
		part(c.Value)
		part(string(c.Missing))
	}
	return b
}

// vanished returns the record that a subject which the ledger knows is not in the source any more; ok is false when that is
// recorded already, or the subject was erased.
func (r *runner) vanished(ctx context.Context, number string, now standing) (d audit.Draft, ok bool, err error) {
	s, err := r.Vault.SubjectOf(ctx, number)
	if errors.Is(err, pseudonym.ErrNotEnrolled) {
		return d, false, nil
	}
	if err != nil {
		return d, false, err
	}
	v := verdict{standing: now}
	h := s.AuditMark()
	mark := v.mark(h)
	if r.account.standing[s.AuditName()] == mark {
		return d, false, nil
	}
	d, err = r.draft(s, &v, mark, h)
	return d, err == nil, err
}

// handover counts the subjects that are given to one target.
type handover struct {
	subjects int
	digest   hash.Hash
}

func (r *runner) handover() *handover { return &handover{digest: r.Audit.Hash("delivery")} }

// take adds a subject: its number, and the digest of what its casebook was computed from.
func (h *handover) take(f *ecrf.Facts) {
	h.subjects++
	b := strconv.AppendQuote(make([]byte, 0, 128), f.Subject)
	_, _ = h.digest.Write(append(append(append(b, ' '), f.Digest...), '\n'))
}

// handedOver records what a target was given, whether it took it or not.
func (r *runner) handedOver(ctx context.Context, t ecrf.Target, h *handover, report ecrf.DeliveryReport, failed error) error {
	d := audit.Delivery{
		Run: int64(r.runID), Target: t.Name(), Kind: t.Kind(), Subjects: h.subjects, Digest: hexadecimal(h.digest),
		Cells: report.Cells, Written: report.Written, Rejected: report.Rejected, Queries: report.Queries, Files: audited(report.Files),
	}
	if failed != nil {
		d.Failed = failed.Error()
	}
	return r.Audit.Record(context.WithoutCancel(ctx), audit.Event{Kind: audit.DeliveryMade, Detail: d})
}

// handedOverFiles records files that no target writes.
func (r *runner) handedOverFiles(ctx context.Context, kind string, h *handover, files []audit.File, failed error) error {
	d := audit.Delivery{Run: int64(r.runID), Target: kind, Kind: kind, Subjects: h.subjects, Digest: hexadecimal(h.digest), Files: files}
	if failed != nil {
		d.Failed = failed.Error()
	}
	return r.Audit.Record(context.WithoutCancel(ctx), audit.Event{Kind: audit.DeliveryMade, Detail: d})
}

func audited(files []ecrf.DeliveredFile) []audit.File {
	all := make([]audit.File, 0, len(files))
	for _, f := range files {
		all = append(all, audit.File{Name: filepath.Base(f.Path), SHA256: f.SHA256, Size: f.Size})
	}
	return all
}

// inspected records that somebody looks at a subject's real data. A number that nobody has is not written down.
func (x *explainer) inspected(ctx context.Context) error {
	s, err := x.Vault.SubjectOf(ctx, x.asked.Subject)
	if err != nil && !errors.Is(err, pseudonym.ErrNotEnrolled) {
		return err
	}
	return x.Audit.Record(ctx, audit.Event{Kind: audit.Inspected, Subject: s, Detail: audit.Inspection{Command: "explain", AsOf: x.moment(), Item: x.out.Item.Name}})
}

// evidence is all that a decision was made from.
type evidence struct {
	consent.Facts
	beside string // an earlier withdrawal, and what the cohort made of the decision
}

func (e *evidence) write(h hash.Hash) error {
	err := e.Write(h)
	_, _ = h.Write([]byte(e.beside))
	return err
}

// assess decides about a patient, and returns what it was decided from.
func (r *runner) assess(ctx context.Context, record *fhir.Record) (consent.Decision, evidence, error) {
	return r.assessBy(ctx, r.facts, record)
}

func (r *runner) assessBy(ctx context.Context, from *Facts, record *fhir.Record) (consent.Decision, evidence, error) {
	facts, err := from.Of(ctx, record)
	if err != nil {
		return consent.Decision{}, evidence{}, err
	}
	e := evidence{Facts: facts}
	plain := r.Decide(record, facts, r.AsOf)
	d, err := r.inCohort(ctx, record, facts, plain)
	if r.Study.Cohort != nil {
		if text := string(d.Append(nil)); text != string(plain.Append(nil)) {
			e.beside = "cohort " + text
		}
	}
	if w := r.Withdrew(record); w != nil {
		e.beside += "\nwithdrew " + w.Moment.UTC().Format(time.RFC3339Nano)
	}
	return r.judged(d), e, err
}
