package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/synth"
)

func synthCommand() *cobra.Command {
	var o synth.Options
	var asOf, messiness, faults string
	cmd := &cobra.Command{
		Use:   "synth",
		Short: "Synthetic patients in MII profiles, with the truth",
		Long: `Writes NDJSON files of synthetic patients, one for each type of resource, and truth.ndjson: what a correct run of the example study
must yield from them. The same seed gives the same patients, however many are asked for. With --serve it also
offers them as a FHIR server until it is interrupted. With --pacs the images of their studies are there, too: as DICOM files with
their own truth in the folder pacs, and at /dicom-web beside the FHIR server.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asOf != "" {
				day, err := fhir.ParseDay(asOf)
				if err != nil {
					return fmt.Errorf("--as-of: %w", err)
				}
				o.AsOf = day
			}
			var err error
			if o.Messiness, err = synth.ParseMessiness(messiness); err != nil {
				return fmt.Errorf("--messiness: %w", err)
			}
			if o.Faults, err = faultScript(faults); err != nil {
				return fmt.Errorf("--faults: %w", err)
			}
			return synth.Run(cmd.Context(), o, cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Patients, "patients", 100, "number of patients")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the generator")
	flags.StringVar(&o.Out, "out", "", "folder for the NDJSON files")
	flags.StringVar(&o.Serve, "serve", "", "address to serve the patients at as a FHIR server, such as 127.0.0.1:8080")
	flags.BoolVar(&o.PACS, "pacs", false, "add the images of the studies: DICOM files in the folder pacs below --out, and a PACS beside --serve")
	flags.StringVar(&asOf, "as-of", "", "the day on which the synthetic hospital stands still (default 2026-09-01)")
	flags.StringVar(&messiness, "messiness", "", "clean, usual or harsh: how much of what real servers do wrong is in the data (default usual)")
	flags.StringVar(&faults, "faults", "", "JSON file of faults that the server shall show (docs/synth.md)")
	flags.BoolVar(&o.Open, "open", false, "let --serve listen on other addresses than those of this machine")
	return cmd
}

// faultScript reads a script of faults; no name is no faults.
func faultScript(name string) (*synth.Script, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Open(name) // #nosec G304 -- a file that the user named
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return synth.ReadScript(file)
}
