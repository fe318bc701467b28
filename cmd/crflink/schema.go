package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/cmd/crflink/schema"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "schema " + strings.Join(schema.Names(), "|"),
		Short:     "Print the JSON Schema of a file that people write, for completion in editors",
		Long:      "Prints the JSON Schema of a study, mapping, dictionary, tests, consent, serve or quantification file.\n" + exitHelp,
		Args:      cobra.ExactArgs(1),
		ValidArgs: schema.Names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := schema.Of(args[0])
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
