package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/disclosure"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/imaging"
	"github.com/crflink/crflink/imaging/research"
	"github.com/crflink/crflink/pseudonym"
)

// ExportOptions say how a research package is written.
type ExportOptions struct {
	AsOf    time.Time // the moment for which consent is decided again
	Folder  string    // not there, or empty
	Program string    // the version of crflink
	// Encrypt encrypts to all recipients; nil leaves the package readable.
	Encrypt func(io.Writer) (io.WriteCloser, error)
}

// Exported is what an export came to.
type Exported struct {
	*research.Written
	Run           ecrf.RunID
	AsOf          time.Time // of the run
	Recipients    []string
	Anonymity     *disclosure.Report // nil when the study names no quasi-identifiers
	NoLonger      int                // subjects of the ledger that are not permitted now
	ChangedSince  int                // subjects that are permitted otherwise than when they were computed
	Withdrawn     int                // subjects whose withdrawal has begun
	Claimed       int                // subjects that several patients of the source claim
	RejectedFacts int                // resources that could not be used when consent was decided
}

// Why nothing is exported.
var (
	ErrNoRun = errors.New("no run of the study has finished; run crflink sync first")
	ErrStale = errors.New("the study's files were changed since the last run; run crflink sync first")
	// ErrNoRecipient is the error of a study without an authorisation: nobody may be given a package, and nobody could be told of a
	// withdrawal.
	ErrNoRecipient = fmt.Errorf("%w: the study names no authorisation, and so nobody who may receive a research package", authorisation.ErrRefused)
)

// Export writes a research package from what the last run stored. Everybody's consent is decided again: who is not permitted
// now, or otherwise than when they were computed, is not in it. Who receives it is remembered before it is in its place.
func Export(ctx context.Context, parts Parts, options ExportOptions) (*Exported, error) {
	r := &runner{Parts: parts, Options: Options{AsOf: options.AsOf, Program: options.Program}, out: &Outcome{Tally: newTally()}}
	r.facts = FactsFrom(parts.Source, r.out.Tally.reject)
	x := &exporter{runner: r, options: options}
	for _, step := range []func(context.Context) error{x.allowed, x.lastRun, x.decideNow, x.write} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	x.done.RejectedFacts = len(r.out.Tally.Rejected)
	return &x.done, nil
}

type exporter struct {
	*runner
	options ExportOptions
	run     ecrf.RunRecord
	done    Exported
}

// allowed keeps to the study's authorisation.
func (x *exporter) allowed(context.Context) error {
	a := x.Study.Authorisation
	if x.Journal == nil {
		return ErrNoJournal
	}
	if a == nil {
		return ErrNoRecipient
	}
	for _, r := range a.RecipientsOf(authorisation.ExportOutput) {
		x.done.Recipients = append(x.done.Recipients, r.Name)
	}
	return errors.Join(a.On(fhir.DayOf(x.AsOf.In(x.Study.Zone))), a.To(authorisation.ExportOutput))
}

// lastRun finds the run whose data are exported.
func (x *exporter) lastRun(ctx context.Context) error {
	runs, err := x.Ledger.Runs(ctx)
	switch {
	case err != nil:
		return err
	case len(runs) == 0 || !runs[0].Finished:
		return ErrNoRun
	case !maps.Equal(runs[0].Run.Inputs, x.Study.Inputs()):
		return ErrStale
	}
	x.run, x.runID = runs[0], runs[0].ID
	x.done.Run, x.done.AsOf = runs[0].ID, runs[0].Run.AsOf
	x.account.standing, err = x.Audit.Standing(ctx)
	return err
}

// decideNow finds out who may be exported: whom the ledger has as permitted, and who is permitted now by the same decision.
func (x *exporter) decideNow(ctx context.Context) error {
	x.Progress.Stage("consent", -1)
	x.known = map[string]standing{}
	claims := map[string]int{}
	now := map[string]work{}
	for record, err := range x.Source.Subjects(ctx, x.facts.Reject) {
		if err != nil {
			return err
		}
		w, permitted, err := x.decideOneNow(ctx, record)
		record.Release()
		if err != nil {
			return err
		}
		x.Progress.Add(1)
		if number := w.subject.Number(); number != "" {
			claims[number]++
			if permitted {
				now[number] = w
			}
		}
	}
	return x.compare(ctx, claims, now)
}

// decideOneNow returns the subject of a patient, if it has one, and whether it is permitted as it was when it was computed.
func (x *exporter) decideOneNow(ctx context.Context, record *fhir.Record) (work, bool, error) {
	d, facts, err := x.assess(ctx, record)
	if err != nil {
		return work{}, false, err
	}
	id, err := x.Study.Identity.Identify(record.Patient())
	if err != nil {
		return work{}, false, nil // never known
	}
	subject, err := x.Vault.Subject(ctx, id)
	if errors.Is(err, pseudonym.ErrNotEnrolled) {
		return work{}, false, nil
	}
	if err != nil {
		return work{}, false, err
	}
	w := work{patient: record.Key(), subject: subject}
	if d.Outcome() != consent.Granted {
		return w, false, nil
	}
	v := newVerdict(d, facts, standing{outcomePermitted, string(d.Reason())})
	if x.account.standing[subject.AuditName()] != v.mark(subject.AuditMark()) {
		x.known[subject.Number()] = standing{outcomeHeld, reasonChanged}
		return w, false, nil
	}
	return w, true, nil
}

// compare holds what the ledger has against what was decided now.
func (x *exporter) compare(ctx context.Context, claims map[string]int, now map[string]work) error {
	for known, err := range x.Ledger.Standings(ctx) {
		if err != nil {
			return err
		}
		if known.Outcome != outcomePermitted {
			continue
		}
		w, permitted := now[known.Subject]
		switch {
		case x.Journal.Register().OfNumber(x.Vault.NumberTrace(known.Subject)) != nil:
			x.done.Withdrawn++
		case claims[known.Subject] > 1:
			x.done.Claimed++
		case permitted:
			x.known[known.Subject] = standing{outcome: outcomePermitted}
			x.work = append(x.work, w)
			continue
		case x.known[known.Subject].reason == reasonChanged:
			x.done.ChangedSince++
		default:
			x.done.NoLonger++
		}
		x.known[known.Subject] = standing{outcome: outcomeHeld}
	}
	slices.SortFunc(x.work, func(a, b work) int { return strings.Compare(a.subject.Number(), b.subject.Number()) })
	return nil
}

// casebooks yields those who may be exported.
func (x *exporter) casebooks(ctx context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
	return func(yield func(*ecrf.StoredCasebook, error) bool) {
		for book, err := range x.Ledger.Casebooks(ctx) {
			if err == nil && x.known[book.Facts.Subject].outcome != outcomePermitted {
				continue
			}
			if err == nil {
				book = x.withheld(book)
			}
			if !yield(book, err) || err != nil {
				return
			}
		}
	}
}

func (x *exporter) write(ctx context.Context) error {
	x.Progress.Stage("package", len(x.work))
	given := x.handover()
	delivery := x.relative(ecrf.Delivery{Dictionary: x.Study.Dictionary, AsOf: x.run.Run.AsOf, Casebooks: x.casebooks, Notices: x.notices()})
	delivery, report, err := x.anonymised(ctx, delivery)
	if err != nil {
		return err
	}
	x.done.Anonymity = report
	delivery.Casebooks = x.giving(given, delivery.Casebooks)
	p := x.pack(delivery)
	admitted := false
	x.done.Written, err = p.Write(ctx, x.options.Folder, func(w *research.Written) error {
		if err := x.received(ctx, authorisation.ExportOutput); err != nil {
			return err
		}
		admitted = true
		return x.handedOverFiles(ctx, authorisation.ExportOutput, given, auditedPackage(w.Files), nil)
	})
	if err != nil && admitted {
		err = errors.Join(err, x.handedOverFiles(ctx, authorisation.ExportOutput, given, nil, err))
	}
	return err
}

// anonymised applies the study's rules on quasi-identifiers, if it has any: they hold for every package.
func (x *exporter) anonymised(ctx context.Context, d ecrf.Delivery) (ecrf.Delivery, *disclosure.Report, error) {
	s := x.Study.Disclosure
	if s == nil || s.Rules == nil {
		return d, nil, nil
	}
	return s.apply(ctx, d)
}

func (x *exporter) pack(d ecrf.Delivery) *research.Package {
	s := x.Study
	return &research.Package{
		Study:   research.Study{ID: s.ID, Title: s.Title, Version: s.Version, Dates: s.Dates.Mode.String(), IndexEvent: s.Imaging.Event, Provider: s.Provider},
		Program: x.Program, Run: int64(x.run.ID), AsOf: x.run.Run.AsOf.In(s.Zone).Format(time.RFC3339), Inputs: x.run.Run.Inputs,
		Approvals: s.Authorisation.Numbers(), Recipients: x.done.Recipients, Notices: d.Notices, Anonymity: anonymity(x.done.Anonymity),
		Delivery: d, Encrypt: x.options.Encrypt,
		Links: func(f ecrf.Facts) ([]imaging.Link, error) {
			kept, err := readSessions(f.Links)
			return kept.Links, err
		},
	}
}

func anonymity(r *disclosure.Report) *research.Anonymity {
	if r == nil {
		return nil
	}
	return &research.Anonymity{
		K: r.K, Subjects: r.Subjects, AtRisk: r.AtRisk, Classes: r.Classes, Smallest: r.Smallest, Steps: append([]string{}, r.Steps...), Suppressed: r.Suppressed, Withheld: r.Withheld,
	}
}

func auditedPackage(files []research.File) []audit.File {
	all := make([]audit.File, 0, len(files))
	for _, f := range files {
		all = append(all, audit.File{Name: filepath.ToSlash(f.Name), SHA256: f.SHA256, Size: f.Size})
	}
	return all
}
