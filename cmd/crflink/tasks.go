package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/pipeline"
)

func tasksCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tasks",
		Short: "What persons have to do, with deadlines",
		Long: `Tasks come from withdrawals (docs/withdrawal.md), and from patients whom the site has merged or parted (docs/operations.md).
` + exitHelp,
	}
	var asJSON bool
	list := &cobra.Command{
		Use: "list STUDY.yaml", Short: "List tasks, oldest first", Long: "Reads only.\n" + exitHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return listTasks(cmd, args[0], asJSON) },
	}
	list.Flags().BoolVar(&asJSON, "json", false, "write the list as JSON to standard output")
	var f withdrawFlags
	closing := &cobra.Command{
		Use: "close STUDY.yaml --task ID --by NAME --reason TEXT", Short: "Say that a task is done", Args: cobra.ExactArgs(1),
		Long: "The word is written to the audit. A list of cells that belongs to the task is removed.\n" + exitHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.task == "" {
				return errors.New("say which task: --task T5, as in the list")
			}
			return withdrawConfirm(cmd, args[0], f)
		},
	}
	closing.Flags().StringVar(&f.task, "task", "", "a task of the list, such as T5")
	closing.Flags().StringVar(&f.by, "by", "", "the person whose word it is")
	closing.Flags().StringVar(&f.reason, "reason", "", "why; name no patient here")
	root.AddCommand(list, closing)
	return root
}

func listTasks(cmd *cobra.Command, file string, asJSON bool) (err error) {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	o, err := openWithdrawals(cmd.Context(), study, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	all, err := pipeline.ListWithdrawals(cmd.Context(), o.Parts, time.Now())
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), all.Tasks)
	}
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	if len(all.Tasks) == 0 {
		_, _ = fmt.Fprintln(t, "there is no task")
	}
	writeTasks(t, all.Tasks)
	return t.Flush()
}
