package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pipeline/retire"
)

// retireFlags are the flags of crflink retire.
type retireFlags struct{ by, reason, confirm string }

func retireCommand() *cobra.Command {
	var f retireFlags
	cmd := &cobra.Command{
		Use:   "retire STUDY.yaml --by NAME --reason TEXT [--confirm STUDY-ID]",
		Short: "End a study: erase what it keeps of its subjects, and leave a certificate",
		Long: `Shows what would be erased; with --confirm and the study's id it is erased for good: every subject of the ledger and the
vault, and what else lies about them in the state folder. What was delivered stays where it is: the certificate lists it as
open tasks. The audit stays, and what it says about subjects cannot be read any more. A retired study is refused by sync
(exit code 4). Doing it again finishes what was interrupted.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return retireStudy(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.by, "by", "", "who ends the study")
	flags.StringVar(&f.reason, "reason", "", "why")
	flags.StringVar(&f.confirm, "confirm", "", "the study's id; without it nothing is erased")
	return cmd
}

func retireStudy(cmd *cobra.Command, file string, f retireFlags) (err error) {
	if f.by == "" || f.reason == "" {
		return errors.New("a study is ended by somebody for a reason: give --by and --reason")
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	if f.confirm != "" && f.confirm != study.ID {
		return fmt.Errorf("--confirm %s is not the study's id, which is %s: nothing was erased", f.confirm, study.ID)
	}
	if err := needsLedger(cmd.Context(), study, fmt.Errorf("there is no state of the study in %s: nothing to retire", study.State)); err != nil {
		return err
	}
	o := &opened{Parts: pipeline.Parts{Study: study}}
	defer func() { err = errors.Join(err, o.Close()) }()
	for _, step := range []func(context.Context) error{o.lock, o.vault, o.ledger, o.audit} {
		if err := step(cmd.Context()); err != nil {
			return err
		}
	}
	parts := retire.Parts{Study: study, Ledger: o.Ledger, Vault: o.Vault, Audit: o.Audit, Clock: time.Now}
	order := retire.Order{By: f.by, Reason: f.reason}
	act := retire.Survey
	if f.confirm != "" {
		act = retire.Retire
	}
	c, err := act(cmd.Context(), parts, order)
	if err != nil {
		return coded{exitServer, fmt.Errorf("the retirement stopped; run it again to go on: %w", err)}
	}
	if _, err := fmt.Fprint(cmd.OutOrStdout(), c); err != nil {
		return err
	}
	if c.Finished == nil {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "Nothing was erased. To erase it for good, add --confirm %s\n", study.ID)
	}
	return err
}

// unretired refuses a study that has ended.
func (o *opened) unretired(context.Context) error {
	if err := retire.Check(o.Study.State); err != nil {
		return coded{exitServer, err}
	}
	return nil
}
