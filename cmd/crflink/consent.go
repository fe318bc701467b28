package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/fhir/ndjson"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/pipeline"
)

func consentCommand() *cobra.Command {
	parent := &cobra.Command{Use: "consent", Short: "Decisions about consent"}
	var asOf, policy, check string
	var resources bool
	cmd := &cobra.Command{
		Use:   "check INPUT…",
		Short: "The consent decision of each patient",
		Long: `Prints a JSON line for each patient of the files and folders (JSON, NDJSON, Bundles, plain or gzip; - is standard input):
the decision, its reason, the inclusive days of data that it covers, and the Consents behind it.
` + exitHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return checkConsent(cmd, args, asOf, policy, check, resources)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&asOf, "as-of", "", "date or RFC 3339 instant of the decision (default now)")
	flags.StringVar(&policy, "policy", consent.BuiltInName, "policy file, or the name of the built-in policy")
	flags.StringVar(&check, "package", "", "samePatient or sameResource: whether the required codes may come from several Consents (default the policy's)")
	flags.BoolVar(&resources, "resources", false, "also say for each resource whether it would be kept")
	parent.AddCommand(cmd)
	return parent
}

func checkConsent(cmd *cobra.Command, inputs []string, asOfText, policyName, check string, resources bool) error {
	policy, err := loadPolicy(policyName, check)
	if err != nil {
		return err
	}
	asOf, err := parseAsOf(asOfText, policy.Zone())
	if err != nil {
		return err
	}
	source, err := ndjson.Open(inputs, ndjson.Options{Stdin: cmd.InOrStdin()})
	if err != nil {
		return err
	}
	defer source.Close()
	rejected := &rejections{w: cmd.ErrOrStderr()}
	facts := pipeline.FactsFrom(source, rejected.add)
	records := source.Subjects(cmd.Context(), facts.Reject)
	if resources {
		records = everything(cmd.Context(), source, facts.Reject)
	}
	sum, err := consent.Check(cmd.OutOrStdout(), records, policy, asOf, consent.CheckOptions{
		Resources: resources, Unread: facts.Unread,
		Linked: func(k fhir.Key) (*fhir.Record, error) { return facts.Linked(cmd.Context(), k) },
	})
	switch {
	case err != nil:
		return err
	case rejected.n > 0 && sum.Patients == 0:
		return silently(exitNothing)
	case rejected.n > 0:
		return silently(exitIncomplete)
	}
	return nil
}

// everything yields each patient's whole record.
func everything(ctx context.Context, source fhir.Source, rej func(fhir.Rejected)) iter.Seq2[*fhir.Record, error] {
	return func(yield func(*fhir.Record, error) bool) {
		for facts, err := range source.Subjects(ctx, rej) {
			if err == nil {
				facts, err = source.Fetch(ctx, facts.Key(), fhir.Everything(), rej)
			}
			if !yield(facts, err) || err != nil {
				return
			}
		}
	}
}

func loadPolicy(name, check string) (*consent.Policy, error) {
	policy, err := consent.Load(name)
	if err != nil {
		var list finding.List
		if errors.As(err, &list) {
			return nil, coded{exitInvalid, list}
		}
		return nil, err
	}
	if check == "" {
		return policy, nil
	}
	return policy.WithPackage(check)
}

// rejections lists rejected resources of files that the user gave.
type rejections struct {
	w io.Writer
	n int
}

func (r *rejections) add(x fhir.Rejected) {
	r.n++
	_, _ = fmt.Fprintf(r.w, "%s: %s%s\n", x.Origin, prefixed(x.Type), x.Reason)
}

func prefixed(typ string) string {
	if typ == "" {
		return ""
	}
	return typ + ": "
}
