package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/pipeline"
)

func approveCommand() *cobra.Command {
	var by, reason, mapping string
	cmd := &cobra.Command{
		Use:   "approve STUDY.yaml --mapping HASH --by NAME --reason TEXT",
		Short: "Let a changed mapping change what people work with",
		Long: `When rules of the mapping have changed, the cells that they fill stay as they are in a study with a target where people work,
until another person than the mapping's author has looked at crflink preview and approves. The approval is written to the ledger
and the audit; the next sync computes the cells anew and delivers them, over crflink's own values only.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			study, err := loadStudy(cmd, args[0])
			if err != nil {
				return err
			}
			o, err := openAs(cmd.Context(), study, by, (*opened).lock, (*opened).vault, (*opened).ledger, (*opened).audit)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			waited, err := pipeline.ApproveMapping(cmd.Context(), o.Parts, by, reason, mapping, time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "approved: the rules of %d items; the next sync computes their cells anew\n", len(waited.Items))
			for _, item := range waited.Items {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "  "+item)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&mapping, "mapping", "", "the beginning of the mapping's hash, as crflink preview shows it")
	cmd.Flags().StringVar(&by, "by", "", "who approves; not the author of the mapping")
	cmd.Flags().StringVar(&reason, "reason", "", "why; name no patient here")
	return cmd
}

// awaited says what waits for an approval.
func awaited(t *pipeline.Tally) []string {
	if len(t.Awaited) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d items have other rules than those that were approved: their cells stay as they were until somebody else than the author approves (crflink preview, crflink approve)", len(t.Awaited))}
}
