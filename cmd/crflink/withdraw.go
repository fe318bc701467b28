package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/pipeline"
)

// withdrawFlags are the flags of crflink withdraw.
type withdrawFlags struct {
	json          bool
	by, reason    string
	subject, task string
}

func withdrawCommand() *cobra.Command {
	var f withdrawFlags
	root := &cobra.Command{
		Use:   "withdraw",
		Short: "Who withdrew, what became of it, and what is still to be done",
		Long: `A readable refusal, or a person's word, withdraws a subject: what was delivered is erased, kept or anonymised as the consent
policy says (docs/withdrawal.md). A missing, expired or unreadable consent never erases anything.
` + exitHelp,
	}
	list := &cobra.Command{
		Use: "list STUDY.yaml", Short: "List withdrawals and open tasks, by study number or tombstone", Long: "Reads only.\n" + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return withdrawList(cmd, args[0], f) },
	}
	run := &cobra.Command{
		Use: "run STUDY.yaml", Short: "Carry out withdrawals that were begun", Args: cobra.ExactArgs(1),
		Long: `Carries out what was begun and not finished, and what a restored backup has undone. It reads no source; sync does the same
before anything else. Running again does no harm.
` + exitHelp,
		RunE: func(cmd *cobra.Command, args []string) error { return withdrawRun(cmd, args[0], f) },
	}
	confirm := &cobra.Command{
		Use: "confirm STUDY.yaml", Short: "Give a person's word: for a stopped run, a subject or a task", Args: cobra.ExactArgs(1),
		Long: `Without --subject and --task: the patients of the run that the safety limit stopped are lost indeed; the next run passes, and
those of them who refused are withdrawn.
With --subject: this subject withdraws, such as by letter. With --task: the task is done, or what it asks for is allowed.
` + exitHelp,
		RunE: func(cmd *cobra.Command, args []string) error { return withdrawConfirm(cmd, args[0], f) },
	}
	for _, cmd := range []*cobra.Command{list, run, confirm} {
		cmd.Flags().BoolVar(&f.json, "json", false, "write the list as JSON to standard output")
		root.AddCommand(cmd)
	}
	confirm.Flags().StringVar(&f.by, "by", "", "the person whose word it is")
	confirm.Flags().StringVar(&f.reason, "reason", "", "why; name no patient here")
	confirm.Flags().StringVar(&f.subject, "subject", "", "study number of a subject who withdraws")
	confirm.Flags().StringVar(&f.task, "task", "", "a task of the list, such as T5")
	return root
}

// openWithdrawals opens what withdrawals need, not the source: with write, also the study's lock and targets.
func openWithdrawals(ctx context.Context, study *pipeline.Study, write bool) (*opened, error) {
	if err := needsLedger(ctx, study, noLedger(study)); err != nil {
		return nil, err
	}
	o := &opened{Parts: pipeline.Parts{Study: study, Clock: time.Now, Progress: silence{}}}
	steps := []func(context.Context) error{o.vault, o.readJournal, o.ledger}
	if write {
		steps = []func(context.Context) error{o.lock, o.unretired, o.vault, o.journal, o.ledger, o.audit, o.targets}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, o.Close())
		}
	}
	return o, nil
}

// withWithdrawals loads a study, opens what withdrawals need and shows the list behind f's work.
func withWithdrawals(cmd *cobra.Command, file string, write bool, flags withdrawFlags, work func(*opened) error) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	o, err := openWithdrawals(cmd.Context(), study, write)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	worked := work(o)
	var c coded
	if worked != nil && !errors.As(worked, &c) {
		return worked
	}
	list, err := pipeline.ListWithdrawals(cmd.Context(), o.Parts, time.Now())
	if err != nil {
		return err
	}
	if flags.json {
		return errors.Join(worked, writeJSON(cmd.OutOrStdout(), list))
	}
	return errors.Join(worked, writeWithdrawals(cmd.OutOrStdout(), list))
}

func withdrawList(cmd *cobra.Command, file string, f withdrawFlags) error {
	return withWithdrawals(cmd, file, false, f, func(*opened) error { return nil })
}

func withdrawRun(cmd *cobra.Command, file string, f withdrawFlags) error {
	return withWithdrawals(cmd, file, true, f, func(o *opened) error {
		did, failures, err := pipeline.Withdraw(cmd.Context(), o.Parts, time.Now())
		if err != nil {
			return fmt.Errorf("withdraw: %w", err)
		}
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d withdrawals carried out, %d wait for a person, %d failed\n", did.Done, did.Waiting, did.Failed)
		for _, failure := range failures {
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), failure.Reason)
		}
		if did.Failed > 0 {
			return silently(exitIncomplete)
		}
		return nil
	})
}

func withdrawConfirm(cmd *cobra.Command, file string, f withdrawFlags) error {
	switch {
	case f.by == "" || f.reason == "":
		return errors.New("say who confirms and why: --by NAME --reason TEXT")
	case f.subject != "" && f.task != "":
		return errors.New("--subject and --task are two words; give them one after the other")
	}
	word := pipeline.Word{By: f.by, Reason: f.reason, At: time.Now()}
	return withWithdrawals(cmd, file, true, f, func(o *opened) error {
		said, err := give(cmd.Context(), o.Parts, f, word)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), said)
		return err
	})
}

// give hands a person's word over, and returns what follows from it.
func give(ctx context.Context, parts pipeline.Parts, f withdrawFlags, word pipeline.Word) (string, error) {
	switch {
	case f.subject != "":
		n, err := pipeline.OrderWithdrawal(ctx, parts, f.subject, word)
		if err != nil {
			return "", fmt.Errorf("--subject: %w", err)
		}
		return fmt.Sprintf("W%d has begun; crflink withdraw run, or the next sync, carries it out", n), nil
	case f.task != "":
		n, err := strconv.Atoi(strings.TrimPrefix(f.task, "T"))
		if err != nil {
			return "", fmt.Errorf("--task %s: write it as in the list, such as T5", f.task)
		}
		if _, err := pipeline.CloseTask(ctx, parts, n, word); err != nil {
			return "", fmt.Errorf("--task %s: %w", f.task, err)
		}
		return fmt.Sprintf("T%d is closed", n), nil
	}
	lost, withdrawn, err := pipeline.ConfirmLimit(ctx, parts, word)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d patients are confirmed as lost, and the next sync passes with them; %d of them withdraw", lost, withdrawn), nil
}
