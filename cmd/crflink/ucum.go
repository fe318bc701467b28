package main

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/apd/v3"
	"github.com/spf13/cobra"

	"github.com/crflink/crflink/fhir/ucum"
)

func ucumCommand() *cobra.Command {
	parent := &cobra.Command{Use: "ucum", Short: "Units of measure (UCUM)"}
	convert := &cobra.Command{
		Use:   "convert VALUE FROM TO",
		Short: "Convert a value between UCUM units",
		Long: `Prints the value in the other unit. What cannot be converted is refused with exit code 3 and the reason.
Operands may begin with a dash: crflink ucum convert -40 [degF] Cel
` + exitHelp,
		DisableFlagParsing: true,
		RunE:               convertUnits,
	}
	parent.AddCommand(convert)
	return parent
}

func convertUnits(cmd *cobra.Command, args []string) error {
	args, _, help, err := operands(args)
	if help {
		return cmd.Help()
	}
	if err != nil || len(args) != 3 {
		return errors.New("usage: crflink ucum convert VALUE FROM TO")
	}
	value, _, err := apd.NewFromString(args[0])
	if err != nil || value.Form != apd.Finite {
		return fmt.Errorf("%q is not a number", args[0])
	}
	converted, err := ucum.Convert(value, args[1], args[2])
	if err != nil {
		return withCode(exitNothing, err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), converted.Text('f'))
	return err
}
