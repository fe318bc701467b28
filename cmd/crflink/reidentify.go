package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/pipeline"
)

func reidentifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reidentify",
		Short: "Who a subject is: one person asks, another approves",
		Long: fmt.Sprintf(`Tells the patient behind a study number that crflink issued itself, when one person requests it and another approves it within
%d hours. Numbers that enrolment gave are not resolved: whoever enrolled the subject knows. Every request, approval and refusal is
recorded in the audit; at most %d subjects are re-identified in %d hours. docs/privacy.md says more.
`, int(pipeline.RequestLasts.Hours()), pipeline.ReidentifyMost, int(pipeline.ReidentifyPer.Hours())) + exitHelp,
	}
	cmd.AddCommand(reidentifyRequestCommand(), reidentifyApproveCommand())
	return cmd
}

// reidentifyFlags are the flags of crflink reidentify.
type reidentifyFlags struct {
	subject, by, reason string
	request             int64
	json                bool
}

func reidentifyRequestCommand() *cobra.Command {
	var f reidentifyFlags
	cmd := &cobra.Command{
		Use:   "request STUDY.yaml --subject NUMBER --by NAME --reason TEXT",
		Short: "Ask who a subject is",
		Long: `Records the request and prints its number, with which another person approves it. Nothing is read from the source. The reason must
name nobody.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return reidentifyRequest(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.subject, "subject", "", "study number of the subject")
	flags.StringVar(&f.by, "by", "", "who asks (default "+actorVariable+")")
	flags.StringVar(&f.reason, "reason", "", "why; it must name nobody")
	if err := cmd.MarkFlagRequired("subject"); err != nil {
		panic(err) // the name of a flag above is misspelt
	}
	return cmd
}

func reidentifyRequest(cmd *cobra.Command, file string, f reidentifyFlags) (err error) {
	if err := somebody(&f.by, f.reason); err != nil {
		return err
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	o, err := openAs(cmd.Context(), study, f.by, (*opened).vault, (*opened).ledger, (*opened).audit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	request, err := pipeline.RequestIdentity(cmd.Context(), o.Parts, f.subject, f.by, f.reason)
	if err != nil {
		return refusal(err)
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), request); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "Request %d. Another person approves it within %v with: crflink reidentify approve %s --request %d --by NAME\n",
		request, pipeline.RequestLasts, file, request)
	return err
}

func reidentifyApproveCommand() *cobra.Command {
	var f reidentifyFlags
	cmd := &cobra.Command{
		Use:   "approve STUDY.yaml --request NUMBER --by NAME",
		Short: "Approve the request of another person, and see who the subject is",
		Long: `Records the approval, looks in the source for the patient whose identity leads to the subject, and prints the patient's identifier
and id. It prints originals: see to it who reads the terminal.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return reidentifyApprove(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.Int64Var(&f.request, "request", 0, "number that the request printed")
	flags.StringVar(&f.by, "by", "", "who approves")
	flags.BoolVar(&f.json, "json", false, "write one JSON object per patient")
	for _, name := range []string{"request", "by"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the name of a flag above is misspelt
		}
	}
	return cmd
}

func reidentifyApprove(cmd *cobra.Command, file string, f reidentifyFlags) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	// The lock keeps two approvals from passing the limit side by side.
	o, err := openAs(cmd.Context(), study, f.by, (*opened).lock, (*opened).source, (*opened).vault, (*opened).ledger, (*opened).audit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	patients, err := pipeline.ApproveIdentity(cmd.Context(), o.Parts, o.log, f.request, f.by, time.Now())
	if err != nil {
		return refusal(err)
	}
	for _, p := range patients {
		if f.json {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(p)
		} else {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "subject     %s\nidentifier  %s | %s\nresource    %s\n", p.Subject, p.System, p.Value, p.Resource)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refusal gives what re-identification answers its exit code.
func refusal(err error) error {
	for is, code := range map[error]int{
		pipeline.ErrNotIssued: exitNothing, pipeline.ErrNoRequest: exitNothing, pipeline.ErrNotInSource: exitNothing,
		pipeline.ErrSamePerson: exitUsage, pipeline.ErrNobody: exitUsage, pipeline.ErrTooMany: exitServer,
	} {
		if errors.Is(err, is) {
			return coded{code, err}
		}
	}
	return coded{exitServer, err}
}
