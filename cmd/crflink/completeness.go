package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/ecrf/monitoring"
	"github.com/crflink/crflink/ecrf/table"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/pipeline"
)

type completenessFlags struct {
	by            []string
	asJSON, asCSV bool
	overTime      bool
}

func completenessCommand() *cobra.Command {
	var f completenessFlags
	cmd := &cobra.Command{
		Use:   "completeness STUDY.yaml",
		Short: "How complete the forms are, by form, item, event and site, and over the runs",
		Long: `Counts what the last run left in the ledger of the subjects that it permitted: by value (the share of the expected cells that
have one), by variable (the share of the items that have a value anywhere), and what is missing by reason. Cells that do not
apply are not expected. It reads the ledger only.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return completeness(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.by, "by", []string{"form"}, "what to break it down by: any of form, item, event, site")
	flags.BoolVar(&f.asJSON, "json", false, "write JSON to standard output")
	flags.BoolVar(&f.asCSV, "csv", false, "write CSV to standard output, with a column per missing reason")
	flags.BoolVar(&f.overTime, "over-time", false, "show how forms, events or sites went over the runs, by value and by variable")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

// completed is what the command writes.
type completed struct {
	Subjects int                    `json:"subjects"`
	By       []monitoring.Dimension `json:"by"`
	Rows     []monitoring.Row       `json:"rows"`
	Runs     []runCompleteness      `json:"runs"` // newest first
}

// runCompleteness is how complete the study was after a run.
type runCompleteness struct {
	AsOf string `json:"asOf"`
	pipeline.Share
	Parts []partCompleteness `json:"parts"`
}

// partCompleteness is how complete a form, an event or a site was.
type partCompleteness struct {
	Dimension string `json:"dimension"`
	Name      string `json:"name"`
	pipeline.Share
}

func completeness(cmd *cobra.Command, file string, f completenessFlags) (err error) {
	dimensions, err := dimensionsOf(f.by)
	if err != nil {
		return err
	}
	study, err := loadStudy(cmd, file)
	if err != nil {
		return err
	}
	if s := study.Disclosure; s != nil && s.Reports && (f.asJSON || f.asCSV) {
		return errors.New("the study hides small numbers in files (disclosure: reports): the exact ones are shown on the terminal only, without --json and --csv")
	}
	o, err := openExisting(cmd.Context(), study, (*opened).ledger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	c, err := o.completed(cmd.Context(), dimensions)
	switch {
	case err != nil:
		return err
	case f.asJSON:
		return writeJSON(cmd.OutOrStdout(), c)
	case f.overTime && f.asCSV:
		return c.runsCSV(cmd.OutOrStdout())
	case f.overTime:
		return c.runsText(cmd.OutOrStdout())
	case f.asCSV:
		return c.csv(cmd.OutOrStdout())
	}
	return c.text(cmd.OutOrStdout())
}

// dimensionsOf reads --by. An item belongs to its form.
func dimensionsOf(names []string) ([]monitoring.Dimension, error) {
	var all []monitoring.Dimension
	for _, d := range monitoring.Dimensions() {
		if slices.Contains(names, string(d)) || d == monitoring.ByForm && slices.Contains(names, string(monitoring.ByItem)) {
			all = append(all, d)
		}
	}
	for _, name := range names {
		if !slices.Contains(monitoring.Dimensions(), monitoring.Dimension(name)) {
			return nil, fmt.Errorf("--by %s: %s", name, finding.DidYouMean(name, []string{"form", "item", "event", "site"}))
		}
	}
	return all, nil
}

// permittedBooks calls take for the casebooks of the subjects that the last run permitted.
func (o *opened) permittedBooks(ctx context.Context, take func(*ecrf.StoredCasebook) error) error {
	for book, err := range o.Ledger.Casebooks(ctx) {
		if err != nil {
			return err
		}
		if book.Facts.Outcome != pipeline.Permitted {
			continue
		}
		if err := take(book); err != nil {
			return err
		}
	}
	return nil
}

func (o *opened) completed(ctx context.Context, by []monitoring.Dimension) (completed, error) {
	a := monitoring.NewAccount(o.Study.Dictionary)
	err := o.permittedBooks(ctx, func(book *ecrf.StoredCasebook) error {
		a.Take(book)
		return nil
	})
	if err != nil {
		return completed{}, err
	}
	c := completed{Subjects: a.Subjects, By: by, Rows: a.By(by...)}
	runs, err := o.Ledger.Runs(ctx)
	for _, run := range runs {
		if _, counted := run.Counts[pipeline.CountExpected]; counted && run.Finished {
			c.Runs = append(c.Runs, o.runCompleted(run))
		}
	}
	return c, err
}

// runCompleted reads what a run remembers, its parts in the order of the dictionary, then of sites.
func (o *opened) runCompleted(run ecrf.RunRecord) runCompleteness {
	shares := pipeline.Shares(run.Counts)
	c := runCompleteness{AsOf: run.Run.AsOf.In(o.Study.Zone).Format("2006-01-02 15:04"), Share: shares[pipeline.Part{}], Parts: []partCompleteness{}}
	var parts []pipeline.Part
	for _, f := range o.Study.Dictionary.Forms {
		parts = append(parts, pipeline.Part{Dimension: pipeline.PartForm, Name: f.Name})
	}
	for _, e := range o.Study.Dictionary.Events {
		parts = append(parts, pipeline.Part{Dimension: pipeline.PartEvent, Name: e.Name})
	}
	var sites []string
	for p := range shares {
		if p.Dimension == pipeline.PartSite {
			sites = append(sites, p.Name)
		}
	}
	slices.Sort(sites)
	for _, site := range sites {
		parts = append(parts, pipeline.Part{Dimension: pipeline.PartSite, Name: site})
	}
	for _, p := range parts {
		if share, there := shares[p]; there {
			c.Parts = append(c.Parts, partCompleteness{p.Dimension, p.Name, share})
		}
	}
	return c
}

// place is where a row is counted, as the columns of its dimensions.
func (c completed) place(r monitoring.Row) []string {
	var columns []string
	for _, d := range c.By {
		columns = append(columns, map[monitoring.Dimension]string{monitoring.ByForm: r.Form, monitoring.ByItem: r.Item, monitoring.ByEvent: r.Event, monitoring.BySite: r.Site}[d])
	}
	return columns
}

func percent(share float64, ok bool) string {
	if !ok {
		return "-"
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + " %"
}

// shownReasons and shownRuns bound the text; --csv and --json have all.
const shownReasons, shownRuns = 3, 10

func (c completed) text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var head []string
	for _, d := range c.By {
		head = append(head, string(d))
	}
	_, _ = fmt.Fprintln(t, strings.Join(append(head, "filled", "expected", "by value", "by variable", "queried", "most frequent reasons"), "\t"))
	for _, r := range c.Rows {
		_, _ = fmt.Fprintln(t, strings.Join(append(c.place(r), strconv.Itoa(r.Filled), strconv.Itoa(r.Expected), percent(r.Share()), percent(r.VariableShare()), strconv.Itoa(r.Queried), frequent(r.Missing)), "\t"))
	}
	_, _ = fmt.Fprintf(t, "\n%d subjects\n", c.Subjects)
	for i, run := range c.Runs {
		if i == 0 {
			_, _ = fmt.Fprintln(t, "\nas-of\tfilled\texpected\tby value")
		}
		if i < shownRuns {
			_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", run.AsOf, run.Filled, run.Expected, percent(float64(run.Filled)/float64(max(run.Expected, 1)), run.Expected > 0))
		}
	}
	return t.Flush()
}

// frequent names the reasons that come most often.
func frequent(missing map[ecrf.MissingReason]int) string {
	reasons := present([]monitoring.Row{{Missing: missing}})
	slices.SortStableFunc(reasons, func(a, b ecrf.MissingReason) int { return missing[b] - missing[a] })
	var words []string
	for _, r := range reasons[:min(len(reasons), shownReasons)] {
		words = append(words, fmt.Sprintf("%d %s", missing[r], r))
	}
	return strings.Join(words, ", ")
}

// present lists the reasons that rows have, in the order of the published list.
func present(rows []monitoring.Row) []ecrf.MissingReason {
	return slices.DeleteFunc(ecrf.MissingReasons(), func(reason ecrf.MissingReason) bool {
		return !slices.ContainsFunc(rows, func(r monitoring.Row) bool { return r.Missing[reason] > 0 })
	})
}

func (c completed) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	var head []string
	for _, d := range c.By {
		head = append(head, string(d))
	}
	head = append(head, "filled", "expected", "queried", "variables", "variables_filled")
	reasons := present(c.Rows)
	for _, r := range reasons {
		head = append(head, string(r))
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, r := range c.Rows {
		line := c.place(r)
		for i := range line {
			line[i] = table.Escape(line[i])
		}
		for _, n := range []int{r.Filled, r.Expected, r.Queried, r.Variables, r.Seen} {
			line = append(line, strconv.Itoa(n))
		}
		for _, reason := range reasons {
			line = append(line, strconv.Itoa(r.Missing[reason]))
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
