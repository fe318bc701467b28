package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/internal/checkup"
	"github.com/crflink/crflink/internal/yamldoc"
	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/pipeline"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor STUDY.yaml|CONFIG.yaml...",
		Short: "Find out whether every server and place that a study needs can be used",
		Long: `Asks each server once: is it reached, until when its certificate is good, does it take the credentials, may the account
read, how many resources of each type there are, does its search heed what crflink asks; is its clock right. Looks at
vault, state and targets, too. Nothing is written. Of patients it reads one page of Patients, and shows nothing of it.
A configuration of crflink serve stands for all its studies. Ends with 4 when a run would fail.
` + exitHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return doctor(cmd, args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the remarks as JSON to standard output")
	return cmd
}

func doctor(cmd *cobra.Command, files []string, asJSON bool) error {
	all := []checkup.Remark{}
	studies, err := studiesOf(files)
	if err != nil {
		return err
	}
	for _, file := range studies {
		study, err := loadStudy(cmd, file)
		if err != nil {
			return err
		}
		all = append(all, examine(cmd.Context(), study)...)
	}
	write := writeRemarks
	if asJSON {
		write = func(w io.Writer, all []checkup.Remark) error { return writeJSON(w, all) }
	}
	if err := write(cmd.OutOrStdout(), all); err != nil {
		return err
	}
	if checkup.IsBad(all) {
		return silently(exitServer)
	}
	return nil
}

// studiesOf replaces configurations of crflink serve by the studies that they name.
func studiesOf(files []string) (studies []string, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file) // #nosec G304 -- a file that the user named
		if err != nil {
			return nil, err
		}
		doc := yamldoc.Parse(file, text)
		if !slices.ContainsFunc(doc.Root().Entries(), func(v yamldoc.Value) bool { return v.Key() == "crflink-serve" }) {
			studies = append(studies, file)
			continue
		}
		config, err := operation.Load(file)
		if err != nil {
			return nil, invalid(err)
		}
		for _, n := range config.Nights {
			studies = append(studies, n.Study)
		}
	}
	return studies, nil
}

func writeRemarks(w io.Writer, all []checkup.Remark) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	bad, doubtful, of := 0, 0, ""
	for _, m := range all {
		shown := m.Of
		if shown == of {
			shown = ""
		}
		of = m.Of
		verdict := map[checkup.Verdict]string{checkup.Good: "ok", checkup.Doubtful: "?", checkup.Bad: "BAD"}[m.Verdict]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", shown, m.Check, verdict, strings.ReplaceAll(m.Said, "\n", " "))
		if m.Hint != "" {
			_, _ = fmt.Fprintf(t, "\t\t\t→ %s\n", m.Hint)
		}
		switch m.Verdict {
		case checkup.Bad:
			bad++
		case checkup.Doubtful:
			doubtful++
		case checkup.Good:
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d checks, %d bad, %d doubtful\n", len(all), bad, doubtful)
	return err
}

// examine looks at everything that a run of the study needs.
func examine(ctx context.Context, study *pipeline.Study) (all []checkup.Remark) {
	e := &examination{study: study, now: time.Now}
	for _, step := range []func(context.Context){e.authorisation, e.sources, e.consents, e.numbers, e.pacs, e.vault, e.ledger, e.state, e.targets} {
		step(ctx)
	}
	for _, r := range e.reports {
		all = append(all, r.Remarks...)
	}
	return all
}

// examination is under way for one study.
type examination struct {
	study   *pipeline.Study
	now     func() time.Time
	reports []*checkup.Report
}

func (e *examination) about(of string) *checkup.Report {
	r := &checkup.Report{Of: of}
	e.reports = append(e.reports, r)
	return r
}

func (e *examination) authorisation(context.Context) {
	a := e.study.Authorisation
	if a == nil {
		return
	}
	r := e.about("study " + e.study.ID)
	if err := a.On(fhir.DayOf(e.now().In(e.study.Zone))); err != nil {
		r.Bad("authorisation", err, "a run reads nothing")
		return
	}
	r.Good("authorisation", "good until "+a.ValidUntil.String())
}
