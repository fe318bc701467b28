package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint STUDY.yaml",
		Short: "Check a study file and everything it names",
		Long:  "Prints every finding with its place, the source line and a hint. Errors end with exit code 2.\n" + exitHelp,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			study, err := loadStudy(cmd, args[0])
			if err != nil {
				return err
			}
			items := 0
			for _, f := range study.Dictionary.Forms {
				items += len(f.Items)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d forms, %d items, no errors\n", args[0], len(study.Dictionary.Forms), items)
			return err
		},
	}
}
