package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/crflink/crflink/authorisation"
	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/pseudonym"
)

// deliver gives the permitted subjects' casebooks to every target. A target that fails does not keep the others from
// their delivery.
func (r *runner) deliver(ctx context.Context) error {
	if r.DryRun {
		return r.rehearse(ctx)
	}
	r.Progress.Stage("delivery", len(r.Targets))
	var failed error
	for _, t := range r.Targets {
		refused, err := r.deliverOne(ctx, t)
		if err != nil {
			return err
		}
		if refused != nil {
			failed = fmt.Errorf("target %s: %w", t.Name(), refused)
			r.out.Tally.fail(Failure{Stage: "delivery", Reason: failed.Error()})
		}
		r.Progress.Add(1)
	}
	return errors.Join(failed, r.deliverSessions(ctx))
}

// deliverOne delivers to a target, unless that has already what it would be given. refused is why it took nothing.
func (r *runner) deliverOne(ctx context.Context, t ecrf.Target) (refused, err error) {
	made, err := r.madeFor(ctx, t)
	if err != nil {
		return nil, err
	}
	before, err := r.leftAsIs(ctx, targetOutput+t.Name(), made)
	if err != nil {
		return nil, err
	}
	if before != nil {
		r.untouched(t, before)
		return nil, nil
	}
	if err := r.received(ctx, t.Name()); err != nil {
		return nil, err
	}
	given := r.handover()
	done, refused := r.deliverTo(ctx, t, given)
	if err := r.handedOver(ctx, t, given, done.Report, refused); err != nil {
		return refused, err
	}
	r.out.Tally.Deliveries = append(r.out.Tally.Deliveries, done)
	if refused != nil {
		return refused, nil
	}
	return nil, r.leave(ctx, targetOutput+t.Name(), left{Made: made, Report: done.Report, Disclosure: done.Disclosure})
}

// rehearse tells what a delivery of what the ledger would hold does in targets where people work, which are read for it: a first
// one may be large, and their system may send mails about it.
func (r *runner) rehearse(ctx context.Context) error {
	for _, t := range r.Targets {
		if !live(t) {
			continue
		}
		done, err := r.deliverTo(ctx, t, r.handover())
		if err != nil {
			return fmt.Errorf("target %s: %w", t.Name(), err)
		}
		r.out.Tally.Deliveries = append(r.out.Tally.Deliveries, done)
	}
	r.matrix = nil
	return nil
}

// deliverTo gives a target what it may have.
func (r *runner) deliverTo(ctx context.Context, t ecrf.Target, given *handover) (Delivered, error) {
	done := Delivered{Target: t.Name(), Kind: t.Kind()}
	books := func(ctx context.Context) iter.Seq2[*ecrf.StoredCasebook, error] { return r.delivered(ctx, t.Name()) }
	delivery, report, err := r.disclose(ctx, t, r.relative(ecrf.Delivery{
		Dictionary: r.Study.Dictionary, AsOf: r.AsOf, Casebooks: books, Record: ecrf.Bind(r.Ledger, r.runID, t.Name()), Notices: r.notices(), DryRun: r.DryRun,
		Decided: r.Preview.decided(t.Name()),
	}))
	if err != nil {
		return done, err
	}
	done.Disclosure = report
	delivery.Casebooks = r.giving(given, delivery.Casebooks)
	done.Report, err = t.Deliver(ctx, delivery)
	return done, err
}

// giving yields what is delivered and counts it.
func (r *runner) giving(given *handover, all func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error]) func(context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
	return func(ctx context.Context) iter.Seq2[*ecrf.StoredCasebook, error] {
		return func(yield func(*ecrf.StoredCasebook, error) bool) {
			*given = *r.handover() // a target may begin anew
			all(ctx)(func(book *ecrf.StoredCasebook, err error) bool {
				if err == nil {
					given.take(&book.Facts)
				}
				return yield(book, err)
			})
		}
	}
}

// ErrUnprotected is returned by Run, before anything is read, for a study without a consent policy that has a target whose
// system people enter a running study's data into.
var ErrUnprotected = errors.New("a policy of kind none is refused for a target that holds a running study's data; give the study a consent policy, or deliver to files")

// ErrMovedDates is returned by Run, before anything is read, for a study that moves or counts days and has a target whose
// system people enter true dates into.
var ErrMovedDates = errors.New("people enter true dates into this system: dates must be none; shift and relative are for files")

// live reports whether people enter a running study's data into the target's system. Of a kind that is not known they might.
func live(t ecrf.Target) bool { return liveKind(t.Kind()) }

func liveKind(kind string) bool {
	k := kindOf(kind)
	return k.name == "" || k.entered
}

// refuse keeps data that nobody consented to out of live targets, and keeps to the study's authorisation.
func (r *runner) refuse() error {
	if err := r.Study.Authorisation.On(fhir.DayOf(r.AsOf.In(r.Study.Zone))); err != nil {
		return err
	}
	for _, t := range r.Targets {
		switch err := r.Study.Authorisation.To(t.Name()); {
		case r.Study.Policy.Unprotected() && live(t):
			return fmt.Errorf("target %s: %w", t.Name(), ErrUnprotected)
		case r.Study.Dates.Mode != pseudonym.None && live(t):
			return fmt.Errorf("target %s: %w", t.Name(), ErrMovedDates)
		case r.Study.Authorisation == nil && live(t):
			return fmt.Errorf("target %s: %w: the study names none", t.Name(), authorisation.ErrRefused)
		case err != nil:
			return err
		}
	}
	return nil
}

// notices are what every output says about the run.
func (r *runner) notices() []string {
	var all []string
	if r.Study.Policy.Unprotected() {
		all = append(all, "No consent was checked: the study's policy is of kind none.")
	}
	if r.Study.Authorisation == nil {
		all = append(all, "No authorisation was checked: the study names none.")
	}
	return all
}

// received remembers who is given an output, before they are: a withdrawal has to reach everybody.
func (r *runner) received(ctx context.Context, output string) error {
	var names []string
	for _, to := range r.Study.Authorisation.RecipientsOf(output) {
		names = append(names, to.Name)
	}
	return r.Ledger.Received(ctx, r.runID, output, names)
}

// kept reports whether the policy keeps what an output had of a subject who withdrew.
func (r *runner) kept(facts *ecrf.Facts, output string) bool {
	if facts.Outcome != ecrf.OutcomeWithdrawn {
		return false
	}
	handling := r.Study.Policy.Handling(output)
	return facts.Reason == ecrf.ReasonKept && handling == consent.KeepAndStop || facts.Reason == ecrf.ReasonAnonymised && handling == consent.Anonymise
}

// delivered yields the casebooks of subjects that are permitted in this run, and of those who withdrew what the policy keeps
// in the output. It counts the cells of the former for the completeness matrix.
func (r *runner) delivered(ctx context.Context, output string) iter.Seq2[*ecrf.StoredCasebook, error] {
	return func(yield func(*ecrf.StoredCasebook, error) bool) {
		counted := counting{}
		for book, err := range r.casebooks(ctx) {
			permitted := err == nil && r.known[book.Facts.Subject].outcome == outcomePermitted
			if err == nil && !permitted && !r.kept(&book.Facts, output) {
				continue
			}
			if permitted {
				book = r.withheld(book)
				counted.take(book)
			}
			if !yield(book, err) || err != nil {
				return
			}
		}
		r.matrix, r.shares = counted.total(), counted.shares()
	}
}

// count fills the completeness matrix, and closes the run.
func (r *runner) count(ctx context.Context) error {
	r.countTasks()
	if r.DryRun {
		return nil
	}
	if err := r.countQueries(ctx); err != nil {
		return err
	}
	if err := r.completeness(ctx); err != nil {
		return err
	}
	r.out.Tally.Matrix = r.matrix
	for _, id := range r.Study.Mapping.Strict() {
		form, item, _ := strings.Cut(id, ".")
		slot := Slot{form, item}
		if f := r.out.Tally.Matrix[slot]; f != nil && f.Missing[ecrf.Unmapped] > 0 {
			r.out.Tally.Unmapped[slot] = f.Missing[ecrf.Unmapped]
		}
	}
	counts := map[string]int64{
		"patients": int64(r.out.Tally.Patients), "subjects": int64(len(r.work)), "cells": int64(r.out.Tally.Cells.Writes()),
	}
	counts[CountFilled], counts[CountExpected] = r.shares[Part{}].Filled, r.shares[Part{}].Expected
	if err := r.close(ctx, counts); err != nil {
		return err
	}
	maps.Copy(counts, counted(r.shares))
	if err := r.advance(ctx); err != nil {
		return err
	}
	return r.Ledger.Finish(ctx, r.runID, counts)
}

// Matrix counts the cells of every slot.
type Matrix map[Slot]*Fill
