package main

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/report"
)

// previewFlags are the flags of crflink preview.
type previewFlags struct {
	asOf, subject, form, html string
	json, full                bool
}

func previewCommand() *cobra.Command {
	var f previewFlags
	cmd := &cobra.Command{
		Use:   "preview STUDY.yaml",
		Short: "What a sync would change, cell by cell",
		Long: `Does what crflink sync does up to the point where something would be stored or delivered, and lists every cell that would change:
what is stored, what comes in, what would be done, from which source, by which rule. Only the audit is written. What it shows are the
study's pseudonymous data. docs/preview.md lists the actions.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return preview(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.asOf, "as-of", "", "date or RFC 3339 instant (default now)")
	flags.StringVar(&f.subject, "subject", "", "show the cells of this study number only")
	flags.StringVar(&f.form, "form", "", "show the cells of this form only")
	flags.BoolVar(&f.full, "full", false, "compute every subject, also those whose data have not changed")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	flags.StringVar(&f.html, "html", "", "also write a self-contained HTML file")
	return cmd
}

func preview(cmd *cobra.Command, file string, f previewFlags) error {
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	if f.form != "" && study.Dictionary.Form(f.form) == nil {
		return errors.New("the dictionary has no form " + f.form)
	}
	asOf, err := parseAsOf(f.asOf, study.Zone)
	if err != nil {
		return err
	}
	o, err := open(cmd.Context(), study)
	if err != nil {
		return err
	}
	o.Clock = time.Now
	progress := newProgress(cmd.ErrOrStderr())
	o.Progress = progress
	shown := &pipeline.Preview{Only: func(subject string, c ecrf.CellKey) bool {
		return (f.subject == "" || f.subject == subject) && (f.form == "" || f.form == c.Form)
	}}
	outcome, runErr := pipeline.Run(cmd.Context(), o.Parts, pipeline.Options{AsOf: asOf, Preview: shown, Full: f.full, Workers: runtime.GOMAXPROCS(0), Program: version()})
	progress.done()
	if err := errors.Join(stopped(cmd.Context(), runErr), o.Close()); err != nil {
		return err
	}
	return showPreview(cmd, previewed(study, outcome, asOf), outcome, f)
}

func showPreview(cmd *cobra.Command, p report.Preview, outcome *pipeline.Outcome, f previewFlags) error {
	write := report.WritePreview
	if f.json {
		write = report.WritePreviewJSON
	}
	if err := write(cmd.OutOrStdout(), p); err != nil {
		return err
	}
	if f.html != "" {
		if err := writeHTML(f.html, func(w io.Writer) error { return report.WritePreviewHTML(w, p) }); err != nil {
			return err
		}
	}
	if !outcome.Complete() {
		return silently(exitIncomplete)
	}
	return nil
}

// atLedger is what a preview calls the ledger, beside the targets.
const atLedger = "ledger"

// previewed turns the preview of a run into the report's form.
func previewed(study *pipeline.Study, o *pipeline.Outcome, asOf time.Time) report.Preview {
	shown := o.Preview
	p := report.Preview{
		Study: report.Study{ID: study.ID, Title: study.Title, Version: study.Version}, AsOf: asOf.Format(time.RFC3339), Mapping: study.Mapping.Hash(),
		Unchanged: shown.Unchanged(), Warnings: append(awaited(&o.Tally), withdrawals(&o.Tally)...),
	}
	for _, d := range o.Tally.Deliveries {
		for _, problem := range d.Report.Problems {
			p.Warnings = append(p.Warnings, "target "+d.Target+": "+problem)
		}
	}
	counts := map[[2]string]report.Tally{}
	count := func(at, form, action string, n int) {
		t := counts[[2]string{at, form}]
		t.Add(action, n)
		counts[[2]string{at, form}] = t
	}
	for _, c := range shown.Cells(study.Dictionary) {
		if c.At == "" {
			c.At = atLedger
		}
		count(c.At, c.Form, c.Action, 1)
		p.Cells = append(p.Cells, previewCell(&c))
	}
	for slot, n := range shown.Empty() {
		count(atLedger, slot.Form, "empty", n)
	}
	places := []string{atLedger}
	for _, t := range study.Targets {
		places = append(places, t.Name)
	}
	for _, at := range places {
		for _, f := range study.Dictionary.Forms {
			if t := counts[[2]string{at, f.Name}]; t != nil {
				p.Forms = append(p.Forms, report.PreviewForm{At: at, Form: f.Name, Label: f.Label, Actions: t})
			}
		}
	}
	return p
}

func previewCell(c *pipeline.PreviewCell) report.PreviewCell {
	v := &c.Provenance
	return report.PreviewCell{
		Subject: c.Subject, At: c.At, Event: c.Event, Form: c.Form, Repeat: c.Repeat, Item: c.Item, Stored: c.Stored, Incoming: c.Incoming,
		Missing: string(c.Missing), Action: c.Action, Rule: v.Rule,
		Source:   strings.Join(strings.Fields(v.Source+" "+v.Resource+" "+v.Path), " "),
		Original: strings.TrimSpace(v.OriginalValue + " " + v.OriginalUnit),
	}
}
