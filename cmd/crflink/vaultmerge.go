package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/audit"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/withdrawal"
)

func joinCommand() *cobra.Command {
	var keep, drop string
	cmd := &cobra.Command{
		Use:   "join STUDY.yaml --keep NUMBER --drop NUMBER",
		Short: "Let two subjects be one, after the site has merged their patients",
		Long: `From the next run on the patient of the dropped number is the one of the kept number. What the targets hold under the dropped
number stays there: see to it first. Its secret stays in the vault, so that what was delivered is recognised.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeVault(cmd, args[0], func(o *opened) error {
				if err := o.Vault.Join(cmd.Context(), keep, drop); err != nil {
					return fmt.Errorf("join %s and %s: %w", keep, drop, err)
				}
				err := errors.Join(o.changed(cmd.Context(), audit.VaultChange{What: "joined"}, keep), o.changed(cmd.Context(), audit.VaultChange{What: "dropped"}, drop))
				err = errors.Join(err, pipeline.AnswerSubjectTask(&o.Parts, withdrawal.Merged, time.Now(), keep, drop))
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "The patient of %s is %s from now on; nothing more is delivered under %s.\n", drop, keep, drop)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "the number that stays, of the surviving patient")
	cmd.Flags().StringVar(&drop, "drop", "", "the number that goes")
	return cmd
}

func partCommand() *cobra.Command {
	var number, to string
	cmd := &cobra.Command{
		Use:   "part STUDY.yaml --number NUMBER [--to NUMBER] <IDENTIFIER",
		Short: "Take a patient off a subject, after the site has parted what it had merged",
		Long: `Reads the patient's identifier from standard input, never from the command line, where others could see it. From the next run
on that patient is somebody else: the subject that --to names, as it was before a join, or whoever enrolment says. The subject is computed without their data: the next run
lists every delivered cell of both subjects that vanishes or changes, as a file in the state folder and in the report, and a task
waits until somebody has seen to them (crflink tasks).
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeVault(cmd, args[0], func(o *opened) error { return part(cmd, o, number, to) })
		},
	}
	cmd.Flags().StringVar(&number, "number", "", "the number of the subject that the patient is taken off")
	cmd.Flags().StringVar(&to, "to", "", "the number that the patient had before the merge")
	return cmd
}

func part(cmd *cobra.Command, o *opened, number, to string) error {
	v, study := o.Vault, o.Study
	text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 4096))
	if err != nil {
		return err
	}
	id := pseudonym.Identity{System: study.Identity.System, Value: strings.TrimSpace(string(text))}
	if study.Identity.PatientID {
		id.System = "Patient.id"
	}
	subject, err := v.Subject(cmd.Context(), id)
	if err == nil && subject.Number() != number {
		err = errors.New("the identifier on standard input leads to another subject")
	}
	if err == nil && to != "" {
		_, err = v.SubjectOf(cmd.Context(), to)
	}
	if err == nil {
		err = v.Batch(cmd.Context(), func(ctx context.Context) error {
			err := v.Detach(ctx, id)
			if err == nil && to != "" {
				err = v.Link(ctx, to, id)
			}
			return err
		})
	}
	if err == nil {
		err = errors.Join(o.changed(cmd.Context(), audit.VaultChange{What: "parted"}, number), partTasks(o, number, to))
	}
	if err != nil {
		return fmt.Errorf("part a patient from %s: %w", number, err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "The patient is no longer %s. The next run computes %s without their data, and lists every delivered cell that vanishes or changes: crflink tasks list.\n", number, number)
	return err
}

// partTasks opens the task to mend what was delivered of the wrong patient, and closes the one that asked for the parting.
func partTasks(o *opened, number, to string) error {
	about := []string{number}
	if to != "" {
		about = append(about, to)
	}
	return errors.Join(pipeline.OpenSubjectTask(&o.Parts, withdrawal.Parted, time.Now(), about...), pipeline.AnswerSubjectTask(&o.Parts, withdrawal.Shared, time.Now(), number))
}

// changeVault opens a study's vault, which must be there, for a change while no run is under way.
func changeVault(cmd *cobra.Command, file string, change func(*opened) error) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	o := &opened{Parts: pipeline.Parts{Study: study}}
	defer func() { err = errors.Join(err, o.Close()) }()
	if _, err := o.vaultToChange(cmd.Context()); err != nil {
		return err
	}
	if err := errors.Join(o.journal(cmd.Context()), o.ledger(cmd.Context()), o.audit(cmd.Context())); err != nil {
		return err
	}
	return change(o)
}
