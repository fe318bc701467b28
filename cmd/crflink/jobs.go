package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/operation"
	"github.com/crflink/crflink/report"
	"github.com/crflink/crflink/schedule"
)

func jobsCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "jobs", Short: "Tell crflink serve what to do",
		Long: "Speaks with crflink serve through the socket in its state folder, which only its owner may use.\n" + exitHelp,
	}
	add := func(use, short string, path func(args []string) string, args cobra.PositionalArgs) {
		root.AddCommand(&cobra.Command{
			Use: use, Short: short, Long: short + ".\n" + exitHelp, Args: args,
			RunE: func(cmd *cobra.Command, args []string) error {
				config, err := operation.Load(args[0])
				if err != nil {
					return invalid(err)
				}
				return tell(cmd.Context(), config, http.MethodPost, path(args), nil)
			},
		})
	}
	study := func(verb string) func([]string) string {
		return func(args []string) string { return "/studies/" + url.PathEscape(args[1]) + "/" + verb }
	}
	add("run CONFIG.yaml STUDY-ID", "Run a study now, also when its nights are paused or a blackout holds", study("run"), cobra.ExactArgs(2))
	add("pause CONFIG.yaml STUDY-ID", "Keep a study's nights waiting, until it is continued", study("pause"), cobra.ExactArgs(2))
	add("continue CONFIG.yaml STUDY-ID", "Let a study's nights be run again", study("continue"), cobra.ExactArgs(2))
	add("cancel CONFIG.yaml RUN", "Stop a run that is under way, or close one that waits", func(args []string) string { return "/runs/" + url.PathEscape(args[1]) + "/cancel" }, cobra.ExactArgs(2))
	add("reload CONFIG.yaml", "Read the configuration again", func([]string) string { return "/reload" }, cobra.ExactArgs(1))
	return root
}

// tell asks crflink serve, and reads its answer into a value.
func tell(ctx context.Context, config *operation.Config, method, path string, into any) error {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socketOf(config))
	}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, method, "http://serve"+path, nil)
	if err != nil {
		return err
	}
	who := actor()
	request.Header.Set(actorHeader, cmp.Or(who.For, who.Account))
	response, err := client.Do(request)
	if err != nil {
		return coded{exitServer, fmt.Errorf("crflink serve is not at work in %s, or this account may not command it", config.State)}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return coded{exitServer, err}
	}
	if response.StatusCode != http.StatusOK {
		var refused struct{ Error string }
		_ = json.Unmarshal(text, &refused)
		return coded{exitServer, errors.New(cmp.Or(refused.Error, response.Status))}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status CONFIG.yaml", Short: "How the studies of crflink serve stand: next night, under way, waiting, paused",
		Long: "Asks crflink serve. Ends with 4 when it is not at work.\n" + exitHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return showStatus(cmd, args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON to standard output")
	return cmd
}

func showStatus(cmd *cobra.Command, file string, asJSON bool) error {
	config, err := operation.Load(file)
	if err != nil {
		return invalid(err)
	}
	var now condition
	if err := tell(cmd.Context(), config, http.MethodGet, "/status", &now); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), now)
	}
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, s := range now.Studies {
		state := "waits for its night"
		switch {
		case s.Running != nil:
			state = fmt.Sprintf("run %d is under way since %s", s.Running.ID, s.Running.Started.In(config.Zone).Format("15:04"))
		case s.Paused != nil:
			state = fmt.Sprintf("paused by %s since %s, %d nights wait", s.Paused.By, s.Paused.Since.In(config.Zone).Format("2006-01-02 15:04"), len(s.Waiting))
		case len(s.Waiting) > 0:
			state = fmt.Sprintf("run %d waits until %s", s.Waiting[0].ID, s.Waiting[0].Begin.In(config.Zone).Format("15:04"))
		}
		_, _ = fmt.Fprintf(t, "%s\tnext %s\t%s\n", s.Job, s.Next.In(config.Zone).Format("2006-01-02 15:04 MST"), state)
	}
	return t.Flush()
}

// runsFlags are the flags of crflink runs.
type runsFlags struct {
	study string
	limit int
	json  bool
	run   int64
	html  string
}

func runsCommand() *cobra.Command {
	var f runsFlags
	cmd := &cobra.Command{
		Use: "runs CONFIG.yaml", Short: "What became of the runs of crflink serve, the newest first",
		Long: "Reads the book of runs, also while crflink serve is at work. With --run it prints that run's report.\n" + exitHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return showRuns(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.study, "study", "", "of this study only")
	flags.IntVar(&f.limit, "limit", 30, "how many")
	flags.BoolVar(&f.json, "json", false, "write them as JSON to standard output")
	flags.Int64Var(&f.run, "run", 0, "print the report of this run: as JSON with --json")
	flags.StringVar(&f.html, "html", "", "write that report as a self-contained HTML file")
	return cmd
}

func showRuns(cmd *cobra.Command, file string, f runsFlags) (err error) {
	config, err := operation.Load(file)
	if err != nil {
		return invalid(err)
	}
	b, err := openBook(cmd.Context(), config)
	if err != nil {
		return coded{exitServer, err}
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if f.run != 0 {
		text, err := b.Report(cmd.Context(), f.run)
		if err != nil {
			return err
		}
		return showReport(cmd, text, f)
	}
	runs, err := b.Runs(cmd.Context(), f.study, f.limit)
	if err != nil {
		return coded{exitServer, err}
	}
	if f.json {
		return writeJSON(cmd.OutOrStdout(), runs)
	}
	return writeRuns(cmd.OutOrStdout(), runs, config.Zone)
}

func showReport(cmd *cobra.Command, text []byte, f runsFlags) error {
	if text == nil {
		return fmt.Errorf("run %d has no report: it did not come to its end", f.run)
	}
	var run report.Run
	if err := json.Unmarshal(text, &run); err != nil {
		return fmt.Errorf("the report of run %d: %w", f.run, err)
	}
	if f.html != "" {
		return writeHTML(f.html, func(w io.Writer) error { return report.WriteHTML(w, run) })
	}
	if f.json {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	return report.WriteSummary(cmd.OutOrStdout(), run)
}

func writeRuns(w io.Writer, runs []schedule.Run, zone *time.Location) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range runs {
		night, begun, took := r.Nominal, "-", "-"
		if r.Asked {
			night = "asked for by " + r.By
		}
		if !r.Started.IsZero() {
			begun = r.Started.In(zone).Format("2006-01-02 15:04")
			if r.State.Over() {
				took = r.Ended.Sub(r.Started).Round(time.Second).String()
			}
		}
		said := string(r.State)
		switch {
		case r.State == schedule.Covered:
			said = fmt.Sprintf("covered by %d", r.Covered)
		case r.State == schedule.Done && r.Exit != 0, r.State == schedule.Failed:
			said = fmt.Sprintf("%s, exit code %d", r.State, r.Exit)
		case r.State == schedule.Cancelled:
			said = "cancelled by " + r.By
		}
		line, _, _ := bytes.Cut([]byte(r.Note), []byte("\n"))
		_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Job, night, begun, took, said, line)
	}
	return t.Flush()
}
