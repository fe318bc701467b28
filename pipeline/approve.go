package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/ecrf"
)

// Why a mapping is not approved.
var (
	ErrNoAuthor      = errors.New("the mapping file does not say who wrote it: a change is approved by somebody else than its author; write author: NAME into it")
	ErrOwnMapping    = errors.New("the author of a mapping does not approve it: let somebody else look at the preview and approve")
	ErrNotPreviewed  = errors.New("this is not the mapping as it is now: look at crflink preview, and approve with --mapping and the beginning of the hash that it shows, at least 8 characters")
	ErrNothingWaits  = errors.New("no rule has changed since the last approval: there is nothing to approve")
	ErrNoLiveTarget  = errors.New("the study has no target where people work: its mapping needs no approval")
	ErrNotYetApplied = errors.New("nothing was delivered yet: the first mapping needs no approval")
)

// Awaited is a mapping whose rules have changed since they were approved.
type Awaited struct {
	Approved *ecrf.Approval
	Items    []string // form.item of rules that are new, changed or gone
}

// awaited returns what waits for an approval; nil when nothing does. Only targets where people work need one.
func awaited(ctx context.Context, study *Study, ledger ecrf.Ledger) (*Awaited, error) {
	a, err := ledger.Approved(ctx)
	if err != nil || a == nil {
		return nil, err
	}
	if items := a.Waiting(study.Mapping.RuleHashes()); len(items) > 0 {
		return &Awaited{a, items}, nil
	}
	return nil, nil
}

// works reports whether the study has a target where people work.
func (s *Study) works() bool {
	return slices.ContainsFunc(s.Targets, func(t TargetSpec) bool { return liveKind(t.Kind) })
}

// takeInputs finds out what the run computes from besides resources and vault.
func (r *runner) takeInputs(ctx context.Context) error {
	r.inputs = r.Study.Inputs()
	return r.awaits(ctx)
}

// awaits finds out what waits for an approval in this run. The mapping of the first run is taken as it is: there is nothing yet
// that it could change.
func (r *runner) awaits(ctx context.Context) (err error) {
	if !slices.ContainsFunc(r.Targets, live) {
		return nil
	}
	a, err := r.Ledger.Approved(ctx)
	if err != nil {
		return err
	}
	if a == nil && !r.DryRun {
		return r.Study.approve(ctx, r.Parts, ecrf.Approval{Reason: "the first mapping", At: r.Clock()})
	}
	if r.awaited, err = awaited(ctx, r.Study, r.Ledger); err != nil || r.awaited == nil {
		return err
	}
	sum := sha256.Sum256([]byte(strings.Join(r.awaited.Items, "\n") + r.awaited.Approved.Mapping))
	r.inputs["awaited"] = hex.EncodeToString(sum[:])
	r.out.Tally.Awaited = r.awaited.Items
	return nil
}

// hold keeps the cells as they are whose rules nobody has approved.
func (r *runner) hold(change *ecrf.SubjectChange) []ecrf.CellChange {
	if r.awaited == nil {
		return nil
	}
	return change.Hold(func(form, item string) bool {
		_, waits := slices.BinarySearch(r.awaited.Items, form+"."+item)
		return waits
	})
}

// approve records an approval of the study's mapping, in the audit before the ledger.
func (s *Study) approve(ctx context.Context, parts Parts, a ecrf.Approval) error {
	a.Mapping, a.Author, a.Rules = s.Mapping.Hash(), s.Mapping.Author, s.Mapping.RuleHashes()
	err := parts.Audit.Record(ctx, audit.Event{Kind: audit.MappingApproved, Detail: audit.Mapping{
		Mapping: a.Mapping, Version: s.Mapping.Version, Author: a.Author, Approved: a.By, Reason: a.Reason, Rules: len(a.Rules),
	}})
	if err != nil {
		return err
	}
	return parts.Ledger.Approve(ctx, a)
}

// ApproveMapping lets the study's changed rules change what people work with. By is another person than the mapping's author,
// and hash the beginning of the mapping's own, as the preview shows it. It returns what waited.
func ApproveMapping(ctx context.Context, parts Parts, by, reason, hash string, now time.Time) (*Awaited, error) {
	s := parts.Study
	by = plain(by)
	switch author := plain(s.Mapping.Author); {
	case by == "" || strings.TrimSpace(reason) == "":
		return nil, ErrNobody
	case !s.works():
		return nil, ErrNoLiveTarget
	case author == "":
		return nil, ErrNoAuthor
	case strings.EqualFold(author, by):
		return nil, ErrOwnMapping
	case len(hash) < 8 || !strings.HasPrefix(s.Mapping.Hash(), strings.ToLower(hash)):
		return nil, ErrNotPreviewed
	}
	if a, err := parts.Ledger.Approved(ctx); err != nil || a == nil {
		return nil, errors.Join(err, ErrNotYetApplied)
	}
	waited, err := awaited(ctx, s, parts.Ledger)
	if err == nil && waited == nil {
		err = ErrNothingWaits
	}
	if err != nil {
		return nil, err
	}
	return waited, s.approve(ctx, parts, ecrf.Approval{By: by, Reason: strings.TrimSpace(reason), At: now})
}
