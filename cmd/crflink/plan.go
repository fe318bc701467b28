package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func planCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan STUDY.yaml",
		Short: "Show what a run would read, decide by and deliver to",
		Long:  "Prints the legal basis, the types of resources that the study reads, its source and its targets. Nothing is read.\n" + exitHelp,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			study, err := loadStudy(cmd, args[0])
			if err != nil {
				return err
			}
			var b strings.Builder
			fmt.Fprintf(&b, "study      %s %s, %s\n", study.ID, study.Version, study.Title)
			fmt.Fprintf(&b, "policy     %s (%s), SHA-256 %s\n", study.Policy.Name(), study.Policy.Kind(), study.Policy.Hash())
			fmt.Fprintf(&b, "profile    %s %s, dates: %s\n", study.Profile.Name(), study.Profile.Version(), study.Dates.Mode)
			fmt.Fprintf(&b, "reads      before the decision: Patient, Consent, Encounter, ResearchSubject\n")
			fmt.Fprintf(&b, "           of permitted patients: %s\n", strings.Join(study.Mapping.Types(), ", "))
			for _, s := range study.Sources {
				fmt.Fprintf(&b, "source     %s: %s%s\n", s.Name, s.URL, strings.Join(s.Files, ", "))
			}
			for _, t := range study.Targets {
				fmt.Fprintf(&b, "target     %s: %s, %s\n", t.Name, t.Kind, t.Path)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), b.String())
			return err
		},
	}
}
