package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/pipeline"
)

// locateFlags are the flags of crflink locate.
type locateFlags struct {
	study, subject, asOf string
	by, reason           string
	json                 bool
}

func locateCommand() *cobra.Command {
	var f locateFlags
	cmd := &cobra.Command{
		Use:   "locate REF --by NAME --reason TEXT",
		Short: "Which resource of the source a keyed reference stands for",
		Long: `Finds the resource behind a keyed reference, such as explain, the tables and sessions.csv name it, by computing the references
of the subjects' resources and comparing. It prints the original id, and records who asked, why, and about whom; the reason must
name nobody. What consent no longer permits to read is not looked at. docs/privacy.md says more.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return locate(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.study, "study", "study.yaml", "the study file")
	flags.StringVar(&f.subject, "subject", "", "study number of the subject whose it is, if that is known: then only that subject is read")
	flags.StringVar(&f.asOf, "as-of", "", "date or RFC 3339 instant for which consent is decided (default now)")
	flags.StringVar(&f.by, "by", "", "who asks (default "+actorVariable+")")
	flags.StringVar(&f.reason, "reason", "", "why; it must name nobody")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	return cmd
}

func locate(cmd *cobra.Command, reference string, f locateFlags) (err error) {
	if err := somebody(&f.by, f.reason); err != nil {
		return err
	}
	study, err := loadStudy(cmd, f.study)
	if err != nil {
		return err
	}
	asOf, err := parseAsOf(f.asOf, study.Zone)
	if err != nil {
		return err
	}
	o, err := openAs(cmd.Context(), study, f.by, (*opened).source, (*opened).vault, (*opened).readJournal, (*opened).ledger, (*opened).audit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	place, err := pipeline.Locate(cmd.Context(), o.Parts, pipeline.Options{AsOf: asOf}, pipeline.Sought{Reference: reference, Subject: f.subject, Reason: f.reason})
	switch {
	case errors.Is(err, pipeline.ErrNotLocated):
		return coded{exitNothing, err}
	case errors.Is(err, pipeline.ErrNoReference):
		return err
	case err != nil:
		return coded{exitServer, err}
	case f.json:
		return json.NewEncoder(cmd.OutOrStdout()).Encode(place)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "subject   %s\nresource  %s\nread at   %s\n", place.Subject, place.Resource, place.Origin)
	return err
}

// shortestReason keeps a full stop from being a reason.
const shortestReason = 10

// somebody refuses to show originals to nobody, or for nothing.
func somebody(by *string, reason string) error {
	if *by == "" {
		*by = actor().For
	}
	if *by == "" {
		return fmt.Errorf("originals are shown to somebody: give --by NAME, or set %s", actorVariable)
	}
	if len(strings.TrimSpace(reason)) < shortestReason {
		return fmt.Errorf("originals are shown for a reason: give --reason with at least %d characters", shortestReason)
	}
	return nil
}

// openAs opens parts of a study that was synchronised before, for a person.
func openAs(ctx context.Context, study *pipeline.Study, by string, steps ...func(*opened, context.Context) error) (*opened, error) {
	name := func(o *opened, _ context.Context) error { o.by = by; return nil }
	return openExisting(ctx, study, append([]func(*opened, context.Context) error{name}, steps...)...)
}
