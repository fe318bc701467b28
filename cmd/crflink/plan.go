package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/schedule"
)

// nights lists the next runs that the study's schedule asks for.
func nights(b *strings.Builder, study *pipeline.Study) error {
	if study.Schedule == "" {
		return nil
	}
	s, err := schedule.Parse(study.Schedule, study.Zone)
	if err != nil {
		return coded{exitInvalid, fmt.Errorf("%s: %w", study.File, err)}
	}
	at := time.Now()
	for range 3 {
		due, ok := s.Next(at)
		if !ok {
			return coded{exitInvalid, fmt.Errorf("%s: the schedule %q never comes true", study.File, s)}
		}
		fmt.Fprintf(b, "due        %s\n", due.At.In(study.Zone).Format("2006-01-02 15:04 MST"))
		at = due.At
	}
	return nil
}

// services lists whom a run asks besides its source.
func services(b *strings.Builder, study *pipeline.Study) {
	if c := study.Consents; c != nil {
		fmt.Fprintf(b, "consents   gICS %s, domain %s, by %s\n", c.URL, c.Domain, c.Ask)
	}
	if n := study.Numbers; n != nil {
		from := map[string]string{"gpas": "gPAS %s, domain " + n.Domain, "mainzelliste": "Mainzelliste %s, ID type " + n.NumberType, "vfps": "vfps %s, namespace " + n.Namespace}[n.From]
		fmt.Fprintf(b, "numbers    "+from+", creating them: %t\n", n.URL, n.Create)
	}
}

// policies lists the legal bases, and the forms under those that are not the default.
func policies(b *strings.Builder, policy *consent.Policy) {
	for i, p := range policy.Parts() {
		fmt.Fprintf(b, "policy     %s (%s), SHA-256 %s", p.Name(), p.Kind(), p.Hash())
		if i > 0 {
			fmt.Fprintf(b, ", of the forms %s", strings.Join(policy.FormsUnder(p), ", "))
		}
		b.WriteString("\n")
	}
}

// authorised says what the study is allowed, by whom, and who receives its data.
func authorised(b *strings.Builder, study *pipeline.Study) {
	a := study.Authorisation
	if a == nil {
		fmt.Fprintf(b, "authorised by nobody: the study names no authorisation\n")
		return
	}
	fmt.Fprintf(b, "authorised by %s, until %s, to be erased by %s\n", strings.Join(a.Numbers(), ", "), a.ValidUntil, a.EraseBy)
	var data []string
	for _, typ := range a.Scope.Types() {
		if elements := a.Scope.Elements(typ); elements != nil {
			typ += " (" + strings.Join(elements, ", ") + ")"
		}
		data = append(data, typ)
	}
	fmt.Fprintf(b, "           for %s\n", strings.Join(data, ", "))
	for _, r := range a.Recipients {
		fmt.Fprintf(b, "recipient  %s: %s\n", r.Name, strings.Join(r.Outputs, ", "))
	}
}

func planCommand() *cobra.Command {
	var counts, minimal bool
	cmd := &cobra.Command{
		Use:   "plan STUDY.yaml",
		Short: "Show what a run would read, decide by and deliver to",
		Long: `Prints the legal basis, what the study reads of a server, its source and its targets. Nothing is read; with --estimate, servers are asked how many
resources there are, and for nothing else. With --statement it prints, for a data-protection concept, which elements of which resources are used.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			study, err := loadStudy(cmd, args[0])
			if err != nil {
				return err
			}
			var b strings.Builder
			if minimal {
				statement(&b, study)
			} else {
				err = planned(&b, study)
			}
			if err == nil && counts {
				err = estimate(cmd.Context(), &b, study)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), b.String())
			return err
		},
	}
	cmd.Flags().BoolVar(&counts, "estimate", false, "ask the study's servers how many resources there are, of all patients together")
	cmd.Flags().BoolVar(&minimal, "statement", false, "print which elements of which resources the study reads, as Markdown")
	return cmd
}

func planned(b *strings.Builder, study *pipeline.Study) error {
	fmt.Fprintf(b, "study      %s %s, %s\n", study.ID, study.Version, study.Title)
	policies(b, study.Policy)
	authorised(b, study)
	if study.Cohort != nil {
		fmt.Fprintf(b, "cohort     %s\n", study.Cohort)
	}
	fmt.Fprintf(b, "profile    %s %s, dates: %s\n", study.Profile.Name(), study.Profile.Version(), study.Dates.Mode)
	reads(b, study)
	for _, s := range study.Sources {
		fmt.Fprintf(b, "source     %s: %s%s%s\n", s.Name, s.URL, strings.Join(s.Files, ", "), byExport(s.Export))
		if s.Overlay != "" {
			fmt.Fprintf(b, "           with rules of its own: %s\n", s.Overlay)
		}
	}
	if study.Several() {
		fmt.Fprintf(b, "           one person in several sources: %s\n", samePerson(study))
	}
	services(b, study)
	if e := study.Entered; e != nil {
		fmt.Fprintf(b, "entered    %s\n", cmp.Or(e.File, "target "+e.Target))
	}
	for _, t := range study.Targets {
		fmt.Fprintf(b, "target     %s: %s, %s\n", t.Name, t.Kind, t.Path)
	}
	return nights(b, study)
}

// samePerson says how persons are known over several sources.
func samePerson(study *pipeline.Study) string {
	if study.Identity.PatientID {
		return "is not known, for Patient.id names a patient; each source's patients are persons of their own"
	}
	return "is known by the identifier " + study.Identity.System + ", and is one subject"
}

// byExport says how a server is read that is not searched.
func byExport(e *pipeline.ExportSpec) string {
	switch {
	case e == nil:
		return ""
	case e.Group != "":
		return " (by $export of Group/" + e.Group + ")"
	case e.Level == "patient":
		return " (by $export of all patients)"
	}
	return " (by $export)"
}
